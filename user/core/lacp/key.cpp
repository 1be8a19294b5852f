// SPDX-License-Identifier: MIT
// Keys: ports aggregate only if theirs are equal.
#include <algorithm>
#include <array>

#include "user/core/lacp/state.h"

namespace xbond::lacp {
namespace {

// The code of a speed is its place in this list, counted from 1; 0 is unknown. Part of EVPN type 1 ESIs: append only.
constexpr std::array<std::uint32_t, 19> speeds_mbps{1,      10,     100,    1000,   2500,   5000,  10000,
                                                    14000,  20000,  25000,  40000,  50000,  56000, 80000,
                                                    100000, 200000, 400000, 800000, 1600000};

} // namespace

std::uint16_t operational_key(std::uint16_t user_key, std::uint32_t speed, bool full_duplex) {
    const auto *const found = std::ranges::find(speeds_mbps, speed);
    const auto code = found == speeds_mbps.end() ? 0 : found - speeds_mbps.begin() + 1;
    return static_cast<std::uint16_t>(user_key << 6 | code << 1 | (full_duplex ? 1 : 0));
}

} // namespace xbond::lacp
