// SPDX-License-Identifier: MIT
#include "user/api/device_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

namespace xbond::api {
namespace {

// IFF_* of the kernel's headers, which pure code does not include.
constexpr std::uint32_t iff_noarp = 0x80, iff_promisc = 0x100, iff_allmulti = 0x200, iff_multicast = 0x1000;

constexpr std::size_t longest_alias = 255; // IFALIASZ without its NUL

constexpr std::array words{DeviceWord{"txqueuelen", "qlen", "N"},
                           DeviceWord{"txqlen", "", "N"},
                           DeviceWord{"alias", "", "TEXT"},
                           DeviceWord{"group", "", "N|default"},
                           DeviceWord{"promisc", "", "on|off", iff_promisc},
                           DeviceWord{"allmulticast", "", "on|off", iff_allmulti},
                           DeviceWord{"multicast", "", "on|off", iff_multicast},
                           DeviceWord{"arp", "", "on|off", iff_noarp, true}};

} // namespace

std::span<const DeviceWord> device_words() { return words; }

const DeviceWord *find_device_word(std::string_view word) {
    const auto found = std::ranges::find_if(
        words, [&](const DeviceWord &row) { return row.name == word || (!row.alias.empty() && row.alias == word); });
    return found == words.end() ? nullptr : &*found;
}

std::optional<bool> on_or_off(std::string_view text) {
    return text == "on" ? std::optional(true) : text == "off" ? std::optional(false) : std::nullopt;
}

std::optional<std::uint32_t> device_number(std::string_view text) {
    if (text == "default") {
        return 0;
    }
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = !text.empty() && error == std::errc{} && end == text.data() + text.size();
    return whole ? std::optional(number) : std::nullopt;
}

Result<void> check_device_word(const core::OptionValue &word) {
    const auto *row = find_device_word(word.name);
    if (row == nullptr) {
        return fail(EINVAL, "unknown device option '" + word.name + "'");
    }
    const bool good = row->flag != 0          ? on_or_off(word.value).has_value()
                      : row->values == "TEXT" ? word.value.size() <= longest_alias
                                              : device_number(word.value).has_value();
    return good ? Result<void>{}
                : fail(EINVAL, word.name + ": expected " + std::string(row->values) + ", got \"" +
                                   word.value.substr(0, 64) + "\"");
}

} // namespace xbond::api
