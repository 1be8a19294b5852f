// SPDX-License-Identifier: MIT
// One slave as the bond sees it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "user/core/link/link.h"
#include "xbond/types.h"

namespace xbond::core {

using Link = monitor::Link;
std::string_view link_text(Link); // "up", "going down", "down", "going back" (`text.proc`)

inline constexpr std::uint32_t speed_unknown = 0xffffffff; // Mb/s
inline constexpr std::uint8_t duplex_half = 0, duplex_full = 1, duplex_unknown = 255;

struct Slave {
    SlotId slot = no_slot;
    std::uint32_t ifindex = 0;
    std::string name;
    MacAddr perm_mac; // the address to show and to restore
    MacAddr mac;      // the address it has now
    // observed
    bool running = false; // administratively up
    bool carrier = false;
    std::uint32_t speed = speed_unknown;
    std::uint8_t duplex = duplex_unknown;
    // The carrier has come at that time and is not trusted yet: nothing is sent here while another link can send. None:
    // trusted, or there is no carrier.
    std::optional<Time> unsteady_since{};
    // monitor
    Link link = Link::down; // what follows from the monitors that run
    Link mii = Link::down;  // what each of them says: with one alone, the same as `link`
    Link arp = Link::down;
    std::string reason;      // why `link` last changed
    std::uint32_t delay = 0; // of the MII monitor: ticks left in FAIL or BACK
    std::uint32_t failures = 0;
    Time last_link_up{};
    // times of the ARP/NS monitor (`arp.times`), merged from the data path's stamps
    Time last_rx{};
    Time last_tx{}; // of a probe
    std::array<Time, XB_MAX_TARGETS> target_rx{};
    // `receive.flags`
    bool backup = false;
    bool suppressed = false;
    // per-slave options
    std::int32_t prio = 0;
    std::uint16_t queue_id = 0;
    std::uint16_t actor_port_prio = 255;

    bool operator==(const Slave &) const = default;
    std::uint32_t known_speed() const { return speed == speed_unknown ? 0 : speed; }
    bool up() const { return running && carrier; }         // up(s)
    bool ready() const { return up() && !unsteady_since; } // and its other end has had time to be ready, too
    bool can_tx() const { return ready() && link == Link::up && !backup; } // can_tx(s)
};

} // namespace xbond::core
