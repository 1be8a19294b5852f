// SPDX-License-Identifier: MIT
#include "user/daemon/saved/lacp_state.h"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace xbond::daemon {
namespace {

using json = nlohmann::json;

constexpr int state_version = 1;

std::filesystem::path file_of(const std::filesystem::path &dir, const std::string &bond) {
    return dir / ("lacp-" + bond + ".json");
}

json to_json(const std::optional<Time> &time) { return time ? json(time->count()) : json(); }

json to_json(const std::vector<Time> &times) {
    json list = json::array();
    for (const Time time : times) {
        list.push_back(time.count());
    }
    return list;
}

json to_json(const lacp::PortInfo &info) {
    return {info.system_priority, info.system.bytes, info.key, info.port_priority, info.port, info.state};
}

json to_json(const lacp::Counters &counters) {
    json list = json::object();
    for (const auto &[name, member] : lacp::counter_table) {
        list[std::string(name)] = counters.*member;
    }
    return list;
}

json to_json(const lacp::Port &p) {
    return {{"slot", p.slot},
            {"mac", p.mac.bytes},
            {"link", {p.link.up, p.link.full_duplex, p.link.speed}},
            {"loop", p.loop},
            {"rx", p.rx},
            {"periodic", p.periodic},
            {"mux", p.mux},
            {"actor_churn", p.actor_churn},
            {"partner_churn", p.partner_churn},
            {"selected", p.selected},
            {"ready_n", p.ready_n},
            {"ntt", p.ntt},
            {"actor", to_json(p.actor)},
            {"partner", to_json(p.partner)},
            {"partner_version", p.partner_version},
            {"partner_collector_max_delay", p.partner_collector_max_delay},
            {"aggregator", p.aggregator},
            {"own_aggregator", p.own_aggregator},
            {"current_while", to_json(p.current_while)},
            {"periodic_timer", to_json(p.periodic_timer)},
            {"wait_while", to_json(p.wait_while)},
            {"actor_churn_timer", to_json(p.actor_churn_timer)},
            {"partner_churn_timer", to_json(p.partner_churn_timer)},
            {"tx_gate", to_json(p.tx_gate)},
            {"pdus_sent", to_json(p.pdus_sent)},
            {"markers_sent", to_json(p.markers_sent)},
            {"last_rx", to_json(p.last_rx)},
            {"last_tx", to_json(p.last_tx)},
            {"counters", to_json(p.counters)},
            {"actor_churn_count", p.actor_churn_count},
            {"partner_churn_count", p.partner_churn_count}};
}

json to_json(const lacp::Aggregator &a) {
    return {{"id", a.id},
            {"individual", a.individual},
            {"actor_key", a.actor_key},
            {"partner_system_priority", a.partner_system_priority},
            {"partner_key", a.partner_key},
            {"partner_system", a.partner_system.bytes}};
}

// A number that does not fit is refused, not cut.
template <typename Number> Number number_of(const json &j) {
    const auto value = j.get<std::uint64_t>();
    if (!j.is_number_unsigned() || value > std::numeric_limits<Number>::max()) {
        throw std::invalid_argument("not a number in range: " + j.dump());
    }
    return static_cast<Number>(value);
}

// Whether the state exists is for lacp::System::restore to say.
template <typename State> State state_of(const json &j) { return static_cast<State>(number_of<std::uint8_t>(j)); }

MacAddr mac_of(const json &j) { return {j.get<std::array<std::uint8_t, 6>>()}; }

Time time_of(const json &j) { return Time(j.get<std::int64_t>()); }

lacp::Timer timer_of(const json &j) { return j.is_null() ? lacp::Timer() : time_of(j); }

std::vector<Time> times_of(const json &j) {
    std::vector<Time> times;
    for (const auto &time : j) {
        times.push_back(time_of(time));
    }
    return times;
}

lacp::PortInfo info_of(const json &j) {
    return {number_of<std::uint16_t>(j.at(0)), mac_of(j.at(1)),
            number_of<std::uint16_t>(j.at(2)), number_of<std::uint16_t>(j.at(3)),
            number_of<std::uint16_t>(j.at(4)), number_of<std::uint8_t>(j.at(5))};
}

lacp::Port port_of(const json &j) {
    lacp::Port p;
    p.slot = number_of<SlotId>(j.at("slot"));
    if (p.slot >= XB_MAX_SLAVES) {
        throw std::invalid_argument("not a slot: " + j.at("slot").dump());
    }
    p.mac = mac_of(j.at("mac"));
    p.link = {j.at("link").at(0), j.at("link").at(1), number_of<std::uint32_t>(j.at("link").at(2))};
    p.loop = j.at("loop");
    p.rx = state_of<lacp::RxState>(j.at("rx"));
    p.periodic = state_of<lacp::PeriodicState>(j.at("periodic"));
    p.mux = state_of<lacp::MuxState>(j.at("mux"));
    p.actor_churn = state_of<lacp::ChurnState>(j.at("actor_churn"));
    p.partner_churn = state_of<lacp::ChurnState>(j.at("partner_churn"));
    p.selected = state_of<lacp::Selected>(j.at("selected"));
    p.ready_n = j.at("ready_n");
    p.ntt = j.at("ntt");
    p.actor = info_of(j.at("actor"));
    p.partner = info_of(j.at("partner"));
    p.partner_version = number_of<std::uint8_t>(j.at("partner_version"));
    p.partner_collector_max_delay = number_of<std::uint16_t>(j.at("partner_collector_max_delay"));
    p.aggregator = number_of<std::uint32_t>(j.at("aggregator"));
    p.own_aggregator = number_of<std::uint32_t>(j.at("own_aggregator"));
    p.current_while = timer_of(j.at("current_while"));
    p.periodic_timer = timer_of(j.at("periodic_timer"));
    p.wait_while = timer_of(j.at("wait_while"));
    p.actor_churn_timer = timer_of(j.at("actor_churn_timer"));
    p.partner_churn_timer = timer_of(j.at("partner_churn_timer"));
    p.tx_gate = timer_of(j.at("tx_gate"));
    p.pdus_sent = times_of(j.at("pdus_sent"));
    p.markers_sent = times_of(j.at("markers_sent"));
    p.last_rx = timer_of(j.at("last_rx"));
    p.last_tx = timer_of(j.at("last_tx"));
    for (const auto &[name, member] : lacp::counter_table) {
        p.counters.*member = number_of<std::uint64_t>(j.at("counters").at(std::string(name)));
    }
    p.actor_churn_count = number_of<std::uint32_t>(j.at("actor_churn_count"));
    p.partner_churn_count = number_of<std::uint32_t>(j.at("partner_churn_count"));
    return p;
}

lacp::Aggregator aggregator_of(const json &j) {
    return {.id = number_of<std::uint32_t>(j.at("id")),
            .individual = j.at("individual"),
            .actor_key = number_of<std::uint16_t>(j.at("actor_key")),
            .partner_system_priority = number_of<std::uint16_t>(j.at("partner_system_priority")),
            .partner_key = number_of<std::uint16_t>(j.at("partner_key")),
            .partner_system = mac_of(j.at("partner_system"))};
}

lacp::SystemState system_of(const json &j) {
    if (j.at("version") != state_version) {
        throw std::invalid_argument("version " + j.at("version").dump() + " is not known");
    }
    lacp::SystemState state;
    for (const auto &port : j.at("ports")) {
        state.ports.push_back(port_of(port));
    }
    for (const auto &aggregator : j.at("aggregators")) {
        state.aggregators.push_back(aggregator_of(aggregator));
    }
    state.active = number_of<std::uint32_t>(j.at("active"));
    state.last_aggregator = number_of<std::uint32_t>(j.at("last_aggregator"));
    state.agg_switches = number_of<std::uint64_t>(j.at("agg_switches"));
    return state;
}

} // namespace

