// SPDX-License-Identifier: MIT
// What `ip link set` says of a device of any kind, as a change of the link and the one that takes it back.
#pragma once

#include <span>

#include "user/core/options/options.h"
#include "user/sys/netlink.h"

namespace xbond::daemon {

struct DeviceChange {
    sys::LinkChange to, back;
    bool empty = true;
};

// Of words that api::check_device_word() has found good.
DeviceChange device_change(const sys::LinkInfo &, std::span<const core::OptionValue> words);

} // namespace xbond::daemon
