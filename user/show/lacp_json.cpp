// SPDX-License-Identifier: MIT
#include <algorithm>
#include <nlohmann/json.hpp>

#include "user/core/lacp/aggregator.h"
#include "user/core/wire/hex.h"
#include "user/show/lacp_render.h"
#include "user/show/render_util.h"

namespace xbond::show {

using nlohmann::ordered_json;

namespace {

std::int64_t to_ms(Time time) { return std::chrono::duration_cast<Ms>(time).count(); }

ordered_json until(const lacp::Timer &timer, Time now) { return timer ? ordered_json(to_ms(*timer - now)) : nullptr; }

ordered_json since(const std::optional<Time> &when, Time now) {
    return when ? ordered_json(to_ms(now - *when)) : nullptr;
}

ordered_json info_json(const lacp::PortInfo &info) {
    return {{"system_priority", info.system_priority}, {"system", info.system.str()}, {"key", info.key},
            {"port_priority", info.port_priority},     {"port", info.port},           {"state", info.state},
            {"flags", lacp::flag_names(info.state)}};
}

ordered_json counters_json(const lacp::Counters &counters) {
    auto out = ordered_json::object();
    for (const auto &[name, member] : lacp::counter_table) {
        out[std::string(name)] = counters.*member;
    }
    return out;
}

ordered_json timers_json(const lacp::Port &port, Time now) {
    return {{"current_while", until(port.current_while, now)},
            {"periodic", until(port.periodic_timer, now)},
            {"wait_while", until(port.wait_while, now)},
            {"churn_actor", until(port.actor_churn_timer, now)},
            {"churn_partner", until(port.partner_churn_timer, now)},
            {"tx_gate", until(port.tx_gate, now)}};
}

ordered_json transition_json(const std::optional<lacp::Transition> &last, Time now) {
    if (!last) {
        return nullptr;
    }
    return {{"machine", last->machine}, {"from", last->from}, {"to", last->to}, {"ms_ago", to_ms(now - last->when)}};
}

std::string slave_name(const BondView &bond, SlotId slot) {
    const auto *slave = slave_in_slot(bond, slot);
    return slave == nullptr ? std::string() : slave->slave.name;
}

ordered_json aggregator_json(const BondView &bond, const lacp::Aggregator &aggregator) {
    const auto &state = bond.lacp->state;
    const auto figures = lacp::figures_of(state, aggregator);
    auto ports = ordered_json::array();
    for (const auto *port : state.members(aggregator.id)) {
        ports.push_back(slave_name(bond, port->slot));
    }
    return {{"id", aggregator.id},
            {"active", aggregator.id == state.active},
            {"individual", aggregator.individual},
            {"ports", ports},
            {"num_ports", figures.up_ports},
            {"live_ports", figures.live_ports},
            {"usable_ports", figures.usable_ports},
            {"bandwidth_mbps", figures.bandwidth_mbps},
            {"port_priority_sum", figures.port_priority_sum},
            {"actor_key", aggregator.actor_key},
            {"partner_key", aggregator.partner_key},
            {"partner", {{"priority", aggregator.partner_system_priority}, {"mac", aggregator.partner_system.str()}}},
            {"has_partner", aggregator.has_partner()}};
}

ordered_json channel_json(const LacpPortView &how) {
    return {{"way", how.channel},
            {"xsk_queues", how.xsk_queues},
            {"sends", how.sends},
            {"xsk_sent", how.xsk_sent},
            {"dropped", how.dropped}};
}

ordered_json port_json(const BondView &bond, const lacp::Port &port) {
    const auto &state = bond.lacp->state;
    const Time now = bond.lacp->now;
    const auto *aggregator = state.aggregator(port.aggregator);
    const auto view = bond.lacp->ports.find(port.slot);
    const LacpPortView none;
    const auto &how = view == bond.lacp->ports.end() ? none : view->second;
    auto partner = info_json(port.partner);
    partner["version"] = port.partner_version;
    partner["collector_max_delay"] = port.partner_collector_max_delay;
    return {{"port_number", port.actor.port},
            {"aggregator_id", port.aggregator == 0 ? ordered_json() : ordered_json(port.aggregator)},
            {"collecting", lacp::collecting(state, port)},
            {"distributing", lacp::distributing(state, port)},
            {"sending", lacp::sending(state, port)},
            {"individual", aggregator != nullptr && aggregator->individual},
            {"loop", port.loop},
            {"lacp_enabled", port.lacp_enabled()},
            {"selected", lacp::name(port.selected)},
            {"fsm",
             {{"rx", lacp::name(port.rx)},
              {"periodic", lacp::name(port.periodic)},
              {"mux", lacp::name(port.mux)},
              {"churn_actor", lacp::name(port.actor_churn)},
              {"churn_partner", lacp::name(port.partner_churn)}}},
            {"churned_count", {{"actor", port.actor_churn_count}, {"partner", port.partner_churn_count}}},
            {"timers_ms", timers_json(port, now)},
            {"actor", info_json(port.actor)},
            {"partner", partner},
            {"last_rx_ms_ago", since(port.last_rx, now)},
            {"last_tx_ms_ago", since(port.last_tx, now)},
            {"last_transition", transition_json(how.last_transition, now)},
            {"channel", channel_json(how)},
            {"stats", counters_json(port.counters)}};
}

} // namespace

ordered_json lacp_system_json(const BondView &bond) {
    const auto &state = bond.lacp->state;
    const auto &options = state.options;
    lacp::Counters sum;
    for (const auto &port : state.ports) {
        for (const auto &[name, member] : lacp::counter_table) {
            sum.*member += port.counters.*member;
        }
    }
    auto stats = counters_json(sum);
    stats["agg_switches"] = state.agg_switches;
    return {{"active", options.active},
            {"rate", options.fast_rate ? "fast" : "slow"},
            {"ad_select", lacp::name(options.ad_select)},
            {"min_links", options.min_links},
            {"strict", options.strict},
            {"coupled_control", options.coupled_control},
            {"broadcast_neighbor", bond.options.broadcast_neighbor},
            {"max_ports", options.max_ports},
            {"system",
             {{"priority", options.system_priority},
              {"mac", options.system().str()},
              {"configured", !options.actor_system.is_zero()}}},
            {"user_port_key", options.user_key},
            {"active_aggregator", state.active == 0 ? ordered_json() : ordered_json(state.active)},
            {"generation", bond.lacp->generation},
            {"stats", stats}};
}

ordered_json aggregators_json(const BondView &bond) {
    auto out = ordered_json::array();
    for (const auto &aggregator : bond.lacp->state.aggregators) {
        out.push_back(aggregator_json(bond, aggregator));
    }
    return out;
}

ordered_json lacp_port_json(const BondView &bond, SlotId slot) {
    const auto *port = bond.lacp->state.port(slot);
    return port == nullptr ? ordered_json() : port_json(bond, *port);
}

ordered_json lacp_json(const BondView &bond) {
    auto slaves = ordered_json::array();
    for (const auto &view : bond.slaves) {
        const auto &s = view.slave;
        ordered_json slave{{"name", s.name},
                           {"link", core::link_text(s.link)},
                           {"speed_mbps", s.speed == core::speed_unknown ? ordered_json() : ordered_json(s.speed)},
                           {"duplex", s.duplex == core::duplex_full   ? ordered_json("full")
                                      : s.duplex == core::duplex_half ? ordered_json("half")
                                                                      : ordered_json()},
                           {"perm_mac", s.perm_mac.str()}};
        slave.update(lacp_port_json(bond, s.slot));
        slaves.push_back(slave);
    }
    return {{"bond", bond.name},
            {"mode", core::mode_name(bond.options.mode)},
            {"carrier", bond.carrier},
            {"lacp", lacp_system_json(bond)},
            {"aggregators", aggregators_json(bond)},
            {"slaves", slaves}};
}

ordered_json lacp_history_json(const LacpHistory &history) {
    auto out = ordered_json::array();
    for (const auto &[slave, record] : history) {
        ordered_json entry{{"time_ns", record.when.count()},
                           {"slave", slave},
                           {"direction", record.sent ? "tx" : "rx"},
                           {"counted", record.counter}};
        if (record.pdu) {
            entry["version"] = record.pdu->version;
            entry["actor"] = info_json(record.pdu->actor);
            entry["partner"] = info_json(record.pdu->partner);
            entry["collector_max_delay"] = record.pdu->collector_max_delay;
        }
        entry["wire_octets"] = record.wire_octets;
        entry["frame"] = wire::to_hex(record.bytes);
        out.push_back(std::move(entry));
    }
    return out;
}

} // namespace xbond::show
