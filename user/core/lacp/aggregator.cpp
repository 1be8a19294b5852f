// SPDX-License-Identifier: MIT
// Aggregators: membership, and the choice of the active one.
#include "user/core/lacp/aggregator.h"

#include <algorithm>
#include <array>
#include <utility>

#include "user/core/lacp/machines.h"

namespace xbond::lacp {
namespace {

using Merit = std::array<std::uint64_t, 5>; // compared from the first element on, more is better

Merit merit(const SystemState &system, const Aggregator &aggregator) {
    const auto figures = figures_of(system, aggregator);
    const std::uint64_t serious = aggregator.has_partner() || !aggregator.individual ? 1 : 0;
    const std::uint64_t partnered = aggregator.has_partner() ? 1 : 0;
    switch (system.options.ad_select) {
    case AdSelect::count:
        return {serious, partnered, figures.live_ports, figures.bandwidth_mbps};
    case AdSelect::actor_port_prio:
        return {serious, partnered, figures.port_priority_sum, figures.live_ports, figures.bandwidth_mbps};
    case AdSelect::stable:
    case AdSelect::bandwidth:
        break;
    }
    return {serious, partnered, figures.bandwidth_mbps};
}

bool is_live(const SystemState &system, const Aggregator &aggregator) {
    return figures_of(system, aggregator).live_ports > 0;
}

// ad_select=stable: the current one stays, unless it has no partner and the challenger has.
bool may_challenge(const SystemState &system, const Aggregator *current, const Aggregator &challenger) {
    return system.options.ad_select != AdSelect::stable || current == nullptr ||
           (!current->has_partner() && challenger.has_partner());
}

std::uint32_t choose(const SystemState &system) {
    const auto *current = system.aggregator(system.active);
    if (current != nullptr && !is_live(system, *current)) {
        current = nullptr;
    }
    const auto *best = current;
    for (const auto &aggregator : system.aggregators) {
        if (is_live(system, aggregator) && may_challenge(system, current, aggregator) &&
            (best == nullptr || merit(system, aggregator) > merit(system, *best))) {
            best = &aggregator;
        }
    }
    return best == nullptr ? 0 : best->id;
}

} // namespace

Figures figures_of(const SystemState &system, const Aggregator &aggregator) {
    Figures figures;
    for (const auto *port : system.members(aggregator.id)) {
        ++figures.ports;
        figures.up_ports += port->link.up ? 1 : 0;
        if (port->live()) {
            ++figures.live_ports;
            figures.bandwidth_mbps += port->link.speed;
            figures.port_priority_sum += port->actor.port_priority;
        }
        figures.usable_ports += distributing(system, *port) ? 1 : 0;
    }
    return figures;
}

void leave_aggregator(SystemState &system, Port &port) {
    const auto left = port.aggregator;
    port.aggregator = 0;
    auto *aggregator = system.aggregator(left);
    if (aggregator == nullptr || !system.members(left).empty()) {
        return;
    }
    *aggregator = {left};
    if (system.active == left) {
        system.active = 0;
    }
}

void retire_aggregator(SystemState &system, const Port &leaving) {
    auto retired = leaving.own_aggregator;
    if (!system.members(retired).empty()) {
        const auto empty = std::ranges::find_if(
            system.aggregators, [&](const Aggregator &aggregator) { return system.members(aggregator.id).empty(); });
        const auto owner = std::ranges::find(system.ports, empty->id, &Port::own_aggregator);
        owner->own_aggregator = std::exchange(retired, empty->id);
    }
    std::erase_if(system.aggregators, [&](const Aggregator &aggregator) { return aggregator.id == retired; });
}

bool in_active_aggregator(const SystemState &system, const Port &port) {
    return system.active != 0 && port.aggregator == system.active;
}

bool step_active(Run &run) {
    const auto chosen = choose(run.system);
    const bool changed = chosen != run.system.active;
    run.system.active = chosen;
    return changed;
}

// ---- data-path sets and carrier (`lacp.sending`) ----

namespace {

// A port of an aggregator without partner works as an individual link, whatever its mux says.
bool usable(const SystemState &system, const Port &port, bool mux_agrees) {
    if (!port.live() || !in_active_aggregator(system, port)) {
        return false;
    }
    return mux_agrees || !system.aggregator(port.aggregator)->has_partner();
}

bool mux_distributes(const Port &port) {
    return port.mux == MuxState::distributing || port.mux == MuxState::collecting_distributing;
}

} // namespace

bool collecting(const SystemState &system, const Port &port) {
    return usable(system, port, mux_distributes(port) || port.mux == MuxState::collecting);
}

bool distributing(const SystemState &system, const Port &port) { return usable(system, port, mux_distributes(port)); }

bool sending(const SystemState &system, const Port &port) {
    const auto reaches = [&](const Port *member) {
        return member->partner.has(flag::collecting) && distributing(system, *member);
    };
    return distributing(system, port) &&
           (port.partner.has(flag::collecting) || std::ranges::none_of(system.members(port.aggregator), reaches));
}

bool carrier(const SystemState &system) {
    std::uint64_t links = 0;
    for (const auto &port : system.ports) {
        const bool counts = port.live() && (!system.options.strict || mux_distributes(port));
        links += in_active_aggregator(system, port) && counts ? 1 : 0;
    }
    return links >= std::max<std::uint64_t>(1, system.options.min_links);
}

} // namespace xbond::lacp
