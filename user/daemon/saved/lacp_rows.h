// SPDX-License-Identifier: MIT
// What the file of LACP says of the machines.
#pragma once

#include "user/core/lacp/state.h"
#include "user/daemon/saved/fields.h"

namespace xbond::daemon::saved {

template <> struct Codec<lacp::Counters> { // by the names of counter_table
    static_assert(sizeof(lacp::Counters) == lacp::counter_table.size() * sizeof(std::uint64_t),
                  "every counter has a row in counter_table");

    static json write(const lacp::Counters &counters) {
        json j = json::object();
        for (const auto &[name, member] : lacp::counter_table) {
            j[std::string(name)] = counters.*member;
        }
        return j;
    }
    static lacp::Counters read(const json &j) {
        lacp::Counters counters;
        for (const auto &[name, member] : lacp::counter_table) {
            counters.*member = saved::read<std::uint64_t>(j.at(std::string(name)));
        }
        return counters;
    }
};

template <> inline constexpr bool as_list<lacp::PortLink> = true;
template <>
inline constexpr auto rows<lacp::PortLink> =
    std::tuple{field("up", &lacp::PortLink::up), field("full_duplex", &lacp::PortLink::full_duplex),
               field("speed", &lacp::PortLink::speed)};

template <> inline constexpr bool as_list<lacp::PortInfo> = true;
template <>
inline constexpr auto rows<lacp::PortInfo> = std::tuple{field("system_priority", &lacp::PortInfo::system_priority),
                                                        field("system", &lacp::PortInfo::system, as_bytes),
                                                        field("key", &lacp::PortInfo::key),
                                                        field("port_priority", &lacp::PortInfo::port_priority),
                                                        field("port", &lacp::PortInfo::port),
                                                        field("state", &lacp::PortInfo::state)};

template <>
inline constexpr auto rows<lacp::Port> =
    std::tuple{field("slot", &lacp::Port::slot, a_slot),
               field("mac", &lacp::Port::mac, as_bytes),
               field("link", &lacp::Port::link),
               field("loop", &lacp::Port::loop),
               field("rx", &lacp::Port::rx, up_to(lacp::RxState::current)),
               field("periodic", &lacp::Port::periodic, up_to(lacp::PeriodicState::slow)),
               field("mux", &lacp::Port::mux, up_to(lacp::MuxState::collecting_distributing)),
               field("actor_churn", &lacp::Port::actor_churn, up_to(lacp::ChurnState::no_churn)),
               field("partner_churn", &lacp::Port::partner_churn, up_to(lacp::ChurnState::no_churn)),
               field("selected", &lacp::Port::selected, up_to(lacp::Selected::standby)),
               field("ready_n", &lacp::Port::ready_n),
               field("ntt", &lacp::Port::ntt),
               field("actor", &lacp::Port::actor),
               field("partner", &lacp::Port::partner),
               field("partner_version", &lacp::Port::partner_version),
               field("partner_collector_max_delay", &lacp::Port::partner_collector_max_delay),
               field("aggregator", &lacp::Port::aggregator),
               field("own_aggregator", &lacp::Port::own_aggregator),
               field("current_while", &lacp::Port::current_while),
               field("periodic_timer", &lacp::Port::periodic_timer),
               field("wait_while", &lacp::Port::wait_while),
               field("actor_churn_timer", &lacp::Port::actor_churn_timer),
               field("partner_churn_timer", &lacp::Port::partner_churn_timer),
               field("tx_gate", &lacp::Port::tx_gate),
               field("pdus_sent", &lacp::Port::pdus_sent),
               field("markers_sent", &lacp::Port::markers_sent),
               field("last_rx", &lacp::Port::last_rx),
               field("last_tx", &lacp::Port::last_tx),
               field("counters", &lacp::Port::counters),
               field("actor_churn_count", &lacp::Port::actor_churn_count),
               field("partner_churn_count", &lacp::Port::partner_churn_count)};

template <>
inline constexpr auto rows<lacp::Aggregator> =
    std::tuple{field("id", &lacp::Aggregator::id),
               field("individual", &lacp::Aggregator::individual),
               field("actor_key", &lacp::Aggregator::actor_key),
               field("partner_system_priority", &lacp::Aggregator::partner_system_priority),
               field("partner_key", &lacp::Aggregator::partner_key),
               field("partner_system", &lacp::Aggregator::partner_system, as_bytes)};

template <>
inline constexpr auto rows<lacp::SystemState> =
    std::tuple{unsaved(&lacp::SystemState::options), // they follow from the bond's
               field("ports", &lacp::SystemState::ports),
               field("aggregators", &lacp::SystemState::aggregators),
               field("active", &lacp::SystemState::active),
               field("last_aggregator", &lacp::SystemState::last_aggregator),
               field("agg_switches", &lacp::SystemState::agg_switches)};

} // namespace xbond::daemon::saved
