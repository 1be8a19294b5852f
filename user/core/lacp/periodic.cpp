// SPDX-License-Identifier: MIT
// Periodic transmission machine (802.1AX 6.4.13). The partner's timeout bit sets the pace.
#include "user/core/lacp/machines.h"

namespace xbond::lacp {
namespace {

constexpr Time fast_period = Ms(1000), slow_period = Ms(30000);

bool silent(const Port &port) {
    return !port.link.up || !port.lacp_enabled() ||
           (!port.actor.has(flag::activity) && !port.partner.has(flag::activity));
}

bool enter(Run &run, Port &port, PeriodicState next) {
    run.change("periodic", port, port.periodic, next, run.cause);
    switch (next) {
    case PeriodicState::no_periodic:
        port.periodic_timer.reset();
        break;
    case PeriodicState::fast:
        port.periodic_timer = run.now + fast_period;
        break;
    case PeriodicState::slow:
        port.periodic_timer = run.now + slow_period;
        break;
    }
    return true;
}

// PERIODIC_TX, and on to the state that the partner asks for.
bool send(Run &run, Port &port) {
    port.ntt = true;
    return enter(run, port, port.partner.has(flag::timeout) ? PeriodicState::fast : PeriodicState::slow);
}

} // namespace

void begin_periodic(Run &run, Port &port) { enter(run, port, PeriodicState::no_periodic); }

bool step_periodic(Run &run, Port &port) {
    if (silent(port)) {
        return port.periodic != PeriodicState::no_periodic && enter(run, port, PeriodicState::no_periodic);
    }
    if (port.periodic == PeriodicState::no_periodic) {
        return enter(run, port, PeriodicState::fast);
    }
    if (run.expired(port.periodic_timer)) {
        return send(run, port);
    }
    const bool partner_is_fast = port.partner.has(flag::timeout);
    if (port.periodic == PeriodicState::slow && partner_is_fast) {
        return send(run, port);
    }
    return port.periodic == PeriodicState::fast && !partner_is_fast && enter(run, port, PeriodicState::slow);
}

} // namespace xbond::lacp
