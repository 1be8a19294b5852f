// SPDX-License-Identifier: MIT
#include "user/daemon/requests/plan.h"

#include <utility>

namespace xbond::daemon {

Result<void> carry_out(const Plan &plan) {
    for (std::size_t i = 0; i < plan.size(); ++i) {
        if (auto done = plan[i].carry_out(); !done) {
            while (i-- > 0) {
                plan[i].undo();
            }
            return done;
        }
    }
    return {};
}

PlanRunner::PlanRunner(sys::EventLoop &loop, Plan plan, Done done)
    : loop_(loop), plan_(std::move(plan)), done_(std::move(done)) {
    later();
}

void PlanRunner::later() {
    loop_.post(
        [this, alive = std::weak_ptr(alive_)] {
            if (!alive.expired()) {
                step();
            }
        },
        "change");
}

void PlanRunner::step() {
    if (outcome_ && next_ < plan_.size()) {
        outcome_ = plan_[next_].carry_out();
        next_ += outcome_ ? 1 : 0;
        later();
    } else if (!outcome_ && next_ > 0) {
        plan_[--next_].undo();
        later();
    } else {
        auto done = std::move(done_); // it may destroy this
        done(std::move(outcome_));
    }
}

} // namespace xbond::daemon
