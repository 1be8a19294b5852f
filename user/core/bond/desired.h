// SPDX-License-Identifier: MIT
// The whole data path and device state that a bond wants, recomputed after every event. The daemon diffs it against
// what it applied and writes only the differences.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "user/core/link/slave.h"
#include "user/core/options/options.h"

namespace xbond::core {

// What of the received frames the data path stamps (`arp.validate`).
enum class Hear : std::uint8_t {
    nothing,
    any,   // every frame
    arp,   // every ARP and every IPv6 frame
    valid, // ARP, NS and NA that pass `arp.valid`
};

struct DesiredMonitor { // of ARP and NS: what validation needs (`arp.valid`)
    bool on = false;
    // Rule (b): receptions on backups count once the active slave's rx() is later than this; none: no active slave.
    std::optional<Time> heard_after;
    // Rule (c): replies count on any backup from .. until; both zero: no candidate.
    Time probe_from{}, probe_until{};
    bool all_targets = false; // rx() is the oldest target stamp instead of last_rx
    std::vector<Ipv4Addr> targets;
    std::vector<Ipv6Addr> targets6;
    bool operator==(const DesiredMonitor &) const = default;
};

struct DesiredSlave {
    SlotId slot = no_slot;
    std::uint32_t ifindex = 0;
    MacAddr mac;
    std::uint16_t queue_id = 0;  // 0 while the link is not UP (`select.queue`)
    bool suppress = false;       // receive suppression (a backup hears nothing)
    bool suppress_flood = false; // of multicast and broadcast only
    bool promisc = false;        // it listens for a dead slave too (`balance.dead`)
    std::uint32_t speed = 0;     // Mb/s, for load balancing
    SlotId fallback = no_slot;   // next slot to try when this one lost carrier
    Hear hear = Hear::nothing;
    bool backup = false;           // state backup (`receive.flags`): says which rule of `arp.valid` applies
    std::vector<MacAddr> ns_joins; // multicast addresses to join for NS targets (`arp.ns_groups`)
    bool carries_lists = true;     // promisc, allmulti and multicast lists of the bond belong here (`address.lists`)
    bool operator==(const DesiredSlave &) const = default;
};

struct Desired {
    ProgramSet programs;
    bool balances_clients = false; // ARP of bridges above the bond is to be left alone (`balance.clients`)
    MacAddr bond_mac;
    bool carrier = false; // of the bond (`carrier.bond`)
    SlotId active = no_slot;
    SlotId igmp = no_slot;            // mode 0 (`select.mode`)
    std::vector<SlotId> pick;         // see xb_bank; no_slot = position may not send
    std::vector<DesiredSlave> slaves; // enslavement order
    XdpPolicy xdp = XdpPolicy::automatic;
    std::string xsk_allow; // rules of what AF_XDP sockets of applications get
    Visibility visibility = Visibility::automatic;
    ReceivePath receive = ReceivePath::automatic;
    std::uint32_t carrier_watch_ms = 1; // 0 also while the bond is down or has no slave
    bool broadcast_neighbor = false;    // ARP and neighbour discovery go to every position of `pick`
    std::uint32_t lease_ms = 0;         // sends no longer than this without the controller; 0: for ever
    DesiredMonitor monitor;
    bool operator==(const Desired &) const = default;
};

} // namespace xbond::core
