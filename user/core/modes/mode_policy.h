// SPDX-License-Identifier: MIT
// What one bonding mode does differently from another. The bond, its monitor and its selection ask the policy or the
// traits; none of them tests the mode. One file a mode, listed in registry.cpp.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "user/core/link/slave.h"
#include "user/core/modes/traits.h"
#include "user/core/options/options.h"

namespace xbond::core {

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

    const ModeTraits &traits() const { return traits_; }

    // Positions for the data path: see xb_bank in abi.h.
    virtual std::vector<SlotId> pick(const ModeView &) const = 0;
    virtual FallbackTable fallback(const ModeView &) const = 0;
    // Nothing can transmit, so that the first slave to return need not wait.
    virtual bool ignores_updelay(const ModeView &) const { return false; }

    virtual void on_enslave(Slave &, bool all_active) const;
    virtual void on_link_up(Slave &) const;
    virtual void on_link_down(Slave &, bool /*all_active*/) const {}
    // Links changed while the ARP/NS monitor runs.
    virtual void on_arp_commit(Slave &) const;
    virtual void on_became_active(Slave &) const {}
    virtual void on_stopped_active(Slave &, bool /*all_active*/) const {}
    virtual void on_bond_opened(Slave &, bool is_active, bool all_active) const;

protected:
    explicit ModePolicy(Mode mode) : traits_(core::traits(mode)) {}

private:
    const ModeTraits &traits_;
};

// Helpers of the policies.
std::vector<SlotId> usable_slots(std::span<const Slave>); // can_tx, in list order (`select.usable`)
FallbackTable no_fallback();
// Each usable slave's next is the following usable one, the last one's the first: from every start a walk of
// count - 1 steps has tried all the others. The data path bounds the walk.
FallbackTable usable_ring(std::span<const Slave>);

void set_active_flags(Slave &);
void set_backup_flags(Slave &, bool all_active); // `suppressed` keeps its value with all_slaves_active

} // namespace xbond::core
