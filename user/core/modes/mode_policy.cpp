// SPDX-License-Identifier: MIT
#include "user/core/modes/mode_policy.h"

namespace xbond::core {

void ModePolicy::on_enslave(Slave &slave, bool) const { set_active_flags(slave); }

void ModePolicy::on_link_up(Slave &slave) const { slave.backup = false; }

void ModePolicy::on_arp_commit(Slave &slave) const {
    if (slave.link == Link::up || slave.link == Link::down) {
        slave.backup = slave.link == Link::down;
    }
}

void ModePolicy::on_bond_opened(Slave &slave, bool, bool) const { set_active_flags(slave); }

std::vector<SlotId> usable_slots(std::span<const Slave> slaves) {
    std::vector<SlotId> usable;
    for (const Slave &slave : slaves) {
        if (slave.can_tx()) {
            usable.push_back(slave.slot);
        }
    }
    return usable;
}

FallbackTable no_fallback() {
    FallbackTable table;
    table.fill(no_slot);
    return table;
}

FallbackTable usable_ring(std::span<const Slave> slaves) {
    FallbackTable table = no_fallback();
    const auto usable = usable_slots(slaves);
    if (usable.size() > 1) {
        for (std::size_t i = 0; i < usable.size(); ++i) {
            table.at(usable[i]) = usable[(i + 1) % usable.size()];
        }
    }
    return table;
}

void set_active_flags(Slave &slave) {
    slave.backup = false;
    slave.suppressed = false;
}

void set_backup_flags(Slave &slave, bool all_active) {
    slave.backup = true;
    slave.suppressed = slave.suppressed || !all_active;
}

} // namespace xbond::core
