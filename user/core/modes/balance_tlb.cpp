// SPDX-License-Identifier: MIT
#include "user/core/modes/balance_tlb.h"

#include "user/core/modes/registry.h"

namespace xbond::core {

void BalanceTlb::on_enslave(Slave &slave, bool all_active) const { on_stopped_active(slave, all_active); }

void BalanceTlb::on_became_active(Slave &slave) const { set_active_flags(slave); }

void BalanceTlb::on_stopped_active(Slave &slave, bool all_active) const {
    slave.backup = false;
    slave.suppressed = slave.suppressed || !all_active;
}

void BalanceTlb::on_bond_opened(Slave &slave, bool is_active, bool all_active) const {
    if (is_active) {
        set_active_flags(slave);
    } else {
        on_stopped_active(slave, all_active);
    }
}

const ModePolicy &balance_tlb_policy() {
    static const BalanceTlb policy;
    return policy;
}

} // namespace xbond::core
