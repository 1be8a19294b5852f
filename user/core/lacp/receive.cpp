// SPDX-License-Identifier: MIT
// Receive machine (802.1AX 6.4.12).
#include "user/core/lacp/machines.h"

namespace xbond::lacp {
namespace {

// What the partner must know of us; the other bits are only told (update_NTT).
constexpr std::uint8_t compared_flags = flag::activity | flag::timeout | flag::synchronization | flag::aggregation;

bool same_aggregation(const PortInfo &a, const PortInfo &b) {
    return a.has(flag::aggregation) == b.has(flag::aggregation);
}

void unselect(Run &run, Port &port) { run.change("selected", port, port.selected, Selected::unselected, run.cause); }

// update_Selected and update_Default_Selected: a partner other than the one recorded.
void update_selected(Run &run, Port &port, const PortInfo &partner) {
    if (!partner.same_id(port.partner) || !same_aggregation(partner, port.partner)) {
        unselect(run, port);
    }
}

void update_ntt(Port &port, const Lacpdu &pdu) {
    if (!pdu.partner.same_id(port.actor) || ((pdu.partner.state ^ port.actor.state) & compared_flags) != 0) {
        port.ntt = true;
    }
}

void record_pdu(Port &port, const Lacpdu &pdu) {
    const bool matched = pdu.partner.same_id(port.actor) && same_aggregation(pdu.partner, port.actor);
    const bool maintained =
        pdu.actor.has(flag::activity) || (port.actor.has(flag::activity) && pdu.partner.has(flag::activity));
    const bool synchronized =
        pdu.actor.has(flag::synchronization) && maintained && (matched || !pdu.actor.has(flag::aggregation));
    port.partner = pdu.actor;
    port.partner.set(flag::synchronization, synchronized);
    port.partner_version = pdu.version;
    port.partner_collector_max_delay = pdu.collector_max_delay;
    port.actor.set(flag::defaulted, false);
    port.loop = false;
}

void record_default(Port &port) {
    port.partner = partner_admin;
    port.partner_version = 0;
    port.partner_collector_max_delay = 0;
    port.actor.set(flag::defaulted, true);
}

bool enter(Run &run, Port &port, RxState next) {
    run.change("rx", port, port.rx, next, run.cause);
    if (next != RxState::port_disabled) {
        port.actor.set(flag::expired, next == RxState::expired);
    }
    switch (next) {
    case RxState::initialize:
        unselect(run, port);
        record_default(port); // its aggregator is forgotten by the selection that follows
        break;
    case RxState::port_disabled:
        port.partner.set(flag::synchronization, false);
        port.current_while.reset();
        break;
    case RxState::expired:
        port.partner.set(flag::synchronization, false);
        port.partner.set(flag::timeout, true);
        port.current_while = run.now + short_timeout;
        ++port.counters.expired;
        break;
    case RxState::lacp_disabled:
        unselect(run, port);
        record_default(port);
        break;
    case RxState::defaulted:
        update_selected(run, port, partner_admin);
        record_default(port);
        ++port.counters.defaulted;
        break;
    case RxState::current: // entered by enter_current() only
        break;
    }
    return true;
}

bool enter_current(Run &run, Port &port, const Arrival &arrival) {
    enter(run, port, RxState::current);
    update_selected(run, port, arrival.pdu.actor); // against the old partner
    update_ntt(port, arrival.pdu);
    record_pdu(port, arrival.pdu);
    port.current_while = arrival.when + port.receive_timeout();
    return true;
}

} // namespace

void begin_receive(Run &run, Port &port) { enter(run, port, RxState::initialize); }

bool step_receive(Run &run, Port &port) {
    std::optional<Arrival> arrival;
    if (run.arrival && run.arrival->slot == port.slot) {
        arrival.swap(run.arrival);
    }
    if (!port.link.up && port.rx != RxState::port_disabled) {
        return enter(run, port, RxState::port_disabled);
    }
    switch (port.rx) {
    case RxState::initialize:
        return enter(run, port, RxState::port_disabled);
    case RxState::port_disabled:
        if (!port.link.up) {
            return false;
        }
        port.ntt = port.lacp_enabled(); // the partner learns at once that we are back
        return enter(run, port, port.lacp_enabled() ? RxState::expired : RxState::lacp_disabled);
    case RxState::lacp_disabled:
        return port.lacp_enabled() && enter(run, port, RxState::initialize);
    case RxState::expired:
    case RxState::defaulted:
    case RxState::current:
        break;
    }
    if (arrival) {
        return enter_current(run, port, *arrival);
    }
    if (port.rx == RxState::defaulted || !run.expired(port.current_while)) {
        return false;
    }
    return enter(run, port, port.rx == RxState::current ? RxState::expired : RxState::defaulted);
}

} // namespace xbond::lacp
