// SPDX-License-Identifier: MIT
#include "user/show/metrics.h"

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

namespace xbond::show {

using nlohmann::ordered_json;

namespace {

using Labels = std::vector<std::pair<std::string_view, std::string>>;
enum class Kind : bool { gauge, counter };

// All lines of a metric stand together, in the order in which the metrics came up.
class Page {
public:
    void put(const std::string &name, Kind kind, std::string_view help, const Labels &labels,
             const ordered_json &value) {
        if (!value.is_number() && !value.is_boolean()) {
            return; // null: not known
        }
        auto [metric, is_new] = metrics_.try_emplace(name);
        if (is_new) {
            order_.push_back(name);
            metric->second = "# HELP " + name + " " + std::string(help) + "\n# TYPE " + name +
                             (kind == Kind::gauge ? " gauge\n" : " counter\n");
        }
        metric->second +=
            name + text_of(labels) + " " + (value.is_boolean() ? value.get<bool>() ? "1" : "0" : value.dump()) + "\n";
    }
    void gauge(const std::string &name, std::string_view help, const Labels &labels, const ordered_json &value) {
        put(name, Kind::gauge, help, labels, value);
    }
    // A number of each name in an object.
    void counters(const std::string &prefix, std::string_view help, const Labels &labels, const ordered_json &object) {
        for (const auto &[key, value] : object.items()) {
            put(prefix + key + "_total", Kind::counter, help, labels, value);
        }
    }
    std::string text() const {
        std::string out;
        for (const auto &name : order_) {
            out += metrics_.at(name);
        }
        return out;
    }

private:
    static std::string text_of(const Labels &labels) {
        std::string out;
        for (const auto &[name, value] : labels) {
            out += (out.empty() ? "{" : ",") + std::string(name) + "=\"";
            for (const char c : value) {
                out += c == '\\' ? "\\\\" : c == '"' ? "\\\"" : c == '\n' ? "\\n" : std::string(1, c);
            }
            out += "\"";
        }
        return out.empty() ? "" : out + "}";
    }
    std::map<std::string, std::string> metrics_;
    std::vector<std::string> order_;
};

std::string text(const ordered_json &value) {
    return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

const ordered_json &part(const ordered_json &object, const char *key) {
    static const ordered_json nothing;
    const auto found = object.is_object() ? object.find(key) : object.end();
    return object.is_object() && found != object.end() ? *found : nothing;
}

ordered_json scaled(const ordered_json &value, double factor) {
    return value.is_number() ? ordered_json(value.get<double>() * factor) : ordered_json();
}
constexpr double from_ms = 1e-3, from_mbit = 1e6, from_ns = 1e-9;

void put_targets(Page &page, const Labels &labels, const ordered_json &targets) {
    for (const auto &target : targets) {
        Labels of_target = labels;
        of_target.emplace_back("target", text(part(target, "target")));
        page.gauge("xbond_slave_target_answer_age_seconds", "Since the target's last valid answer on this slave.",
                   of_target, scaled(part(target, "age_ms"), from_ms));
        page.gauge("xbond_slave_target_round_trip_seconds", "Of the last probe of this slave that was answered.",
                   of_target, scaled(part(target, "round_trip_ms"), from_ms));
    }
}

void put_monitor(Page &page, const Labels &labels, const ordered_json &monitor) {
    for (const char *name : {"mii", "arp"}) {
        if (const auto &verdict = part(monitor, name); verdict.is_string()) {
            Labels of_one = labels;
            of_one.emplace_back("monitor", name);
            page.gauge("xbond_slave_monitor_up", "What each monitor says of the link.", of_one, verdict == "up");
        }
    }
    page.gauge("xbond_slave_heard_age_seconds", "Since the last reception that counts for the ARP/NS monitor.", labels,
               scaled(part(monitor, "heard_age_ms"), from_ms));
    page.gauge("xbond_slave_probe_age_seconds", "Since this slave last sent a probe.", labels,
               scaled(part(monitor, "probe_age_ms"), from_ms));
    put_targets(page, labels, part(monitor, "targets"));
}

void put_port(Page &page, const Labels &labels, const ordered_json &port) {
    if (!port.is_object()) {
        return;
    }
    page.gauge("xbond_lacp_port_aggregator", "Number of the aggregator that the port belongs to.", labels,
               part(port, "aggregator_id"));
    page.gauge("xbond_lacp_port_actor_state", "State octet of the actor: 61 healthy and slow, 63 healthy and fast.",
               labels, part(part(port, "actor"), "state"));
    page.gauge("xbond_lacp_port_partner_state", "State octet that the partner tells.", labels,
               part(part(port, "partner"), "state"));
    page.gauge("xbond_lacp_port_collecting", "The port takes in frames.", labels, part(port, "collecting"));
    page.gauge("xbond_lacp_port_distributing", "The port may send frames.", labels, part(port, "distributing"));
    page.gauge("xbond_lacp_port_last_received_seconds", "Since the partner's last LACPDU.", labels,
               scaled(part(port, "last_rx_ms_ago"), from_ms));
    page.gauge("xbond_lacp_port_last_sent_seconds", "Since the last LACPDU that was sent.", labels,
               scaled(part(port, "last_tx_ms_ago"), from_ms));
    page.counters("xbond_lacp_port_churned_", "Times that the side did not come into sync within a minute.", labels,
                  part(port, "churned_count"));
    page.counters("xbond_lacp_port_", "Frames of LACP and markers on the port.", labels, part(port, "stats"));
}

void put_slave(Page &page, const std::string &bond, const ordered_json &slave) {
    const Labels labels{{"bond", bond}, {"slave", text(part(slave, "name"))}};
    Labels info = labels;
    for (const char *key : {"state", "link", "driver", "mac", "perm_mac", "duplex", "fallback"}) {
        info.emplace_back(key, text(part(slave, key)));
    }
    info.emplace_back("xdp", text(part(part(slave, "xdp"), "attached")));
    info.emplace_back("received_by", text(part(part(slave, "receive"), "by")));
    info.emplace_back("reason", text(part(part(slave, "monitor"), "reason")));
    page.gauge("xbond_slave_info", "What the slave is; always 1.", info, 1);
    page.gauge("xbond_slave_up", "Its link is up for the bond.", labels, part(slave, "link") == "up");
    page.gauge("xbond_slave_active", "It is the current active slave.", labels, part(slave, "active"));
    page.gauge("xbond_slave_primary", "It is the primary.", labels, part(slave, "primary"));
    page.gauge("xbond_slave_carrier", "Its device has carrier.", labels, part(slave, "carrier"));
    page.gauge("xbond_slave_admin_up", "Its device is set up.", labels, part(slave, "running"));
    page.gauge("xbond_slave_suppressed", "What it receives is dropped: a backup.", labels, part(slave, "suppressed"));
    page.put("xbond_slave_link_failures_total", Kind::counter, "Times its link was lost.", labels,
             part(slave, "failures"));
    page.gauge("xbond_slave_speed_bits_per_second", "Speed of its link.", labels,
               scaled(part(slave, "speed"), from_mbit));
    page.gauge("xbond_slave_prio", "Option prio.", labels, part(slave, "prio"));
    page.gauge("xbond_slave_queue_id", "Option queue_id.", labels, part(slave, "queue_id"));
    page.gauge("xbond_slave_mtu_bytes", "MTU of its device.", labels, part(slave, "mtu"));
    page.gauge("xbond_slave_delay_ticks", "Intervals left of updelay or downdelay.", labels,
               part(slave, "delay_ticks"));
    page.counters("xbond_slave_", "What it carried for the bond since its enslavement.", labels,
                  part(slave, "counters"));
    put_monitor(page, labels, part(slave, "monitor"));
    put_port(page, labels, part(slave, "lacp"));
    for (const char *key : {"load", "buckets", "bytes", "clients"}) {
        page.gauge("xbond_slave_balance_" + std::string(key), "Share of balance-tlb and balance-alb.", labels,
                   part(part(slave, "balance"), key));
    }
}

void put_options(Page &page, const std::string &bond, const ordered_json &options) {
    for (const auto &[name, value] : options.items()) {
        page.gauge("xbond_bond_option", "Options that are numbers; times in the option's own unit.",
                   {{"bond", bond}, {"option", name}}, value);
        if (value.is_string()) {
            page.gauge("xbond_bond_option_info", "Options that are words; always 1.",
                       {{"bond", bond}, {"option", name}, {"value", text(value)}}, 1);
        }
    }
}

void put_lacp(Page &page, const std::string &bond, const ordered_json &of_bond) {
    const auto &lacp = part(of_bond, "lacp");
    if (!lacp.is_object()) {
        return;
    }
    page.gauge("xbond_lacp_active_aggregator", "Number of the aggregator that carries the traffic.", {{"bond", bond}},
               part(lacp, "active_aggregator"));
    page.counters("xbond_lacp_", "Of LACP, all ports together.", {{"bond", bond}}, part(lacp, "stats"));
    for (const auto &aggregator : part(of_bond, "aggregators")) {
        const Labels labels{{"bond", bond},
                            {"aggregator", text(part(aggregator, "id"))},
                            {"partner", text(part(part(aggregator, "partner"), "mac"))}};
        page.gauge("xbond_lacp_aggregator_active", "It carries the traffic.", labels, part(aggregator, "active"));
        page.gauge("xbond_lacp_aggregator_ports", "Its ports that are up.", labels, part(aggregator, "num_ports"));
        page.gauge("xbond_lacp_aggregator_usable_ports", "Its ports that may send.", labels,
                   part(aggregator, "usable_ports"));
        page.gauge("xbond_lacp_aggregator_bandwidth_bits_per_second", "Of its ports together.", labels,
                   scaled(part(aggregator, "bandwidth_mbps"), from_mbit));
    }
}

void put_table(Page &page, const std::string &bond, const ordered_json &pick) {
    std::map<std::string, std::size_t> positions;
    for (const auto &slave : pick) {
        ++positions[text(slave)];
    }
    for (const auto &[slave, count] : positions) {
        page.gauge("xbond_bond_table_positions", "Positions of the published table that name the slave; \"\": nobody.",
                   {{"bond", bond}, {"slave", slave}}, count);
    }
}

void put_bond(Page &page, const ordered_json &bond) {
    const auto name = text(part(bond, "name"));
    const Labels labels{{"bond", name}};
    const auto &datapath = part(bond, "datapath");
    Labels info = labels;
    for (const char *key : {"mode", "mac", "duplex", "active_slave", "primary"}) {
        info.emplace_back(key, text(part(bond, key)));
    }
    for (const char *key : {"hook", "carrier_check", "visibility"}) {
        info.emplace_back(key, text(part(datapath, key)));
    }
    page.gauge("xbond_bond_info", "What the bond is; always 1.", info, 1);
    page.gauge("xbond_bond_admin_up", "Its device is set up.", labels, part(bond, "admin_up"));
    page.gauge("xbond_bond_carrier", "It has carrier.", labels, part(bond, "carrier"));
    page.gauge("xbond_bond_mtu_bytes", "MTU of its device.", labels, part(bond, "mtu"));
    page.gauge("xbond_bond_speed_bits_per_second", "Of all slaves that send together.", labels,
               scaled(part(bond, "speed"), from_mbit));
    page.put("xbond_bond_watch_runs_total", Kind::counter, "Looks of the data path's own carrier watch.", labels,
             part(datapath, "watch_runs"));
    page.counters("xbond_bond_", "Of the bond: sums over its slaves, and what no slave took.", labels,
                  part(bond, "counters"));
    put_options(page, name, part(bond, "options"));
    put_table(page, name, part(part(bond, "table"), "pick"));
    put_lacp(page, name, bond);
    const auto &balance = part(bond, "balance");
    page.gauge("xbond_bond_balance_unbalanced_bytes", "Bytes that the active slave took for want of a choice.", labels,
               part(balance, "unbalanced_bytes"));
    if (const auto &clients = part(balance, "clients"); clients.is_array()) {
        page.gauge("xbond_bond_balance_clients", "Neighbours that balance-alb has told an address.", labels,
                   clients.size());
    }
    for (const auto &slave : part(bond, "slaves")) {
        put_slave(page, name, slave);
    }
    for (const auto &port : part(bond, "ports")) {
        const Labels of_port{{"bond", name}, {"port", text(part(port, "name"))}};
        page.counters("xbond_port_", "Of a port: rx from it, tx to it.", of_port, part(port, "counters"));
        page.gauge("xbond_port_addresses", "Addresses known behind the port.", of_port, part(port, "addresses"));
    }
}

void put_nodes(Page &page, const ordered_json &bonds) {
    for (const auto &bond : bonds) {
        std::size_t up = 0;
        for (const auto &slave : part(bond, "slaves")) {
            up += part(slave, "link") == "up" ? 1 : 0;
        }
        const Labels labels{{"master", text(part(bond, "name"))}};
        page.gauge("node_bonding_slaves", "Number of configured slaves per bonding interface.", labels,
                   part(bond, "slaves").size());
        page.gauge("node_bonding_active", "Number of active slaves per bonding interface.", labels, up);
    }
}

void put_timing(Page &page, const std::string &what, const ordered_json &timing) {
    page.put("xbond_" + what + "_total", Kind::counter, "Done since the daemon's start.", {}, part(timing, "count"));
    page.put("xbond_" + what + "_seconds_total", Kind::counter, "Time they took together.", {},
             scaled(part(timing, "total_ms"), from_ms));
    page.gauge("xbond_" + what + "_longest_seconds", "The longest of them.", {{"of", text(part(timing, "longest_of"))}},
               scaled(part(timing, "longest_ms"), from_ms));
    page.gauge("xbond_" + what + "_waiting", "Those that wait for their turn.", {}, part(timing, "waiting"));
}

} // namespace

std::string metrics_text(const ordered_json &status) {
    Page page;
    put_nodes(page, part(status, "bonds"));
    page.gauge("xbond_info", "Versions; always 1.",
               {{"version", text(part(status, "xbond"))}, {"kernel", text(part(status, "kernel"))}}, 1);
    const auto &now = part(status, "now_ns"), &started = part(status, "started_ns");
    if (now.is_number() && started.is_number()) {
        page.gauge("xbond_uptime_seconds", "Since xbondd's start.", {},
                   scaled(now.get<std::int64_t>() - started.get<std::int64_t>(), from_ns));
    }
    put_timing(page, "turns", part(status, "turns"));
    put_timing(page, "hands", part(status, "hands"));
    put_timing(page, "disk", part(part(status, "hands"), "disk"));
    for (const auto &feature : part(status, "features")) {
        page.gauge("xbond_feature_available", "What this kernel has.", {{"feature", text(part(feature, "name"))}},
                   part(feature, "available"));
    }
    for (const auto &bond : part(status, "bonds")) {
        put_bond(page, bond);
    }
    for (const auto &left : part(status, "not_under_control")) {
        page.gauge("xbond_bond_not_under_control", "Bonds that go on as they were left; always 1.",
                   {{"bond", text(part(left, "name"))}, {"why", text(part(left, "why"))}}, 1);
    }
    return page.text();
}

} // namespace xbond::show
