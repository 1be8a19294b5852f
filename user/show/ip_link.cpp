// SPDX-License-Identifier: MIT
// What `ip link show` says of a kernel bond and its slaves, in iproute2's order and spelling.
#include <algorithm>
#include <array>
#include <linux/if.h>
#include <nlohmann/json.hpp>

#include "user/show/ip_options.h"
#include "user/show/render.h"
#include "user/show/render_util.h"

namespace xbond::show {

using nlohmann::ordered_json;

namespace {

struct FlagName {
    std::uint32_t bit;
    const char *name;
};

constexpr std::array<FlagName, 18> flag_names{{{IFF_LOOPBACK, "LOOPBACK"},
                                               {IFF_BROADCAST, "BROADCAST"},
                                               {IFF_POINTOPOINT, "POINTOPOINT"},
                                               {IFF_MULTICAST, "MULTICAST"},
                                               {IFF_NOARP, "NOARP"},
                                               {IFF_ALLMULTI, "ALLMULTI"},
                                               {IFF_PROMISC, "PROMISC"},
                                               {IFF_MASTER, "MASTER"},
                                               {IFF_SLAVE, "SLAVE"},
                                               {IFF_DEBUG, "DEBUG"},
                                               {IFF_DYNAMIC, "DYNAMIC"},
                                               {IFF_AUTOMEDIA, "AUTOMEDIA"},
                                               {IFF_PORTSEL, "PORTSEL"},
                                               {IFF_NOTRAILERS, "NOTRAILERS"},
                                               {IFF_UP, "UP"},
                                               {IFF_LOWER_UP, "LOWER_UP"},
                                               {IFF_DORMANT, "DORMANT"},
                                               {IFF_ECHO, "ECHO"}}};

ordered_json flags_json(std::uint32_t flags) {
    auto out = ordered_json::array();
    if ((flags & IFF_UP) && !(flags & IFF_RUNNING)) {
        out.push_back("NO-CARRIER");
    }
    for (const auto &f : flag_names) {
        if (flags & f.bit) {
            out.push_back(f.name);
        }
    }
    return out;
}

ordered_json device_json(const sys::LinkInfo &d, std::uint32_t flags, const std::string &master, bool details) {
    ordered_json out{{"ifindex", d.ifindex}, {"ifname", d.name}, {"flags", flags_json(flags)}, {"mtu", d.mtu}};
    out["qdisc"] = d.qdisc;
    if (!master.empty()) {
        out["master"] = master;
    }
    out["operstate"] = d.operstate;
    out["linkmode"] = d.linkmode == IF_LINK_MODE_DORMANT ? "DORMANT" : "DEFAULT";
    out["group"] = d.group == 0 ? "default" : std::to_string(d.group);
    if (d.txqlen != 0) {
        out["txqlen"] = d.txqlen;
    }
    out["link_type"] = "ether";
    out["address"] = d.mac.str();
    out["broadcast"] = "ff:ff:ff:ff:ff:ff";
    if (details) {
        out["promiscuity"] = d.promiscuity;
        out["allmulti"] = d.allmulti;
        out["min_mtu"] = d.min_mtu;
        out["max_mtu"] = d.max_mtu;
    }
    return out;
}

ordered_json port_state_words(std::uint8_t state) {
    constexpr std::array<const char *, 8> words{"active",     "short_timeout", "aggregating", "in_sync",
                                                "collecting", "distributing",  "defaulted",   "expired"};
    auto out = ordered_json::array();
    for (std::size_t bit = 0; bit < words.size(); ++bit) {
        if ((state >> bit & 1U) != 0) {
            out.push_back(words.at(bit));
        }
    }
    return out;
}

void add_port(ordered_json &out, const lacp::Port &port) {
    constexpr std::array<const char *, 3> churn{"MONITOR", "CHURN", "NO_CHURN"};
    out["ad_aggregator_id"] = port.aggregator;
    out["ad_actor_oper_port_state"] = port.actor.state;
    out["ad_actor_oper_port_state_str"] = port_state_words(port.actor.state);
    out["ad_partner_oper_port_state"] = port.partner.state;
    out["ad_partner_oper_port_state_str"] = port_state_words(port.partner.state);
    out["churn_actor_state"] = churn.at(static_cast<std::size_t>(port.actor_churn));
    out["churn_partner_state"] = churn.at(static_cast<std::size_t>(port.partner_churn));
    out["actor_port_prio"] = port.actor.port_priority;
}

ordered_json info_slave_data(const BondView &bond, const core::Slave &s) {
    constexpr std::array<const char *, 4> mii{"UP", "GOING_DOWN", "DOWN", "GOING_BACK"};
    ordered_json out{{"state", s.backup ? "BACKUP" : "ACTIVE"},
                     {"mii_status", mii.at(static_cast<std::size_t>(s.link))},
                     {"link_failure_count", s.failures},
                     {"perm_hwaddr", s.perm_mac.str()}};
    add_ip_slave_options(out, s);
    if (const auto *port = bond.lacp ? bond.lacp->state.port(s.slot) : nullptr) {
        add_port(out, *port);
    }
    return out;
}

// xbond's own counters: the kernel's see only part of the traffic. A slave's are what it carried for the bond.
ordered_json stats_json(const xb_counters &c) {
    return {{"rx",
             {{"bytes", c.rx_bytes},
              {"packets", c.rx_packets},
              {"errors", 0},
              {"dropped", c.rx_suppressed},
              {"over_errors", 0},
              {"multicast", 0}}},
            {"tx",
             {{"bytes", c.tx_bytes},
              {"packets", c.tx_packets},
              {"errors", 0},
              {"dropped", c.tx_dropped},
              {"carrier_errors", 0},
              {"collisions", 0}}}};
}

void put_alias(ordered_json &out, const sys::LinkInfo &device) {
    if (!device.alias.empty()) {
        out["ifalias"] = device.alias;
    }
}

ordered_json bond_link(const BondView &bond, bool details, bool statistics) {
    sys::LinkInfo device = bond.device;
    if (device.operstate == "LOWERLAYERDOWN") {
        device.operstate = "DOWN"; // the veth's other end is not what a bond's user sees
    }
    auto out = device_json(device, device.flags | IFF_MASTER, bond.master, details);
    if (details) {
        out["linkinfo"] = {{"info_kind", "bond"}, {"info_data", ip_options(bond)}};
    }
    put_alias(out, device);
    if (statistics) {
        auto counters = bond_counters(bond);
        counters.rx_suppressed = 0; // a duplicate that a backup heard is no loss of the bond
        out["stats64"] = stats_json(counters);
    }
    if (details && statistics) { // a veth tells ip another one, ip prints none
        const auto rate = rate_of(bond);
        out["speed"] = speed_json(rate.speed);
        out["duplex"] = duplex_json(rate.duplex);
    }
    return out;
}

ordered_json slave_link(const BondView &bond, const SlaveView &s, bool details, bool statistics) {
    auto out = device_json(s.device, s.device.flags | IFF_SLAVE, bond.name, details);
    if (details) {
        auto info = ordered_json::object();
        if (!s.device.kind.empty()) {
            info["info_kind"] = s.device.kind;
        }
        info["info_slave_kind"] = "bond";
        info["info_slave_data"] = info_slave_data(bond, s.slave);
        out["linkinfo"] = info;
    }
    put_alias(out, s.device);
    if (statistics) {
        out["stats64"] = stats_json(s.counters);
    }
    return out;
}

// ---- text, from the JSON ----

std::string joined(const ordered_json &list) {
    std::string out;
    for (const auto &word : list) {
        out += (out.empty() ? "" : ",") + word.get<std::string>();
    }
    return out;
}

std::string text_value(const ordered_json &value) {
    if (value.is_null()) {
        return "none";
    }
    if (value.is_boolean()) {
        return value.get<bool>() ? "on" : "off";
    }
    return value.is_string() ? value.get<std::string>() : value.is_array() ? joined(value) : value.dump();
}

std::string words(const ordered_json &object) {
    std::string out;
    for (const auto &[key, value] : object.items()) {
        if (value.is_object()) { // ad_info
            for (const auto &[part, inner] : value.items()) {
                out += "ad_" + part + " " + text_value(inner) + " ";
            }
            continue;
        }
        if (key.ends_with("_str")) {
            out += key + " <" + joined(value) + "> ";
            continue;
        }
        out += std::string(ip_text_word(key)) + " " + text_value(value) + " ";
    }
    return out;
}

std::string details_text(const ordered_json &link) {
    std::string out = " promiscuity " + link["promiscuity"].dump() + "  allmulti " + link["allmulti"].dump() +
                      " minmtu " + link["min_mtu"].dump() + " maxmtu " + link["max_mtu"].dump() + " ";
    const auto &info = link["linkinfo"];
    if (info.contains("info_kind")) {
        out += "\n    " + info["info_kind"].get<std::string>() + " ";
        out += info.contains("info_data") ? words(info["info_data"]) : "";
    }
    if (info.contains("info_slave_kind")) {
        out += "\n    bond_slave " + words(info["info_slave_data"]);
    }
    return out;
}

// A column is as wide as its heading or its widest value.
std::string column_rows(const std::string &heading, const std::array<const char *, 6> &titles,
                        const ordered_json &counters) {
    std::string top = "    " + heading + " ", row = "    " + std::string(heading.size(), ' ') + " ";
    std::size_t i = 0;
    for (const auto &item : counters.items()) {
        const std::string title = titles.at(i++), value = item.value().dump();
        const auto width = std::max(title.size(), value.size());
        top += std::string(width - title.size(), ' ') + title + " ";
        row += std::string(width - value.size(), ' ') + value + " ";
    }
    return "\n" + top + std::string(10, ' ') + "\n" + row; // ip leaves room for a seventh column
}

std::string stats_text(const ordered_json &stats) {
    return column_rows("RX:", {" bytes", "packets", "errors", "dropped", " missed", "  mcast"}, stats["rx"]) +
           column_rows("TX:", {" bytes", "packets", "errors", "dropped", "carrier", "collsns"}, stats["tx"]);
}

std::string link_text(const ordered_json &link, bool details, bool statistics) {
    std::string out = link["ifindex"].dump() + ": " + link["ifname"].get<std::string>() + ": <" +
                      joined(link["flags"]) + "> mtu " + link["mtu"].dump() + " qdisc " +
                      link["qdisc"].get<std::string>() + " ";
    if (link.contains("master")) {
        out += "master " + link["master"].get<std::string>() + " ";
    }
    out += "state " + link["operstate"].get<std::string>() + " mode " + link["linkmode"].get<std::string>() +
           " group " + link["group"].get<std::string>() + " ";
    if (link.contains("txqlen")) {
        out += "qlen " + link["txqlen"].dump();
    }
    out += "\n    link/ether " + link["address"].get<std::string>() + " brd " + link["broadcast"].get<std::string>();
    out += details ? details_text(link) : "";
    out += link.contains("ifalias") ? "\n    alias " + link["ifalias"].get<std::string>() : "";
    out += statistics ? stats_text(link["stats64"]) : "";
    if (link.contains("speed")) {
        const auto &speed = link["speed"], &duplex = link["duplex"];
        out += "\n    speed " + (speed.is_null() ? "unknown" : speed.dump() + "Mb/s") + " duplex " +
               (duplex.is_null() ? "unknown" : duplex.get<std::string>());
    }
    return out + "\n";
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(text.size(), width), ' ');
    return text + " ";
}

std::string brief_text(const ordered_json &link) {
    return padded(link["ifname"].get<std::string>(), 16) + padded(link["operstate"].get<std::string>(), 14) +
           link["address"].get<std::string>() + " <" + joined(link["flags"]) + "> \n";
}

} // namespace

