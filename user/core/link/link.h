// SPDX-License-Identifier: MIT
// The state in which a link monitor holds a slave, and what follows from two monitors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace xbond::monitor {

enum class Link : std::uint8_t { up = 0, fail = 1, down = 2, back = 3 };

// From best to worst: up, on its way there, on its way down, down.
constexpr bool is_better(Link a, Link b) {
    constexpr std::array<int, 4> rank{0, 2, 3, 1};
    return rank.at(static_cast<std::size_t>(a)) < rank.at(static_cast<std::size_t>(b));
}
constexpr Link better(Link a, Link b) { return is_better(b, a) ? b : a; }
constexpr Link worse(Link a, Link b) { return is_better(b, a) ? a : b; }

} // namespace xbond::monitor