Result<void> save_lacp(const std::filesystem::path &dir, const std::string &bond, const lacp::SystemState &state) {
    json ports = json::array(), aggregators = json::array();
    for (const auto &port : state.ports) {
        ports.push_back(to_json(port));
    }
    for (const auto &aggregator : state.aggregators) {
        aggregators.push_back(to_json(aggregator));
    }
    const json all{{"version", state_version},
                   {"ports", ports},
                   {"aggregators", aggregators},
                   {"active", state.active},
                   {"last_aggregator", state.last_aggregator},
                   {"agg_switches", state.agg_switches}};
    const auto path = file_of(dir, bond);
    auto fresh = path;
    fresh += ".new";
    std::ofstream out(fresh, std::ios::trunc);
    out << all.dump() << std::flush;
    std::error_code failed;
    std::filesystem::rename(fresh, path, failed);
    if (!out || failed) {
        return fail(failed ? failed.value() : EIO, "cannot write " + path.string());
    }
    return {};
}

Result<std::optional<lacp::SystemState>> load_lacp(const std::filesystem::path &dir, const std::string &bond) {
    const auto path = file_of(dir, bond);
    std::ifstream in(path);
    if (!in) {
        return std::nullopt;
    }
    try {
        return system_of(json::parse(in));
    } catch (const std::exception &e) {
        return fail(EINVAL, path.string() + ": " + e.what());
    }
}

void forget_lacp(const std::filesystem::path &dir, const std::string &bond) {
    std::error_code ignored;
    std::filesystem::remove(file_of(dir, bond), ignored);
}

} // namespace xbond::daemon
