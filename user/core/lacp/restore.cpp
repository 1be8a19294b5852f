// SPDX-License-Identifier: MIT
// Going on from a saved state. It comes from a file, so it is checked before it is believed.
#include <algorithm>
#include <set>

#include "user/core/lacp/system.h"

namespace xbond::lacp {
namespace {

constexpr Time longest_timer = Ms(90000);

template <typename Value, typename Range, typename Projection>
bool all_different(const Range &range, Projection projection) {
    std::set<Value> seen;
    return std::ranges::all_of(range,
                               [&](const auto &item) { return seen.insert(std::invoke(projection, item)).second; });
}

bool timers_are_possible(const Port &port, Time now) {
    const auto possible = [&](const Timer &timer) { return !timer || *timer <= now + longest_timer; };
    const auto past = [&](Time when) { return when <= now; };
    return possible(port.current_while) && possible(port.periodic_timer) && possible(port.wait_while) &&
           possible(port.actor_churn_timer) && possible(port.partner_churn_timer) && possible(port.tx_gate) &&
           std::ranges::all_of(port.pdus_sent, past) && std::ranges::all_of(port.markers_sent, past) &&
           past(port.last_rx.value_or(now)) && past(port.last_tx.value_or(now));
}

bool states_are_known(const Port &port) {
    constexpr std::string_view unknown = "?";
    return name(port.rx) != unknown && name(port.periodic) != unknown && name(port.mux) != unknown &&
           name(port.actor_churn) != unknown && name(port.partner_churn) != unknown && name(port.selected) != unknown;
}

bool aggregators_fit(const SystemState &state) {
    const auto exists = [&](std::uint32_t id) { return state.aggregator(id) != nullptr; };
    return all_different<std::uint32_t>(state.aggregators, &Aggregator::id) &&
           all_different<std::uint32_t>(state.ports, &Port::own_aggregator) &&
           state.aggregators.size() == state.ports.size() && (state.active == 0 || exists(state.active)) &&
           std::ranges::all_of(state.aggregators,
                               [&](const auto &a) { return a.id != 0 && a.id <= state.last_aggregator; }) &&
           std::ranges::all_of(
               state.ports, [&](const Port &port) { return exists(port.own_aggregator) && exists(port.aggregator); });
}

} // namespace

void forgive_absence(SystemState &saved, Time now) {
    for (auto &port : saved.ports) {
        if (port.rx == RxState::current) {
            port.current_while = now + port.receive_timeout();
        }
    }
}

Result<System> System::restore(SystemState saved, Time now) {
    if (!all_different<SlotId>(saved.ports, &Port::slot) ||
        !all_different<std::uint16_t>(saved.ports, [](const Port &port) { return port.actor.port; }) ||
        !aggregators_fit(saved)) {
        return fail(EINVAL, "saved LACP state: its ports and aggregators contradict each other");
    }
    if (!std::ranges::all_of(saved.ports, states_are_known)) {
        return fail(EINVAL, "saved LACP state: a port is in a state that does not exist");
    }
    if (!std::ranges::all_of(saved.ports, [&](const Port &port) { return timers_are_possible(port, now); })) {
        return fail(EINVAL, "saved LACP state: its times are of another boot");
    }
    System system(saved.options);
    system.state_ = std::move(saved);
    for (auto &port : system.state_.ports) {
        system.logs_[port.slot] = {};
        if (port.rx == RxState::current && !port.tx_gate) {
            port.ntt = true;
            port.tx_gate = now;
        }
    }
    return system;
}

} // namespace xbond::lacp
