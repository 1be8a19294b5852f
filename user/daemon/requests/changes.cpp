// SPDX-License-Identifier: MIT
#include "user/daemon/requests/changes.h"

#include <utility>

namespace xbond::daemon {

void Changes::add(Work change) {
    waiting_.push_back(std::move(change));
    if (at_rest()) {
        running_.emplace(work());
        running_->start();
    }
}

Running Changes::work() {
    while (!waiting_.empty()) {
        const Work next = std::move(waiting_.front());
        waiting_.pop_front();
        (void)co_await next();
    }
}

} // namespace xbond::daemon
