// SPDX-License-Identifier: MIT
// What `ip link set` says of a device of any kind, and xbond hands on to the kernel: the one list.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "user/core/options/options.h"
#include "xbond/result.h"

namespace xbond::api {

struct DeviceWord {
    std::string_view name;
    std::string_view alias;  // as ip takes it, too
    std::string_view values; // for people: "on|off", "N", "TEXT"
    std::uint32_t flag = 0;  // of the device, for on|off; IFF_*
    bool inverted = false;   // `off` sets it
};
std::span<const DeviceWord> device_words();
const DeviceWord *find_device_word(std::string_view name_or_alias);

std::optional<bool> on_or_off(std::string_view);
std::optional<std::uint32_t> device_number(std::string_view); // "default" is 0
Result<void> check_device_word(const core::OptionValue &);    // EINVAL, and what was expected

} // namespace xbond::api
