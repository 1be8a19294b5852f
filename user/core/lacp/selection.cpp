// SPDX-License-Identifier: MIT
// Selection logic (802.1AX 6.4.14): which aggregator a port joins, and who of it must stand by.
#include <algorithm>
#include <tuple>

#include "user/core/lacp/machines.h"

namespace xbond::lacp {
namespace {

bool is_individual(const Port &port) {
    return !port.lacp_enabled() || (!port.partner.system.is_zero() && !port.partner.has(flag::aggregation));
}

Aggregator as_needed_by(const Port &port) {
    return {
        0, is_individual(port), port.actor.key, port.partner.system_priority, port.partner.key, port.partner.system};
}

bool may_join(const SystemState &system, const Aggregator &aggregator, Aggregator wanted) {
    wanted.id = aggregator.id;
    return aggregator == wanted && !wanted.individual && wanted.has_partner() && !system.members(aggregator.id).empty();
}

// Each slave brought one aggregator along, so that an empty one is always left for a port that is in none.
void join(SystemState &system, Port &port) {
    auto wanted = as_needed_by(port);
    auto found = std::ranges::find_if(
        system.aggregators, [&](const Aggregator &aggregator) { return may_join(system, aggregator, wanted); });
    if (found == system.aggregators.end()) {
        found = std::ranges::find_if(
            system.aggregators, [&](const Aggregator &aggregator) { return system.members(aggregator.id).empty(); });
        wanted.id = found->id;
        *found = wanted;
    }
    port.aggregator = found->id;
}

// Rank of a port within its aggregator, best first, by the priorities of the system that decides. Without a partner a
// port is alone, so that it does not matter who decides. Our number comes last: a partner may use one of its own twice.
std::tuple<std::uint16_t, std::uint16_t, std::uint16_t> rank(const Port &port) {
    const auto system_id = [](const PortInfo &info) { return std::tie(info.system_priority, info.system.bytes); };
    const bool partner_decides = system_id(port.partner) < system_id(port.actor);
    const auto &decider = partner_decides ? port.partner : port.actor;
    return {decider.port_priority, decider.port, port.actor.port};
}

// Of the ports with link, the first max_ports are selected; the others stand by.
bool within_limit(const SystemState &system, const Port &port) {
    if (system.options.max_ports == 0) {
        return true;
    }
    const auto members = system.members(port.aggregator);
    const auto better = std::ranges::count_if(
        members, [&](const Port *other) { return other != &port && other->link.up && rank(*other) < rank(port); });
    return port.link.up && static_cast<std::uint64_t>(better) < system.options.max_ports;
}

} // namespace

bool step_selection(Run &run) {
    auto &system = run.system;
    bool changed = false;
    for (auto &port : system.ports) {
        if (port.selected == Selected::unselected && port.mux == MuxState::detached) {
            leave_aggregator(system, port);
            join(system, port);
            run.change("selected", port, port.selected, Selected::selected, run.cause);
            changed = true;
        }
    }
    for (auto &port : system.ports) {
        const auto wanted = within_limit(system, port) ? Selected::selected : Selected::standby;
        if (port.selected != Selected::unselected && port.selected != wanted) {
            run.change("selected", port, port.selected, wanted, "selection");
            changed = true;
        }
    }
    return changed;
}

} // namespace xbond::lacp
