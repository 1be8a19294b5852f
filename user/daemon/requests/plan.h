// SPDX-License-Identifier: MIT
// What a request does to bonds, as a list of changes: each is carried out by itself and knows how it is undone, so that
// a failure leaves everything as it was.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "user/daemon/task.h"
#include "xbond/result.h"

namespace xbond::daemon {

struct Change {
    std::string text; // for people: "bond0: enslave eth0"
    std::function<Task<Result<void>>()> carry_out;
    std::function<Task<Result<void>>()> undo; // after carry_out succeeded; its errors stop nothing
};
using Plan = std::vector<Change>;

// One after the other, each in a turn of its own; on an error what was done is undone, last first, and the error is the
// outcome.
Task<Result<void>> carry_out(sys::EventLoop &, Plan);

} // namespace xbond::daemon