ordered_json ip_link_json(const Snapshot &snapshot, const std::optional<std::string> &name, bool details,
                          bool statistics) {
    auto out = ordered_json::array();
    const auto wanted = [&](const std::string &device) { return !name || *name == device; };
    for (const auto &bond : snapshot.bonds) {
        if (wanted(bond.name)) {
            out.push_back(bond_link(bond, details, statistics));
        }
        for (const auto &s : bond.slaves) {
            if (wanted(s.slave.name)) {
                out.push_back(slave_link(bond, s, details, statistics));
            }
        }
    }
    // ip lists by interface index
    std::sort(out.begin(), out.end(), [](const auto &a, const auto &b) { return a["ifindex"] < b["ifindex"]; });
    return out;
}

std::string ip_link_text(const ordered_json &links, bool details, bool statistics, LinkForm form) {
    std::string out;
    for (const auto &link : links) {
        if (form == LinkForm::brief) {
            out += brief_text(link);
            continue;
        }
        std::string text = link_text(link, details, statistics);
        if (form == LinkForm::one_line) {
            std::replace(text.begin(), text.end() - 1, '\n', '\\');
        }
        out += text;
    }
    return out;
}

ordered_json ip_link_brief_json(const ordered_json &links) {
    auto out = ordered_json::array();
    for (const auto &link : links) {
        auto &brief = out.emplace_back(ordered_json::object());
        for (const char *key : {"ifname", "operstate", "address", "flags"}) {
            brief[key] = link.at(key);
        }
    }
    return out;
}

} // namespace xbond::show
