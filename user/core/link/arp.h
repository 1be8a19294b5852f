// SPDX-License-Identifier: MIT
// The ARP/NS monitor's decisions about one slave, and whom to probe next. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "user/core/link/link.h"
#include "xbond/types.h"

namespace xbond::monitor {

// The windows (`arp.window`) as seen at one moment.
struct ArpWindow {
    Time now{};
    Time interval{}; // arp_interval
    std::uint32_t missed_max = 2;

    Time until(Time since, std::uint32_t intervals) const { return since + interval * intervals + interval / 2; }
    bool in(Time since, std::uint32_t intervals) const {
        return now >= since - interval && now <= until(since, intervals);
    }
};

struct ArpSlave {
    Link link = Link::down;
    bool backup = false; // state backup (`receive.flags`)
    Time last_tx{};      // of a probe
    Time rx{};           // rx(s) of `arp.times`; the load-balancing monitor takes last_rx
    Time last_link_up{};
};

struct ArpVerdict {
    Link link = Link::down;
    std::string reason; // "nothing heard for 2600 ms (limit 2500 ms)"
};

// Each gives the link to propose, none if nothing changes (`arp.balanced`, `arp.active`).
std::optional<ArpVerdict> inspect_balanced(const ArpSlave &, const ArpWindow &);
std::optional<ArpVerdict> inspect_active_backup(const ArpSlave &, const ArpWindow &, bool has_candidate);

// rx(s) with arp_all_targets=all: the oldest over the configured IPv4 targets; the first always counts.
Time oldest_target(std::span<const Time, XB_MAX_TARGETS> target_rx, std::size_t targets);

struct SearchSlave {
    SlotId slot = no_slot;
    bool up = false; // up(s)
};
// The next slave to probe while none is active, round robin in list order. Without a candidate the search begins
// after the first slave. no_slot: none is up.
SlotId next_candidate(std::span<const SearchSlave>, SlotId candidate);

} // namespace xbond::monitor
