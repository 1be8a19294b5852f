// SPDX-License-Identifier: MIT
// Runner: steps the machines until nothing changes. Each round has the same order, so that a result never depends on
// who stepped first.
#include "user/core/lacp/machines.h"

namespace xbond::lacp {
namespace {

using Step = bool (*)(Run &, Port &);

bool all_ports(Run &run, Step step) {
    bool changed = false;
    for (auto &port : run.system.ports) {
        changed |= step(run, port);
    }
    return changed;
}

bool round(Run &run) {
    bool changed = false;
    for (auto &port : run.system.ports) {
        changed |= step_receive(run, port);
        changed |= step_periodic(run, port);
    }
    changed |= all_ports(run, step_mux);
    changed |= step_selection(run);
    changed |= step_active(run);
    changed |= all_ports(run, step_mux);
    changed |= all_ports(run, step_churn);
    return changed;
}

void report_active(Run &run) {
    const auto before = run.active_before, now_active = run.system.active;
    if (before == now_active) {
        return;
    }
    const auto text = [](std::uint32_t id) { return id == 0 ? "none" : std::to_string(id); };
    run.effects.transitions.push_back({run.now, "aggregator", no_slot, text(before), text(now_active), run.cause});
    run.system.agg_switches += before != 0 && now_active != 0 ? 1 : 0;
}

} // namespace

bool Run::expired(Timer &timer) const {
    if (!timers || !timer || now < *timer) {
        return false;
    }
    timer.reset();
    return true;
}

void begin(Run &run, Port &port) {
    begin_receive(run, port);
    begin_periodic(run, port);
    begin_mux(run, port);
    begin_churn(run, port);
}

void settle(Run &run) {
    const auto bound = 16 + 8 * run.system.ports.size(); // a port takes less than 8 steps from BEGIN to distributing
    run.effects.settled = false;
    for (std::size_t rounds = 0; rounds < bound && !run.effects.settled; ++rounds) {
        run.effects.settled = !round(run);
    }
    report_active(run);
    for (auto &port : run.system.ports) {
        transmit(run, port);
    }
}

} // namespace xbond::lacp
