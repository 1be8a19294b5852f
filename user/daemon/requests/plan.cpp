// SPDX-License-Identifier: MIT
#include "user/daemon/requests/plan.h"

namespace xbond::daemon {

Task<Result<void>> carry_out(sys::EventLoop &loop, Plan plan) {
    for (std::size_t i = 0; i < plan.size(); ++i) {
        co_await next_turn(loop);
        auto done = co_await plan[i].carry_out();
        if (done) {
            continue;
        }
        while (i-- > 0) {
            co_await next_turn(loop);
            (void)co_await plan[i].undo();
        }
        co_return done;
    }
    co_return Result<void>();
}

} // namespace xbond::daemon
