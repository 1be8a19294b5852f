// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "user/core/modes/traits.h"
#include "user/core/options/option_table.h"
#include "user/show/balance_render.h"
#include "user/show/lacp_render.h"
#include "user/show/render.h"
#include "user/show/render_util.h"
#include "xbond/counters.h"

namespace xbond::show {

using nlohmann::ordered_json;

const SlaveView *slave_in_slot(const BondView &bond, SlotId slot) {
    const auto found =
        std::find_if(bond.slaves.begin(), bond.slaves.end(), [&](const auto &s) { return s.slave.slot == slot; });
    return slot == no_slot || found == bond.slaves.end() ? nullptr : &*found;
}

xb_counters bond_counters(const BondView &bond) {
    xb_counters sum = bond.counters;
    for (const auto &counter : data_path_counters) {
        if (counter.where == CountedOn::slave) {
            for (const auto &s : bond.slaves) {
                sum.*counter.member += s.counters.*counter.member;
            }
        }
    }
    return sum;
}

namespace {

ordered_json name_or_null(const BondView &bond, SlotId slot) {
    const auto *s = slave_in_slot(bond, slot);
    return s ? ordered_json(s->slave.name) : ordered_json();
}

ordered_json counters_json(const xb_counters &counters, bool of_the_bond) {
    auto out = ordered_json::object();
    for (const auto &counter : data_path_counters) {
        if (counter.where == CountedOn::slave || (of_the_bond && counter.where == CountedOn::bond)) {
            out[std::string(counter.name)] = counters.*counter.member;
        }
    }
    return out;
}

bool is_digits(std::string_view s) {
    return !s.empty() && s.size() <= 10 &&
           std::all_of(s.begin(), s.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

// Every option of the table: a number where the table gives a range of numbers, else the word.
ordered_json options_json(const core::Options &options) {
    auto out = ordered_json::object();
    for (const auto &info : core::option_table()) {
        const auto text = core::get_option(options, info);
        if (!text) {
            continue; // active_slave: an action, its state is the bond's active_slave
        }
        const bool numeric = !info.values.empty() && std::isdigit(static_cast<unsigned char>(info.values.front()));
        out[std::string(info.name)] =
            numeric && is_digits(*text) ? ordered_json(std::stoull(*text)) : ordered_json(*text);
    }
    return out;
}

// Milliseconds with three digits behind the point.
ordered_json ms_json(const std::optional<Time> &t) {
    constexpr double us = 1000;
    return t ? ordered_json(std::floor(static_cast<double>(t->count()) / us) / us) : ordered_json();
}

ordered_json monitor_json(const SlaveView &view) {
    auto targets = ordered_json::array();
    for (const auto &t : view.targets) {
        targets.push_back(
            ordered_json{{"target", t.target}, {"age_ms", ms_json(t.age)}, {"round_trip_ms", ms_json(t.round_trip)}});
    }
    return {{"mii", core::link_text(view.slave.mii)},
            {"arp", core::link_text(view.slave.arp)},
            {"reason", view.slave.reason},
            {"heard_age_ms", ms_json(view.heard_age)},
            {"probe_age_ms", ms_json(view.probe_age)},
            {"targets", targets}};
}

ordered_json slave_json(const BondView &bond, const SlaveView &view) {
    const auto &s = view.slave;
    ordered_json out{{"name", s.name},
                     {"ifindex", s.ifindex},
                     {"slot", s.slot},
                     {"state", s.backup ? "backup" : "active"},
                     {"active", view.active},
                     {"primary", view.primary},
                     {"link", core::link_text(s.link)},
                     {"running", s.running},
                     {"carrier", s.carrier},
                     {"suppressed", view.published.suppress},
                     {"monitor", monitor_json(view)},
                     {"delay_ticks", s.delay},
                     {"failures", s.failures},
                     {"mac", s.mac.str()},
                     {"perm_mac", s.perm_mac.str()},
                     {"speed", speed_json(s.speed)},
                     {"duplex", duplex_json(s.duplex)},
                     {"prio", s.prio},
                     {"queue_id", s.queue_id},
                     {"mtu", view.device.mtu},
                     {"saved_mtu", view.saved_mtu},
                     {"driver", view.driver},
                     {"xdp", {{"attached", view.xdp}, {"why", view.xdp_why}, {"chained", view.xdp_chained}}},
                     {"nic", {{"vlans", view.nic.vlans}, {"offloads_off", view.nic.off}, {"why", view.nic.why}}},
                     {"receive", {{"by", view.receives_by_xdp ? "xdp" : "tc"}, {"why", view.receives_why}}},
                     {"fallback", name_or_null(bond, view.published.fallback)},
                     {"counters", counters_json(view.counters, false)}};
    if (bond.lacp) {
        out["lacp"] = lacp_port_json(bond, s.slot);
    }
    if (bond.balance) {
        out["balance"] = slave_balance_json(bond, view);
    }
    return out;
}

ordered_json datapath_json(const BondView &bond) {
    ordered_json out = {{"hook", bond.hook},
                        {"carrier_check", bond.carrier_check},
                        {"watch_ms", bond.options.carrier_watch_ms},
                        {"watch_runs", bond.watch_runs},
                        {"visibility", bond.visibility_now}};
    if (!bond.visibility_why.empty()) {
        out["visibility_why"] = bond.visibility_why;
    }
    if (!bond.bypassed.empty()) {
        out["bypassed"] = bond.bypassed;
    }
    if (const auto &chained = bond.chained) {
        out["chained"] = {{"program", chained->program},
                          {"file", chained->file},
                          {"id", chained->id},
                          {"frags", chained->frags},
                          {"pin", chained->pin.empty() ? ordered_json() : ordered_json(chained->pin)}};
    }
    return out;
}

ordered_json port_json(const PortView &port, bool by_xdp) {
    const auto &c = port.counters;
    return {{"name", port.name},
            {"ifindex", port.ifindex},
            {"mac", port.mac ? ordered_json(port.mac->str()) : ordered_json()},
            {"vlan", port.vlan != 0 ? ordered_json(port.vlan) : ordered_json()},
            {"xdp", {{"attached", port.xdp}, {"why", port.xdp_why}}},
            {"sends_by", by_xdp && port.xdp != "none" ? "xdp" : "tc"},
            {"receives_by", port.takes_xdp ? "xdp" : "tc"},
            {"addresses", port.mac ? 1U : port.heard},
            {"counters",
             {{"rx_packets", c.rx_packets},
              {"rx_bytes", c.rx_bytes},
              {"tx_packets", c.tx_packets},
              {"tx_bytes", c.tx_bytes},
              {"dropped", c.dropped}}}};
}

ordered_json bond_json(const BondView &bond) {
    auto pick = ordered_json::array();
    for (const auto slot : bond.pick) {
        pick.push_back(name_or_null(bond, slot));
    }
    auto slaves = ordered_json::array();
    for (const auto &s : bond.slaves) {
        slaves.push_back(slave_json(bond, s));
    }
    auto history = ordered_json::array();
    for (const auto &t : bond.history) {
        history.push_back(transition_json(bond.name, t));
    }
    const Rate rate = rate_of(bond);
    ordered_json out{{"name", bond.name},
                     {"ifindex", bond.device.ifindex},
                     {"mac", bond.mac.str()},
                     {"mtu", bond.device.mtu},
                     {"admin_up", bond.admin_up},
                     {"carrier", bond.carrier},
                     {"speed", speed_json(rate.speed)},
                     {"duplex", duplex_json(rate.duplex)},
                     {"mode", core::mode_name(bond.options.mode)},
                     {"options", options_json(bond.options)},
                     {"active_slave", name_or_null(bond, bond.active)},
                     {"primary", name_or_null(bond, bond.primary)},
                     {"datapath", datapath_json(bond)},
                     {"table", {{"pick", pick}}},
                     {"counters", counters_json(bond_counters(bond), true)},
                     {"slaves", slaves},
                     {"history", history}};
    if (!bond.ports.empty()) {
        auto &ports = out["ports"] = ordered_json::array();
        for (const auto &port : bond.ports) {
            ports.push_back(port_json(port, bond.ports_by_xdp));
        }
    }
    if (const auto &netns = bond.netns) {
        out["netns"] = {{"name", netns->name.empty() ? ordered_json() : ordered_json(netns->name)},
                        {"cookie", netns->cookie},
                        {"nsid", netns->nsid < 0 ? ordered_json() : ordered_json(netns->nsid)},
                        {"device", bond.device.name},
                        {"state", netns->gone ? "gone" : "there"}};
    }
    if (bond.balance) {
        out["balance"] = balance_json(bond);
    }
    if (bond.lacp) {
        out["lacp"] = lacp_system_json(bond);
        out["aggregators"] = aggregators_json(bond);
    }
    return out;
}

} // namespace

ordered_json speed_json(std::uint32_t speed) {
    return speed == core::speed_unknown ? ordered_json() : ordered_json(speed);
}

ordered_json duplex_json(std::uint8_t duplex) {
    switch (duplex) {
    case core::duplex_full:
        return "full";
    case core::duplex_half:
        return "half";
    default:
        return nullptr;
    }
}

Rate rate_of(const BondView &bond) {
    std::uint64_t sum = 0, least = core::speed_unknown;
    Rate rate;
    for (const auto &view : bond.slaves) {
        const auto &s = view.slave;
        if (s.link != core::Link::up || s.backup) {
            continue;
        }
        if (s.speed != core::speed_unknown) {
            sum += s.speed;
            least = std::min<std::uint64_t>(least, s.speed);
        }
        if (rate.duplex == core::duplex_unknown) {
            rate.duplex = s.duplex;
        }
    }
    const bool each_sends_all = core::traits(bond.options.mode).sends_on_all;
    if (sum != 0) {
        rate.speed = static_cast<std::uint32_t>(each_sends_all ? least : std::min<std::uint64_t>(sum, INT32_MAX));
    }
    return rate;
}

ordered_json transition_json(const std::string &bond, const core::Transition &t) {
    return {{"bond", bond},         {"time_ns", t.when.count()},
            {"machine", t.machine}, {"slave", t.slave.empty() ? ordered_json() : ordered_json(t.slave)},
            {"from", t.from},       {"to", t.to},
            {"cause", t.cause}};
}

namespace {

ordered_json timing_json(const Timing &timing) {
    const auto ms = [](Time time) { return std::chrono::duration<double, std::milli>(time).count(); };
    return {{"count", timing.count},
            {"longest_ms", ms(timing.longest)},
            {"longest_of", timing.longest_of},
            {"permille_999_ms", ms(timing.permille_999)},
            {"total_ms", ms(timing.total)}};
}

} // namespace

ordered_json status_json(const Snapshot &snapshot) {
    auto features = ordered_json::array();
    for (const auto &f : snapshot.features) {
        features.push_back(ordered_json{{"name", f.name}, {"available", f.available}, {"detail", f.detail}});
    }
    auto bonds = ordered_json::array();
    for (const auto &b : snapshot.bonds) {
        bonds.push_back(bond_json(b));
    }
    auto not_under_control = ordered_json::array();
    for (const auto &left : snapshot.not_under_control) {
        not_under_control.push_back(ordered_json{{"name", left.name}, {"why", left.why}});
    }
    auto hands = timing_json(snapshot.hands);
    hands["waiting"] = snapshot.hands_waiting;
    auto disk = timing_json(snapshot.disk);
    disk["waiting"] = snapshot.disk_waiting;
    hands["disk"] = disk;
    return {{"version", 1},
            {"xbond", snapshot.version},
            {"kernel", snapshot.kernel},
            {"netns", snapshot.netns},
            {"pid", snapshot.pid},
            {"now_ns", snapshot.now.count()},
            {"started_ns", snapshot.started.count()},
            {"features", features},
            {"turns", timing_json(snapshot.turns)},
            {"hands", hands},
            {"bonds", bonds},
            {"not_under_control", not_under_control}};
}

} // namespace xbond::show
