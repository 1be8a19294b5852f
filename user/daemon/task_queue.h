// SPDX-License-Identifier: MIT
// Tasks, one at a time and in the order in which they were asked for. The loop goes on while one waits.
#pragma once

#include <deque>
#include <functional>
#include <optional>

#include "user/daemon/task.h"

namespace xbond::daemon {

class TaskQueue {
public:
    using Work = std::function<Task<Result<void>>()>; // its outcome is its own affair

    void add(Work); // begun at once when no other is in work
    bool at_rest() const { return !running_ || running_->finished(); }

private:
    Running work();

    std::deque<Work> waiting_;
    std::optional<Running> running_;
};

} // namespace xbond::daemon
