// SPDX-License-Identifier: MIT
// What a request does to bonds, as a list of changes: each is carried out by itself and knows how it is undone, so that
// a failure leaves everything as it was and long work never holds the loop for more than one change.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "user/sys/event_loop.h"
#include "xbond/result.h"

namespace xbond::daemon {

struct Change {
    std::string text; // for people: "bond0: enslave eth0"
    std::function<Result<void>()> carry_out;
    std::function<void()> undo; // after carry_out succeeded; goes on after errors
};
using Plan = std::vector<Change>;

// All of it at once; on an error what was done is undone, last first.
Result<void> carry_out(const Plan &);

// One change a turn of the loop; on an error the same, one undo a turn. Destroying it stops where it is.
class PlanRunner {
public:
    using Done = std::function<void(Result<void>)>;

    PlanRunner(sys::EventLoop &loop, Plan plan, Done done);
    PlanRunner(const PlanRunner &) = delete;
    PlanRunner &operator=(const PlanRunner &) = delete;

private:
    void later();
    void step();

    sys::EventLoop &loop_;
    Plan plan_;
    Done done_;
    std::size_t next_ = 0; // to carry out, or behind the next to undo
    Result<void> outcome_;
    std::shared_ptr<int> alive_ = std::make_shared<int>();
};

} // namespace xbond::daemon
