// SPDX-License-Identifier: MIT
// Every fact that tells one bonding mode from another: one row a mode. Whoever needs to know asks traits(mode); nobody
// else compares modes. What both sides of the data path ask is answered by xb_mode_*() in xbond/numbers.h.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "xbond/types.h"

namespace xbond::core {

constexpr unsigned number_of(Mode mode) { return static_cast<unsigned>(mode); }

struct ModeTraits {
    Mode mode;
    std::string_view keyword;   // iproute2's
    std::string_view proc_text; // "Bonding Mode" of /proc/net/bonding

    // Each packet leaves on every slave that has link.
    bool sends_on_all = xb_mode_sends_on_all(number_of(mode));
    // Slaves take turns, packets_per_slave in a row each; what is in a packet does not matter.
    bool takes_turns = false;
    // xmit_hash_policy says which slave takes a packet. Modes that balance load hash where tlb_dynamic_lb is off.
    bool hashes = false;
    // primary, prio and active_slave exist, and only the active slave carries the bond's lists of addresses.
    bool has_primary = false;
    // The active slave stands for the bond's address: fail_over_mac and announcements.
    bool address_follows_active = false;
    // IGMP leaves on the active slave, so any change of it calls for a re-join.
    bool igmp_on_active = false;
    // The ARP/NS monitor may take the place of the MII monitor; other modes have it only beside that (`monitors`).
    bool arp_alone = false;
    // Probes leave on the active slave, and without one on a candidate in turn. The others probe on all slaves and
    // judge each by itself.
    bool arp_on_active = false;
    // LACP says which ports send and receive and whether the bond has carrier. There is no active slave.
    bool lacp = xb_mode_has_lacp(number_of(mode));
    // Buckets, learning packets, and an address of its own for each slave, where the active one has the bond's.
    bool balances_load = xb_mode_balances_load(number_of(mode));
    // A packet's bucket comes from its destination, not from its hash.
    bool buckets_by_destination = xb_mode_buckets_by_destination(number_of(mode));
    // Clients are told which slave to send to, and all slaves receive unicast.
    bool balances_clients = xb_mode_balances_clients(number_of(mode));
    // Choosing the mode turns tlb_dynamic_lb on.
    bool starts_dynamic_lb = false;
    // A link of unknown speed or duplex does not come up.
    bool needs_speed = false;

    // Whether xmit_hash_policy picks the slaves of a bond with that tlb_dynamic_lb.
    constexpr bool picks_by_hash(bool tlb_dynamic_lb) const { return hashes || (balances_load && !tlb_dynamic_lb); }
};

inline constexpr std::array mode_table{
    ModeTraits{.mode = Mode::round_robin,
               .keyword = "balance-rr",
               .proc_text = "load balancing (round-robin)",
               .takes_turns = true,
               .igmp_on_active = true,
               .arp_alone = true},
    ModeTraits{.mode = Mode::active_backup,
               .keyword = "active-backup",
               .proc_text = "fault-tolerance (active-backup)",
               .has_primary = true,
               .address_follows_active = true,
               .arp_alone = true,
               .arp_on_active = true},
    ModeTraits{.mode = Mode::balance_xor,
               .keyword = "balance-xor",
               .proc_text = "load balancing (xor)",
               .hashes = true,
               .arp_alone = true},
    ModeTraits{
        .mode = Mode::broadcast, .keyword = "broadcast", .proc_text = "fault-tolerance (broadcast)", .arp_alone = true},
    ModeTraits{.mode = Mode::ieee8023ad,
               .keyword = "802.3ad",
               .proc_text = "IEEE 802.3ad Dynamic link aggregation",
               .hashes = true},
    ModeTraits{.mode = Mode::balance_tlb,
               .keyword = "balance-tlb",
               .proc_text = "transmit load balancing",
               .has_primary = true,
               .needs_speed = true},
    ModeTraits{.mode = Mode::balance_alb,
               .keyword = "balance-alb",
               .proc_text = "adaptive load balancing",
               .has_primary = true,
               .starts_dynamic_lb = true,
               .needs_speed = true},
};

constexpr const ModeTraits &traits(Mode mode) { return mode_table.at(number_of(mode)); }

class ModeSet {
public:
    constexpr bool contains(Mode mode) const { return (bits_ >> number_of(mode) & 1U) != 0; }
    constexpr void add(Mode mode) { bits_ |= 1U << number_of(mode); }
    constexpr bool operator==(const ModeSet &) const = default;

private:
    unsigned bits_ = 0;
};

constexpr ModeSet modes_where(bool ModeTraits::*fact) {
    ModeSet set;
    for (const ModeTraits &row : mode_table) {
        if (row.*fact) {
            set.add(row.mode);
        }
    }
    return set;
}

inline constexpr ModeSet all_modes = [] {
    ModeSet set;
    for (const ModeTraits &row : mode_table) {
        set.add(row.mode);
    }
    return set;
}();

std::string mode_numbers(ModeSet); // "1,5,6", or "all"
std::string mode_names(ModeSet);   // "active-backup, balance-tlb, balance-alb"

} // namespace xbond::core
