// SPDX-License-Identifier: MIT
#include "user/daemon/task_queue.h"

#include <utility>

namespace xbond::daemon {

void TaskQueue::add(Work task) {
    waiting_.push_back(std::move(task));
    if (at_rest()) {
        running_.emplace(work());
        running_->start();
    }
}

Running TaskQueue::work() {
    while (!waiting_.empty()) {
        const Work next = std::move(waiting_.front());
        waiting_.pop_front();
        (void)co_await next();
    }
}

} // namespace xbond::daemon
