// SPDX-License-Identifier: MIT
// Mode 5, balance-tlb: the data path balances by buckets what every slave can send; the active slave takes
// the rest and is the one that receives.
#pragma once

#include "user/core/modes/mode_policy.h"

namespace xbond::core {

class BalanceTlb : public ModePolicy {
public:
    explicit BalanceTlb(Mode mode = Mode::balance_tlb) : ModePolicy(mode) {}

    std::vector<SlotId> pick(const ModeView &view) const override { return usable_slots(view.slaves); }
    FallbackTable fallback(const ModeView &view) const override { return usable_ring(view.slaves); }
    bool ignores_updelay(const ModeView &view) const override { return usable_slots(view.slaves).empty(); }

    // All slaves are in state active; those that are not the active one do not receive.
    void on_enslave(Slave &, bool all_active) const override;
    void on_arp_commit(Slave &) const override {}
    void on_became_active(Slave &) const override;
    void on_stopped_active(Slave &, bool all_active) const override;
    void on_bond_opened(Slave &, bool is_active, bool all_active) const override;
};

} // namespace xbond::core
