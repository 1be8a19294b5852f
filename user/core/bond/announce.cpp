// SPDX-License-Identifier: MIT
// Announcements after a change of the active slave (`announce.schedule`) and IGMP re-joins (`announce.rejoin`).
#include "user/core/bond/step.h"

namespace xbond::core {
namespace {

constexpr Time first_rejoin = Ms(1); // one jiffy
constexpr Time rejoin_interval = Ms(200);

} // namespace

// One count a tick; an announcement whenever the count is a multiple of the delay.
void start_announcing(BondState &bond, Step &step) {
    if (bond.admin_up) {
        bond.pending_notif = bond.options.num_peer_notif * std::max(1U, bond.options.peer_notif_delay_ticks);
        try_announce(bond, step);
    }
}

bool try_announce(BondState &bond, Step &step) {
    const bool due =
        bond.pending_notif > 0 && bond.pending_notif % std::max(1U, bond.options.peer_notif_delay_ticks) == 0;
    const auto from = policy(bond).traits().lacp ? usable_slots(bond.slaves) : std::vector<SlotId>{bond.active};
    if (!due || !bond.carrier || from.empty() || from.front() == no_slot) {
        return false;
    }
    for (const SlotId slot : from) { // mode 4: every port that distributes (broadcast_neighbor)
        step.effects.emplace_back(Announce{slot});
    }
    --bond.pending_notif;
    return true;
}

void announce_tick(BondState &bond, Step &step) {
    if (bond.pending_notif > 0 && !try_announce(bond, step)) {
        --bond.pending_notif;
    }
}

void schedule_rejoin(BondState &bond, const Step &step) {
    const ModeTraits &traits = policy(bond).traits();
    const bool concerns_mode = traits.has_primary ? bond.active != no_slot : traits.igmp_on_active;
    if (bond.admin_up && bond.options.resend_igmp > 0 && concerns_mode) {
        bond.pending_rejoin = bond.options.resend_igmp;
        bond.rejoin_at = step.now + first_rejoin;
    }
}

void run_rejoin(BondState &bond, Step &step) {
    if (!bond.rejoin_at || step.now < *bond.rejoin_at) {
        return;
    }
    step.effects.emplace_back(RejoinMulticast{});
    --bond.pending_rejoin;
    bond.rejoin_at = bond.pending_rejoin > 0 ? std::optional(step.now + rejoin_interval) : std::nullopt;
}

} // namespace xbond::core
