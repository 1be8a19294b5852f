// SPDX-License-Identifier: MIT
// What `xbond lacp` prints.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "user/core/wire/hex.h"
#include "user/show/lacp_render.h"

namespace xbond::show {

using nlohmann::ordered_json;

namespace {

std::string shown(const ordered_json &value) {
    if (value.is_null()) {
        return "none";
    }
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string on_off(const ordered_json &value) { return value.get<bool>() ? "on" : "off"; }

std::string row(const std::string &label, const std::string &value) { return "\t" + label + ": " + value + "\n"; }

std::string joined(const ordered_json &words, const char *between) {
    std::string out;
    for (const auto &word : words) {
        out += (out.empty() ? "" : between) + word.get<std::string>();
    }
    return out;
}

std::string info_text(const std::string &who, const ordered_json &info) {
    return row(who + " sys_id", shown(info.at("system"))) +
           row(who + " sys_priority", shown(info.at("system_priority"))) +
           row(who + " port_id", shown(info.at("port"))) +
           row(who + " port_priority", shown(info.at("port_priority"))) + row(who + " key", shown(info.at("key"))) +
           row(who + " state", joined(info.at("flags"), " ") + " (" + info.at("state").dump() + ")");
}

std::string member_text(const ordered_json &s) {
    if (!s.contains("fsm")) { // enslaved a moment ago
        return "\nslave: " + shown(s.at("name")) + ": no port yet\n";
    }
    const auto &fsm = s.at("fsm");
    std::string out = "\nslave: " + shown(s.at("name")) + ": " + shown(fsm.at("rx")) + " " + shown(fsm.at("mux")) +
                      " " + shown(s.at("selected")) + "\n";
    out += row("link", shown(s.at("link"))) + row("aggregator", shown(s.at("aggregator_id")));
    out += row("collecting", on_off(s.at("collecting"))) + row("distributing", on_off(s.at("distributing")));
    out += row("periodic", shown(fsm.at("periodic")));
    out += row("churn", shown(fsm.at("churn_actor")) + ", partner " + shown(fsm.at("churn_partner")));
    out += row("channel", shown(s.at("channel").at("way"))) + info_text("actor", s.at("actor")) +
           info_text("partner", s.at("partner"));
    const auto &stats = s.at("stats");
    return out + row("lacpdus", stats.at("lacpdu_rx").dump() + " received, " + stats.at("lacpdu_tx").dump() + " sent");
}

std::string time_text(std::int64_t ns) {
    char text[32];
    std::snprintf(text, sizeof text, "%lld.%06lld", static_cast<long long>(ns / 1'000'000'000),
                  static_cast<long long>(ns / 1000 % 1'000'000));
    return text;
}

void put32(std::vector<std::uint8_t> &out, std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) {
        out.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

} // namespace

std::string lacp_text(const ordered_json &all) {
    const auto &lacp = all.at("lacp");
    std::string out = "---- " + shown(all.at("bond")) + " ----\n";
    out += row("carrier", on_off(all.at("carrier")));
    out += row("lacp", (lacp.at("active").get<bool>() ? "active, " : "passive, ") + shown(lacp.at("rate")));
    out += row("sys_id", shown(lacp.at("system").at("mac")));
    out += row("sys_priority", shown(lacp.at("system").at("priority")));
    out += row("ad_select", shown(lacp.at("ad_select")));
    out += row("active aggregator", shown(lacp.at("active_aggregator")));
    for (const auto &a : all.at("aggregators")) {
        if (!a.at("ports").empty()) {
            out += row("aggregator " + a.at("id").dump(),
                       joined(a.at("ports"), ", ") + "; partner " + shown(a.at("partner").at("mac")) + " key " +
                           a.at("partner_key").dump() + "; usable " + a.at("usable_ports").dump() + " of " +
                           a.at("num_ports").dump());
        }
    }
    for (const auto &slave : all.at("slaves")) {
        out += member_text(slave);
    }
    return out;
}

std::string lacp_history_text(const ordered_json &history) {
    std::string out;
    for (const auto &entry : history) {
        out +=
            time_text(entry.at("time_ns")) + " " + shown(entry.at("slave")) + " " + shown(entry.at("direction")) + " ";
        if (!entry.contains("actor")) {
            out += shown(entry.at("counted")) + ", " + entry.at("wire_octets").dump() + " octets\n";
            continue;
        }
        for (const char *who : {"actor", "partner"}) {
            const auto &info = entry.at(who);
            out += std::string(who) + " " + info.at("system_priority").dump() + "/" + shown(info.at("system")) +
                   " key " + info.at("key").dump() + " port " + info.at("port_priority").dump() + "/" +
                   info.at("port").dump() + " [" + joined(info.at("flags"), " ") + "]" + (who[0] == 'a' ? "  " : "\n");
        }
    }
    return out.empty() ? "no frame yet\n" : out;
}

std::vector<std::uint8_t> lacp_history_pcap(const ordered_json &history, std::int64_t boot) {
    constexpr std::uint32_t nanosecond_magic = 0xa1b23c4d, version_2_4 = 2 | 4 << 16, snap_length = 65535, ethernet = 1;
    constexpr std::int64_t second = 1'000'000'000;
    std::vector<std::uint8_t> out;
    for (const std::uint32_t word : {nanosecond_magic, version_2_4, 0U, 0U, snap_length, ethernet}) {
        put32(out, word);
    }
    for (const auto &entry : history) {
        const auto frame = wire::parse_hex(entry.at("frame").get<std::string>()).value_or(std::vector<std::uint8_t>());
        const auto when = boot + entry.at("time_ns").get<std::int64_t>();
        put32(out, static_cast<std::uint32_t>(when / second));
        put32(out, static_cast<std::uint32_t>(when % second));
        put32(out, static_cast<std::uint32_t>(frame.size()));
        put32(out, entry.at("wire_octets").get<std::uint32_t>());
        out.insert(out.end(), frame.begin(), frame.end());
    }
    return out;
}

} // namespace xbond::show
