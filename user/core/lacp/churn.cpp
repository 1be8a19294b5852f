// SPDX-License-Identifier: MIT
// Churn detection machines (802.1AX 6.4.17): one for either end's SYNCHRONIZATION.
#include "user/core/lacp/machines.h"

namespace xbond::lacp {
namespace {

constexpr Time churn_time = Ms(60000);

struct ChurnMachine {
    std::string_view machine;
    ChurnState &state;
    Timer &timer;
    std::uint32_t &count;
    bool synchronized;
};

ChurnMachine actor_machine(Port &port) {
    return {"churn_actor", port.actor_churn, port.actor_churn_timer, port.actor_churn_count,
            port.actor.has(flag::synchronization)};
}

ChurnMachine partner_machine(Port &port) {
    return {"churn_partner", port.partner_churn, port.partner_churn_timer, port.partner_churn_count,
            port.partner.has(flag::synchronization)};
}

bool enter(Run &run, const Port &port, ChurnMachine &churn, ChurnState next) {
    run.change(churn.machine, port, churn.state, next, run.cause);
    churn.timer.reset();
    if (next == ChurnState::monitor && port.link.up) {
        churn.timer = run.now + churn_time;
    }
    if (next == ChurnState::churn) {
        ++churn.count;
    }
    return true;
}

bool step(Run &run, const Port &port, ChurnMachine churn) {
    const bool monitors = churn.state == ChurnState::monitor;
    if (port.link.up != (churn.timer || !monitors)) { // link lost, or back
        return enter(run, port, churn, ChurnState::monitor);
    }
    if (!port.link.up) {
        return false;
    }
    if (churn.synchronized) {
        return churn.state != ChurnState::no_churn && enter(run, port, churn, ChurnState::no_churn);
    }
    if (churn.state == ChurnState::no_churn) {
        return enter(run, port, churn, ChurnState::monitor);
    }
    return monitors && run.expired(churn.timer) && enter(run, port, churn, ChurnState::churn);
}

} // namespace

void begin_churn(Run &run, Port &port) {
    for (auto churn : {actor_machine(port), partner_machine(port)}) {
        enter(run, port, churn, ChurnState::monitor);
    }
}

bool step_churn(Run &run, Port &port) {
    const bool actor_changed = step(run, port, actor_machine(port));
    return step(run, port, partner_machine(port)) || actor_changed;
}

} // namespace xbond::lacp
