// SPDX-License-Identifier: MIT
// What LACP says of the ports of a bond in mode 802.3ad: who may receive, who may send, and the bond's carrier.
#include "user/core/bond/step.h"

namespace xbond::core {
namespace {

// 1.3: `suppressed` keeps its value with all_slaves_active.
void apply_verdict(Slave &slave, const PortVerdict &verdict, bool all_active) {
    set_backup_flags(slave, all_active);
    slave.backup = !verdict.distributing;
    slave.suppressed = slave.suppressed && !verdict.collecting;
}

} // namespace

void on(BondState &bond, const AggregationChanged &event, Step &step) {
    bool joined = false;
    for (const PortVerdict &verdict : event.ports) {
        if (Slave *slave = find_slave(bond, verdict.slot)) {
            joined = joined || (slave->backup && verdict.distributing);
            change_flags(step, *slave, "LACP",
                         [&](Slave &s) { apply_verdict(s, verdict, bond.options.all_slaves_active); });
        }
    }
    bond.aggregation_carrier = event.carrier;
    update_carrier(bond, step, "LACP");
    if (joined && bond.options.broadcast_neighbor) {
        start_announcing(bond, step);
    }
}

bool uses_lacp(const BondState &bond) { return policy(bond).traits().lacp; }

} // namespace xbond::core
