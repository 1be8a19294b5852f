// SPDX-License-Identifier: MIT
// Change of the active slave (3.4) and the bond's carrier (1.10).
#include "user/core/bond/step.h"

namespace xbond::core {

// The order of the reports and effects is the order of 3.4.
void Bond::change_active(Step &step, SlotId next, const std::string &cause) {
    if (next == active_) {
        return;
    }
    Slave *previous = find(active_);
    Slave *gained = find(next);
    if (gained != nullptr) {
        end_search();
        gained->last_link_up = step.now;
        if (gained->link == Link::back) {
            gained->delay = 0;
            gained->mii = gained->mii == Link::back ? Link::up : gained->mii;
            gained->arp = gained->arp == Link::back ? Link::up : gained->arp;
            set_link(step, *gained, Link::up, "made active before updelay was over");
            change_flags(step, *gained, cause, [&](Slave &s) { policy().on_link_up(s); });
            slave_came(step.now);
        }
    }
    step.report("active", "", previous == nullptr ? "" : previous->name, gained == nullptr ? "" : gained->name, cause);
    active_ = next;
    if (policy().traits().balances_load) {
        move_balanced_address(step, previous, gained);
    }
    if (previous != nullptr) {
        change_flags(step, *previous, cause,
                     [&](Slave &s) { policy().on_stopped_active(s, options_.all_slaves_active); });
    }
    if (gained != nullptr) {
        change_flags(step, *gained, cause, [&](Slave &s) { policy().on_became_active(s); });
        if (policy().traits().address_follows_active) {
            move_address(step, previous, *gained);
            start_announcing(step);
        }
    }
    schedule_rejoin(step);
}

bool Bond::wants_carrier() const {
    const bool any = std::ranges::any_of(slaves_, [](const Slave &slave) { return slave.link == Link::up; });
    return any && (aggregation_carrier_ || !policy().traits().lacp);
}

void Bond::update_carrier(Step &step, const std::string &cause) {
    const bool on = wants_carrier();
    if (on != carrier_) {
        step.report("carrier", "", on_off(carrier_), on_off(on), cause);
        carrier_ = on;
    }
}

} // namespace xbond::core
