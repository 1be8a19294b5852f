// SPDX-License-Identifier: MIT
// Transmit machine (802.1AX 6.4.16), farewell (`lacp.farewell`) and marker responder (`lacp.marker`).
#include <algorithm>

#include "user/core/lacp/machines.h"

namespace xbond::lacp {
namespace {

constexpr Time window = Ms(1000);
constexpr std::size_t pdus_per_window = 3;
constexpr std::size_t markers_per_window = 5; // half of what the slow protocols may send in a second

// True when one more may leave now; forgets what is older than the window.
bool admits(std::vector<Time> &sent, std::size_t limit, Time now) {
    std::erase_if(sent, [&](Time when) { return when + window <= now; });
    return sent.size() < limit;
}

void send(Run &run, Port &port, const PortInfo &actor) {
    run.effects.frames.push_back({port.slot, encode({1, actor, port.partner, 0}, port.mac), false});
    port.pdus_sent.push_back(run.now);
    port.last_tx = run.now;
    port.ntt = false;
    port.tx_gate.reset();
    ++port.counters.lacpdu_tx;
}

} // namespace

void transmit(Run &run, Port &port) {
    if (port.periodic == PeriodicState::no_periodic) { // also when LACP is disabled
        port.ntt = false;
        port.tx_gate.reset();
    }
    if (!port.ntt || (port.tx_gate && run.now < *port.tx_gate)) {
        return;
    }
    if (!admits(port.pdus_sent, pdus_per_window, run.now)) {
        port.tx_gate = port.pdus_sent.front() + window;
        ++port.counters.tx_limited;
        return;
    }
    send(run, port, port.actor);
}

void send_farewell(Run &run, Port &port) {
    if (!port.link.up || !port.lacp_enabled() || !port.last_tx) { // nobody there who knows us
        return;
    }
    auto actor = port.actor;
    actor.set(flag::aggregation | flag::synchronization | flag::collecting | flag::distributing, false);
    send(run, port, actor);
}

void answer_marker(Run &run, Port &port, std::span<const std::uint8_t> request_payload) {
    if (!admits(port.markers_sent, markers_per_window, run.now)) {
        ++port.counters.tx_limited;
        return;
    }
    run.effects.frames.push_back({port.slot, marker_response(request_payload, port.mac), true});
    port.markers_sent.push_back(run.now);
    ++port.counters.marker_resp_tx;
}

} // namespace xbond::lacp
