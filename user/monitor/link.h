// SPDX-License-Identifier: MIT
// The state in which a link monitor holds a slave (reference 0.3).
#pragma once

#include <cstdint>

namespace xbond::monitor {

enum class Link : std::uint8_t { up = 0, fail = 1, down = 2, back = 3 };

} // namespace xbond::monitor
