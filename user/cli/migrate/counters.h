// SPDX-License-Identifier: MIT
// The packet counters of a bond's slaves, sampled by a thread while they change their bond. Sysfs takes no lock.
#pragma once

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "common/fd.h"
#include "user/cli/migrate/plan.h"

namespace xbond::cli::migrate {

std::int64_t now_ns(); // the samples' clock

class Counters {
public:
    explicit Counters(const Snapshot &); // starts to look
    Counters(const Counters &) = delete;
    Counters &operator=(const Counters &) = delete;
    ~Counters();

    void learn_rate();         // waits until there are samples of a while
    std::vector<Sample> end(); // looks on for a moment, then no more

private:
    void run();

    std::vector<std::pair<Fd, std::uint64_t Sample::*>> files_;
    std::vector<Sample> samples_; // the thread's until it has ended
    std::atomic<bool> ended_ = false;
    std::thread thread_;
};

} // namespace xbond::cli::migrate
