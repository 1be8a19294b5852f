// SPDX-License-Identifier: MIT
// Which slave should be active (3.3) and the primary (3.5).
#include "user/core/bond/step.h"
#include "user/core/modes/preference.h"

namespace xbond::core {
namespace {

// "better" of 3.3: unknown speed and duplex are the highest numbers and win.
bool is_better(const Slave &candidate, const Slave &active) {
    return candidate.speed != active.speed ? candidate.speed > active.speed : candidate.duplex > active.duplex;
}

SlotId reselect(const Slave &candidate, const Slave &active, PrimaryReselect rule) {
    const bool change =
        rule == PrimaryReselect::always || (rule == PrimaryReselect::better && is_better(candidate, active));
    return change ? candidate.slot : active.slot;
}

} // namespace

// 3.3 choose(): none means that nothing is to be preferred.
SlotId Bond::choose() {
    const Slave *active = slave(active_);
    const bool active_up = active != nullptr && active->link == Link::up;
    const Slave *primary = slave(primary_);
    const Slave *candidate = primary;
    if (primary == nullptr || primary->link != Link::up) {
        const auto order = by_preference(slaves_, nullptr);
        if (order.empty() || order.front() == active) {
            return active_up ? active_ : no_slot;
        }
        candidate = order.front();
    } else if (force_primary_) {
        force_primary_ = false;
        return primary_;
    }
    return active_up ? reselect(*candidate, *active, options_.primary_reselect) : candidate->slot;
}

SlotId Bond::best() {
    if (const SlotId chosen = choose(); chosen != no_slot) {
        return chosen;
    }
    // No slave is UP (choose() would have named it): the one that has waited longest of those on their way back. The
    // candidate of the ARP monitor's search is not on its way back: it has yet to be heard.
    SlotId closest = no_slot;
    std::uint32_t shortest = options_.updelay_ticks;
    for (const Slave &slave : slaves_) {
        if (slave.link == Link::back && slave.slot != candidate_ && slave.up() && slave.delay < shortest) {
            shortest = slave.delay;
            closest = slave.slot;
        }
    }
    return closest;
}

void Bond::select(Step &step, const std::string &cause) {
    if (policy().traits().lacp) {
        return;
    }
    const SlotId next = best();
    if (next != active_) {
        change_active(step, next, cause);
        update_carrier(step, cause);
    }
}

// The option `primary` was written (3.5).
void Bond::sync_primary(Step &step) {
    const Slave *named = options_.primary.empty() ? nullptr : slave(options_.primary);
    const bool had_primary = primary_ != no_slot;
    primary_ = named == nullptr ? no_slot : named->slot;
    force_primary_ = force_primary_ || named != nullptr;
    if (named != nullptr || had_primary || options_.primary.empty()) {
        select(step, options_.primary.empty() ? "primary cleared by user" : "primary set by user");
    }
}

} // namespace xbond::core
