// SPDX-License-Identifier: MIT
// A thread for calls that can sleep: those that wait for the kernel's RTNL lock, for a driver, for a disk. Jobs run one
// after the other, in the order in which they were given; what is to be done with the outcome runs in the loop's
// thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "user/sys/event_loop.h"

namespace xbond::sys {

class Worker {
public:
    using Then = std::function<void()>; // in the loop's thread; may be empty
    using Job = std::function<Then()>;  // in the worker's: it shares nothing with the loop but what it was given

    // The thread is in the network and mount namespaces of the caller.
    explicit Worker(EventLoop &loop);
    // Waits for no job: one that sleeps in the kernel ends with the process, and what it would have done then is lost.
    ~Worker();
    Worker(const Worker &) = delete;
    Worker &operator=(const Worker &) = delete;

    void run(Job job, std::string_view what = "job"); // `what` as the loop's
    std::size_t waiting() const;                      // jobs not yet finished
    Durations jobs() const;                           // of those finished
    bool drain(Ms patience);                          // false: not all were done by then. Their Then's are posted

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

} // namespace xbond::sys
