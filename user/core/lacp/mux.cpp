// SPDX-License-Identifier: MIT
// Mux machine, coupled and independent control (802.1AX 6.4.15). `on`: the port's aggregator is the active
// one.
#include <algorithm>

#include "user/core/lacp/machines.h"

namespace xbond::lacp {
namespace {

constexpr Time aggregate_wait = Ms(2000);
constexpr std::uint8_t collecting_distributing = flag::collecting | flag::distributing;

void enter_attached(Run &run, Port &port) {
    port.actor.set(collecting_distributing, false);
    port.actor.set(flag::synchronization, in_active_aggregator(run.system, port));
    port.ntt = true;
}

bool enter(Run &run, Port &port, MuxState next, std::string_view why) {
    run.change("mux", port, port.mux, next, why);
    switch (next) {
    case MuxState::detached:
        port.actor.set(flag::synchronization | collecting_distributing, false);
        port.wait_while.reset();
        port.ntt = true;
        break;
    case MuxState::waiting:
        port.wait_while = run.now + aggregate_wait;
        port.ready_n = false;
        break;
    case MuxState::attached:
        enter_attached(run, port);
        break;
    case MuxState::collecting:
        port.actor.set(flag::synchronization | flag::collecting, true);
        port.actor.set(flag::distributing, false);
        port.ntt = true;
        break;
    case MuxState::distributing:
        port.actor.set(flag::distributing, true);
        break;
    case MuxState::collecting_distributing:
        port.actor.set(flag::synchronization | collecting_distributing, true);
        port.ntt = true;
        break;
    }
    return true;
}

// Ready: nobody in the aggregator who waits to be attached needs more time.
bool ready(const SystemState &system, std::uint32_t aggregator) {
    return std::ranges::all_of(system.members(aggregator), [](const Port *port) {
        return port->mux != MuxState::waiting || port->selected != Selected::selected || port->ready_n;
    });
}

bool step_waiting(Run &run, Port &port) {
    if (port.selected == Selected::unselected) {
        return enter(run, port, MuxState::detached, "selection");
    }
    if (run.expired(port.wait_while)) {
        port.ready_n = true;
        return true;
    }
    return port.selected == Selected::selected && ready(run.system, port.aggregator) &&
           enter(run, port, MuxState::attached, run.cause);
}

bool step_attached(Run &run, Port &port, bool on) {
    if (port.selected != Selected::selected) {
        return enter(run, port, MuxState::detached, "selection");
    }
    if (on && port.partner.has(flag::synchronization)) {
        const bool coupled = run.system.options.coupled_control;
        return enter(run, port, coupled ? MuxState::collecting_distributing : MuxState::collecting, run.cause);
    }
    if (port.actor.has(flag::synchronization) != on) {
        enter_attached(run, port);
        return true;
    }
    return false;
}

// Why a port may no longer collect or distribute; empty: it may.
std::string_view objection(const Run &run, const Port &port, bool on) {
    if (port.selected != Selected::selected) {
        return "selection";
    }
    if (!on) {
        return "aggregator";
    }
    return port.partner.has(flag::synchronization) ? "" : run.cause;
}

} // namespace

void begin_mux(Run &run, Port &port) { enter(run, port, MuxState::detached, run.cause); }

bool step_mux(Run &run, Port &port) {
    const bool on = in_active_aggregator(run.system, port);
    const auto bad = objection(run, port, on);
    const bool partner_collects = port.partner.has(flag::collecting);
    switch (port.mux) {
    case MuxState::detached:
        return port.selected != Selected::unselected && enter(run, port, MuxState::waiting, "selection");
    case MuxState::waiting:
        return step_waiting(run, port);
    case MuxState::attached:
        return step_attached(run, port, on);
    case MuxState::collecting_distributing:
        return !bad.empty() && enter(run, port, MuxState::attached, bad);
    case MuxState::collecting:
        if (!bad.empty()) {
            return enter(run, port, MuxState::attached, bad);
        }
        return partner_collects && enter(run, port, MuxState::distributing, run.cause);
    case MuxState::distributing:
        return (!bad.empty() || !partner_collects) &&
               enter(run, port, MuxState::collecting, bad.empty() ? run.cause : bad);
    }
    return false;
}

} // namespace xbond::lacp
