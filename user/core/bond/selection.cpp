// SPDX-License-Identifier: MIT
// Which slave should be active (`active.choose`) and the primary (`active.primary`).
#include "user/core/bond/step.h"
#include "user/core/modes/preference.h"

namespace xbond::core {
namespace {

// "better": unknown speed and duplex are the highest numbers and win.
bool is_better(const Slave &candidate, const Slave &active) {
    return candidate.speed != active.speed ? candidate.speed > active.speed : candidate.duplex > active.duplex;
}

SlotId reselect(const Slave &candidate, const Slave &active, PrimaryReselect rule) {
    const bool change =
        rule == PrimaryReselect::always || (rule == PrimaryReselect::better && is_better(candidate, active));
    return change ? candidate.slot : active.slot;
}

// None means that nothing is to be preferred.
SlotId choose(BondState &bond) {
    const Slave *active = find_slave(bond, bond.active);
    const bool active_up = active != nullptr && active->link == Link::up;
    const Slave *primary = find_slave(bond, bond.primary);
    const Slave *candidate = primary;
    if (primary == nullptr || primary->link != Link::up) {
        const auto order = by_preference(bond.slaves, nullptr);
        if (order.empty() || order.front() == active) {
            return active_up ? bond.active : no_slot;
        }
        candidate = order.front();
    } else if (bond.force_primary) {
        bond.force_primary = false;
        return bond.primary;
    }
    return active_up ? reselect(*candidate, *active, bond.options.primary_reselect) : candidate->slot;
}

SlotId best(BondState &bond) {
    if (const SlotId chosen = choose(bond); chosen != no_slot) {
        return chosen;
    }
    // No slave is UP (choose(bond) would have named it): the one that has waited longest of those on their way back.
    // The candidate of the ARP monitor's search is not on its way back: it has yet to be heard.
    SlotId closest = no_slot;
    std::uint32_t shortest = bond.options.updelay_ticks;
    for (const Slave &slave : bond.slaves) {
        if (slave.link == Link::back && slave.slot != bond.candidate && slave.up() && slave.delay < shortest) {
            shortest = slave.delay;
            closest = slave.slot;
        }
    }
    return closest;
}

} // namespace

void select(BondState &bond, Step &step, const std::string &cause) {
    if (policy(bond).traits().lacp) {
        return;
    }
    const SlotId next = best(bond);
    if (next != bond.active) {
        change_active(bond, step, next, cause);
        update_carrier(bond, step, cause);
    }
}

// The option `primary` was written (`active.primary`).
void sync_primary(BondState &bond, Step &step) {
    const Slave *named = bond.options.primary.empty() ? nullptr : find_slave(bond, bond.options.primary);
    const bool had_primary = bond.primary != no_slot;
    bond.primary = named == nullptr ? no_slot : named->slot;
    bond.force_primary = bond.force_primary || named != nullptr;
    if (named != nullptr || had_primary || bond.options.primary.empty()) {
        select(bond, step, bond.options.primary.empty() ? "primary cleared by user" : "primary set by user");
    }
}

} // namespace xbond::core
