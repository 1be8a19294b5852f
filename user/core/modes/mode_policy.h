// SPDX-License-Identifier: MIT
// What distinguishes one bonding mode from another. The bond, its monitor and its selection ask the policy; none of
// them tests the mode. One file a mode, listed in registry.cpp.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "user/core/link/slave.h"
#include "user/core/options/options.h"

namespace xbond::core {

struct ModeTraits {
    Mode mode;
    // Modes 1,5,6: primary, prio and active_slave exist, and only the active slave carries the bond's lists (1.8).
    bool has_primary = false;
    // Mode 1: the active slave stands for the bond's address: fail_over_mac (1.6) and announcements (1.11).
    bool address_follows_active = false;
    // Mode 0: IGMP leaves on the active slave, so any change of it calls for a re-join (1.12).
    bool igmp_on_active = false;
    // Mode 1: probes leave on the active slave, and without one on a candidate in turn (4.6). The others probe on all
    // slaves and judge each by itself (4.5).
    bool arp_on_active = false;
    // Mode 4: LACP says which ports send and receive and whether the bond has carrier. There is no active slave.
    bool lacp = false;
    // Modes 5,6 (section 5): buckets, learning packets, and an address of its own for each slave, where the active one
    // has the bond's.
    bool balances_load = false;
    // Mode 6: clients are told which slave to send to (5.6), and all slaves receive unicast.
    bool balances_clients = false;
    // A link of unknown speed or duplex does not come up (3.2).
    bool needs_speed = false;
};

struct ModeView { // what a policy may know of the bond
    std::span<const Slave> slaves;
    const Slave *active = nullptr;
    const Slave *primary = nullptr;
    const Options &options;
};

using FallbackTable = std::array<SlotId, XB_MAX_SLAVES>; // by slot: the next to try, no_slot at the end

// Flags of 1.3. The defaults are those of the modes that use all slaves alike (0,2,3). `all_active`: option
// all_slaves_active.
class ModePolicy {
public:
    virtual ~ModePolicy() = default;

    virtual const ModeTraits &traits() const = 0;

    // Positions for the data path: see xb_bank in abi.h.
    virtual std::vector<SlotId> pick(const ModeView &) const = 0;
    virtual FallbackTable fallback(const ModeView &) const = 0;
    // 3.1 ignore_updelay: nothing can transmit, so that the first slave to return need not wait.
    virtual bool ignores_updelay(const ModeView &) const { return false; }

    virtual void on_enslave(Slave &, bool all_active) const;
    virtual void on_link_up(Slave &) const;
    virtual void on_link_down(Slave &, bool /*all_active*/) const {}
    // Links changed while the ARP/NS monitor runs (1.3 "LB-ARP change").
    virtual void on_arp_commit(Slave &) const;
    virtual void on_became_active(Slave &) const {}
    virtual void on_stopped_active(Slave &, bool /*all_active*/) const {}
    virtual void on_bond_opened(Slave &, bool is_active, bool all_active) const;
};

// Helpers of the policies.
std::vector<SlotId> usable_slots(std::span<const Slave>); // can_tx, in list order (1.2.1)
FallbackTable no_fallback();
// Each usable slave's next is the following usable one, the last one's the first: from every start a walk of
// count - 1 steps has tried all the others. The data path bounds the walk.
FallbackTable usable_ring(std::span<const Slave>);

void set_active_flags(Slave &);
void set_backup_flags(Slave &, bool all_active); // `inactive` keeps its value with all_slaves_active

} // namespace xbond::core
