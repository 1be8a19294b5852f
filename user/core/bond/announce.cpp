// SPDX-License-Identifier: MIT
// Announcements after a change of the active slave (1.11) and IGMP re-joins (1.12).
#include "user/core/bond/step.h"

namespace xbond::core {
namespace {

constexpr Time first_rejoin = Ms(1); // one jiffy
constexpr Time rejoin_interval = Ms(200);

} // namespace

// One count a tick; an announcement whenever the count is a multiple of the delay.
void Bond::start_announcing(Step &step) {
    if (admin_up_) {
        pending_notif_ = options_.num_peer_notif * std::max(1U, options_.peer_notif_delay_ticks);
        try_announce(step);
    }
}

bool Bond::try_announce(Step &step) {
    const bool due = pending_notif_ > 0 && pending_notif_ % std::max(1U, options_.peer_notif_delay_ticks) == 0;
    const auto from = policy().traits().lacp ? usable_slots(slaves_) : std::vector<SlotId>{active_};
    if (!due || !carrier_ || from.empty() || from.front() == no_slot) {
        return false;
    }
    for (const SlotId slot : from) { // mode 4: every port that distributes (broadcast_neighbor)
        step.effects.emplace_back(Announce{slot});
    }
    --pending_notif_;
    return true;
}

void Bond::announce_tick(Step &step) {
    if (pending_notif_ > 0 && !try_announce(step)) {
        --pending_notif_;
    }
}

void Bond::schedule_rejoin(const Step &step) {
    const ModeTraits &traits = policy().traits();
    const bool concerns_mode = traits.has_primary ? active_ != no_slot : traits.igmp_on_active;
    if (admin_up_ && options_.resend_igmp > 0 && concerns_mode) {
        pending_rejoin_ = options_.resend_igmp;
        rejoin_at_ = step.now + first_rejoin;
    }
}

void Bond::run_rejoin(Step &step) {
    if (!rejoin_at_ || step.now < *rejoin_at_) {
        return;
    }
    step.effects.emplace_back(RejoinMulticast{});
    --pending_rejoin_;
    rejoin_at_ = pending_rejoin_ > 0 ? std::optional(step.now + rejoin_interval) : std::nullopt;
}

} // namespace xbond::core
