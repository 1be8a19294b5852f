// SPDX-License-Identifier: MIT
// Change of the active slave (`active.change`) and the bond's carrier (`carrier.bond`).
#include "user/core/bond/step.h"

namespace xbond::core {

// The order of the reports and effects is the order of 3.4.
void change_active(BondState &bond, Step &step, SlotId next, const std::string &cause) {
    if (next == bond.active) {
        return;
    }
    Slave *previous = find_slave(bond, bond.active);
    Slave *gained = find_slave(bond, next);
    if (gained != nullptr) {
        end_search(bond);
        gained->last_link_up = step.now;
        if (gained->link == Link::back) {
            gained->delay = 0;
            gained->mii = gained->mii == Link::back ? Link::up : gained->mii;
            gained->arp = gained->arp == Link::back ? Link::up : gained->arp;
            set_link(bond, step, *gained, Link::up, "made active before updelay was over");
            change_flags(step, *gained, cause, [&](Slave &s) { policy(bond).on_link_up(s); });
            slave_came(bond, step.now);
        }
    }
    step.report("active", "", previous == nullptr ? "" : previous->name, gained == nullptr ? "" : gained->name, cause);
    bond.active = next;
    if (policy(bond).traits().balances_load) {
        move_balanced_address(bond, step, previous, gained);
    }
    if (previous != nullptr) {
        change_flags(step, *previous, cause,
                     [&](Slave &s) { policy(bond).on_stopped_active(s, bond.options.all_slaves_active); });
    }
    if (gained != nullptr) {
        change_flags(step, *gained, cause, [&](Slave &s) { policy(bond).on_became_active(s); });
        if (policy(bond).traits().address_follows_active) {
            move_address(bond, step, previous, *gained);
            start_announcing(bond, step);
        }
    }
    schedule_rejoin(bond, step);
}

bool wants_carrier(const BondState &bond) {
    const bool any = std::ranges::any_of(bond.slaves, [](const Slave &slave) { return slave.link == Link::up; });
    return any && (bond.aggregation_carrier || !policy(bond).traits().lacp);
}

void update_carrier(BondState &bond, Step &step, const std::string &cause) {
    const bool on = wants_carrier(bond);
    if (on != bond.carrier) {
        step.report("carrier", "", on_off(bond.carrier), on_off(on), cause);
        bond.carrier = on;
    }
}

} // namespace xbond::core
