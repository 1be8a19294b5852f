// SPDX-License-Identifier: MIT
// What one command or event has done so far. Internal to user/core.
#pragma once

#include <algorithm>
#include <utility>

#include "user/core/bond/bond.h"
#include "user/core/modes/mode_policy.h"

namespace xbond::core {

struct Bond::Step {
    Time now;
    Effects effects;

    void report(std::string machine, std::string slave, std::string from, std::string to, std::string cause) {
        effects.emplace_back(
            Transition{now, std::move(machine), std::move(slave), std::move(from), std::move(to), std::move(cause)});
    }
    void warn(std::string message) { effects.emplace_back(Log{std::move(message)}); }
};

inline std::string_view state_text(const Slave &slave) { return slave.backup ? "backup" : "active"; }

// Runs a change of the flags and reports what became of the slave's state.
template <typename Change> void Bond::change_flags(Step &step, Slave &slave, const std::string &cause, Change change) {
    const std::string before(state_text(slave));
    change(slave);
    if (before != state_text(slave)) {
        step.report("slave", slave.name, before, std::string(state_text(slave)), cause);
    }
}

inline std::string up_down(bool up) { return up ? "up" : "down"; }
inline std::string on_off(bool on) { return on ? "on" : "off"; }

} // namespace xbond::core
