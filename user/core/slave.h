// SPDX-License-Identifier: MIT
// One slave as the bond sees it (reference 0.3, 1.3).
#pragma once

#include <cstdint>
#include <string>

#include "user/monitor/link.h"
#include "xbond/types.h"

namespace xbond::core {

using Link = monitor::Link;
std::string_view link_text(Link); // "up", "going down", "down", "going back" (7.1)

inline constexpr std::uint32_t speed_unknown = 0xffffffff; // Mb/s
inline constexpr std::uint8_t duplex_half = 0, duplex_full = 1, duplex_unknown = 255;

struct Slave {
    SlotId slot = no_slot;
    std::uint32_t ifindex = 0;
    std::string name;
    MacAddr perm_mac; // 1.5: the address to show and to restore
    MacAddr mac;      // the address it has now
    // observed
    bool running = false; // administratively up
    bool carrier = false;
    std::uint32_t speed = speed_unknown;
    std::uint8_t duplex = duplex_unknown;
    // monitor
    Link link = Link::down;
    std::uint32_t delay = 0; // ticks left in FAIL or BACK
    std::uint32_t failures = 0;
    Time last_link_up{};
    // flags of 1.3
    bool backup = false;
    bool inactive = false;
    // per-slave options
    std::int32_t prio = 0;
    std::uint16_t queue_id = 0;

    bool up() const { return running && carrier; }                      // up(s)
    bool can_tx() const { return up() && link == Link::up && !backup; } // can_tx(s)
};

} // namespace xbond::core
