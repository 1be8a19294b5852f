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

} // namespace xbond::harness
