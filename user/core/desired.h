// SPDX-License-Identifier: MIT
// The whole data path and device state that a bond wants, recomputed after every event. The daemon diffs it against
// what it applied and writes only the differences (design.md section 4).
#pragma once

#include <cstdint>
#include <vector>

#include "user/core/options.h"
#include "user/core/slave.h"

namespace xbond::core {

struct DesiredSlave {
    SlotId slot = no_slot;
    std::uint32_t ifindex = 0;
    MacAddr mac;
    std::uint16_t queue_id = 0; // 0 while the link is not UP (1.9)
    bool suppress = false;      // receive suppression (1.3 `inactive`)
    SlotId fallback = no_slot;  // next slot to try when this one lost carrier
    bool carries_lists = true;  // promisc, allmulti and multicast lists of the bond belong here (1.8)
    bool operator==(const DesiredSlave &) const = default;
};

struct Desired {
    Mode mode = Mode::round_robin;
    HashPolicy policy = HashPolicy::layer2;
    std::uint32_t packets_per_slave = 1;
    MacAddr bond_mac;
    bool carrier = false; // of the bond (1.10)
    SlotId active = no_slot;
    SlotId igmp = no_slot;            // mode 0 (1.2)
    std::vector<SlotId> pick;         // see xb_bank; no_slot = position may not send
    std::vector<DesiredSlave> slaves; // enslavement order
    XdpPolicy xdp = XdpPolicy::automatic;
    Visibility visibility = Visibility::automatic;
    std::uint32_t carrier_watch_ms = 1;
    bool operator==(const Desired &) const = default;
};

} // namespace xbond::core
