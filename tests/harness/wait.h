// SPDX-License-Identifier: MIT
// Waiting for a condition instead of sleeping.
#pragma once

#include <chrono>
#include <thread>

namespace xbond::harness {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// True as soon as `condition` holds; false when the deadline passed without it.
template <typename Condition>
bool wait_until(Condition condition, std::chrono::milliseconds limit = 5s, std::chrono::milliseconds step = 5ms) {
    const auto end = Clock::now() + limit;
    while (!condition()) {
        if (Clock::now() >= end) {
            return condition();
        }
        std::this_thread::sleep_for(step);
    }
    return true;
}

// True when `condition` held at every look for the whole time: for "does not happen within ...".
template <typename Condition>
bool holds_for(Condition condition, std::chrono::milliseconds time, std::chrono::milliseconds step = 5ms) {
    return !wait_until([&] { return !condition(); }, time, step);
}

// Calls `act(n)` with n = 0, 1, ... `rate` times a second for that long; how often it did. Who is late catches up.
template <typename Act> std::size_t at_rate(unsigned rate, std::chrono::seconds time, Act act) {
    const auto start = Clock::now();
    std::size_t done = 0;
    const auto catch_up = [&] {
        const auto due = static_cast<std::size_t>((Clock::now() - start) * rate / 1s);
        while (done < due) {
            act(done++);
        }
        return Clock::now() - start >= time;
    };
    wait_until(catch_up, time + 1s, 1ms);
    return done;
}

} // namespace xbond::harness
