// SPDX-License-Identifier: MIT
// The status for people. Made from the JSON, so that both agree and the command line needs nothing but the reply.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "user/show/render.h"
#include "xbond/counters.h"

namespace xbond::show {

using nlohmann::ordered_json;

namespace {

std::string show(const ordered_json &value) {
    return value.is_string() ? value.get<std::string>() : value.is_null() ? "-" : value.dump();
}

// Columns as wide as their widest cell, two blanks between.
std::string table(const std::vector<std::vector<std::string>> &rows) {
    std::vector<std::size_t> width;
    for (const auto &row : rows) {
        width.resize(std::max(width.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) {
            width[i] = std::max(width[i], row[i].size());
        }
    }
    std::string out;
    for (const auto &row : rows) {
        std::string line = "   ";
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += " " + row[i] + std::string(width[i] - row[i].size() + 1, ' ');
        }
        out += line.erase(line.find_last_not_of(' ') + 1) + "\n";
    }
    return out;
}

// "12.3 s ago", from nanoseconds
std::string ago(std::int64_t ns) {
    const auto tenths = std::max<std::int64_t>(0, ns) / 100'000'000;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s ago";
}

std::string slave_table(const ordered_json &bond) {
    std::vector<std::vector<std::string>> rows{
        {"SLAVE", "STATE", "LINK", "CARRIER", "FAILURES", "SPEED", "FALLBACK", "XDP"}};
    for (const auto &s : bond.at("slaves")) {
        rows.push_back({show(s.at("name")) + (s.at("active") == true ? "*" : ""), show(s.at("state")),
                        show(s.at("link")), s.at("carrier") == true ? "on" : "off", show(s.at("failures")),
                        show(s.at("speed")), show(s.at("fallback")), show(s.at("xdp").at("attached"))});
    }
    for (const auto &counter : data_path_counters) {
        if (counter.column.empty()) {
            continue;
        }
        rows[0].emplace_back(counter.column);
        for (std::size_t i = 1; i < rows.size(); ++i) {
            rows[i].push_back(show(bond.at("slaves")[i - 1].at("counters").at(std::string(counter.name))));
        }
    }
    return rows.size() > 1 ? table(rows) : "    no slaves\n";
}

// Of NICs that were switched for the bond.
std::string nic_table(const ordered_json &bond) {
    std::vector<std::vector<std::string>> rows;
    for (const auto &s : bond.at("slaves")) {
        const auto nic = s.value("nic", ordered_json::object());
        const auto vlans = nic.value("vlans", std::string("none")), why = nic.value("why", std::string());
        std::string what = vlans == "none" || vlans == "open" ? "" : "VLANs: " + vlans;
        for (const auto &off : nic.value("offloads_off", ordered_json::array())) {
            what += (what.empty() ? "" : ", ") + show(off) + " off";
        }
        if (!what.empty()) {
            rows.push_back({show(s.at("name")), why.empty() ? what : what + " (" + why + ")"});
        }
    }
    return rows.empty() ? "" : "  NICs\n" + table(rows);
}

// Where it was asked for, and is not the same everywhere.
std::string receive_table(const ordered_json &bond) {
    std::vector<std::vector<std::string>> rows;
    if (bond.at("options").value("receive", std::string("auto")) == "xdp") {
        for (const auto &s : bond.at("slaves")) {
            const auto receive = s.value("receive", ordered_json::object());
            rows.push_back({show(s.at("name")), "by " + receive.value("by", std::string("tc")),
                            receive.value("why", std::string())});
        }
    }
    return rows.empty() ? "" : "  Received frames\n" + table(rows);
}

// "12.3 ms", from milliseconds
std::string millis(const ordered_json &ms) {
    if (ms.is_null()) {
        return "never";
    }
    char text[32];
    std::snprintf(text, sizeof text, "%.*f ms", ms.get<double>() < 100 ? 3 : 0, ms.get<double>());
    return text;
}

std::string monitor_table(const ordered_json &bond) {
    std::vector<std::vector<std::string>> rows{{"TARGET", "SLAVE", "LAST ANSWER", "ROUND TRIP"}};
    for (const auto &s : bond.at("slaves")) {
        for (const auto &t : s.at("monitor").at("targets")) {
            const auto &trip = t.at("round_trip_ms");
            rows.push_back({show(t.at("target")), show(s.at("name")), millis(t.at("age_ms")),
                            trip.is_null() ? "-" : millis(trip)});
        }
    }
    return rows.size() > 1 ? "  monitor\n" + table(rows) : "";
}

std::string history_text(const ordered_json &bond, std::int64_t now) {
    constexpr std::ptrdiff_t last = 10;
    const auto &history = bond.at("history");
    std::vector<std::vector<std::string>> rows;
    for (auto t = history.end() - std::min<std::ptrdiff_t>(last, static_cast<std::ptrdiff_t>(history.size()));
         t != history.end(); ++t) {
        rows.push_back({ago(now - t->at("time_ns").get<std::int64_t>()), show(t->at("machine")), show(t->at("slave")),
                        show(t->at("from")) + " -> " + show(t->at("to")), show(t->at("cause"))});
    }
    return rows.empty() ? "" : "  last changes\n" + table(rows);
}

// ", 2000 Mb/s full duplex"
std::string rate_text(const ordered_json &bond) {
    const auto speed = bond.value("speed", ordered_json()), duplex = bond.value("duplex", ordered_json());
    return speed.is_null() ? ""
                           : ", " + show(speed) + " Mb/s" + (duplex.is_null() ? "" : " " + show(duplex) + " duplex");
}

std::string listed(const ordered_json &names) {
    std::string text;
    for (const auto &name : names) {
        text += (text.empty() ? "" : ", ") + show(name);
    }
    return text;
}

std::string visibility_note(const ordered_json &path) {
    if (path.contains("visibility_why")) {
        return " because of " + listed(path.at("visibility_why"));
    }
    return path.contains("bypassed") ? ", goes around " + listed(path.at("bypassed")) : "";
}

// "XDP program count of /root/count.o, number 12, takes fragments, maps in /sys/fs/bpf/count"
std::string chained_text(const ordered_json &chained) {
    const auto file = show(chained.at("file"));
    return "chained XDP program " + show(chained.at("program")) + (file.empty() ? "" : " of " + file) + ", number " +
           show(chained.at("id")) + (chained.at("frags") == true ? ", takes fragments" : "") +
           (chained.at("pin").is_null() ? "" : ", maps in " + show(chained.at("pin")));
}

std::string ports_table(const ordered_json &ports) {
    std::vector<std::vector<std::string>> rows{
        {"PORT", "MAC", "VLAN", "XDP", "SENDS BY", "RECEIVES BY", "FROM IT", "TO IT", "DROPPED"}};
    for (const auto &p : ports) {
        const auto &c = p.at("counters");
        rows.push_back({show(p.at("name")),
                        p.at("mac").is_null() ? show(p.at("addresses")) + " learned" : show(p.at("mac")),
                        p.at("vlan").is_null() ? "-" : show(p.at("vlan")), show(p.at("xdp").at("attached")),
                        show(p.at("sends_by")), show(p.at("receives_by")), show(c.at("rx_packets")),
                        show(c.at("tx_packets")), show(c.at("dropped"))});
    }
    return table(rows);
}

// "device bond0 in network namespace blue (nsid 1, cookie 4711)"
std::string netns_text(const ordered_json &netns) {
    const auto name = netns.at("name").is_null() ? std::string() : " " + show(netns.at("name"));
    const auto cookie = "cookie " + show(netns.at("cookie"));
    if (netns.at("state") == "gone") {
        return "network namespace" + name + " (" + cookie + ") has gone: device made anew here, down";
    }
    return "device " + show(netns.at("device")) + " in network namespace" + name + " (nsid " + show(netns.at("nsid")) +
           ", " + cookie + ")";
}

std::string bond_text(const ordered_json &bond, std::int64_t now) {
    const auto &path = bond.at("datapath"), &c = bond.at("counters"), &o = bond.at("options");
    const auto yes = [](const ordered_json &v, const char *on, const char *off) { return v == true ? on : off; };
    std::string out = show(bond.at("name")) + ": " + show(bond.at("mode")) + ", " +
                      yes(bond.at("admin_up"), "up", "down") + ", carrier " + yes(bond.at("carrier"), "on", "off") +
                      ", " + show(bond.at("mac")) + ", mtu " + show(bond.at("mtu")) + rate_text(bond) + "\n";
    out += "  miimon " + show(o.at("miimon")) + " ms, arp_interval " + show(o.at("arp_interval")) +
           " ms, active slave " + show(bond.at("active_slave")) + ", primary " + show(bond.at("primary")) + "\n";
    out += "  data path: " + show(path.at("hook")) + ", carrier check " + show(path.at("carrier_check")) + ", watch " +
           show(path.at("watch_ms")) + " ms, visibility " + show(path.at("visibility")) + visibility_note(path) + "\n";
    if (bond.contains("netns")) {
        out += "  " + netns_text(bond.at("netns")) + "\n";
    }
    if (path.contains("chained")) {
        out += "  " + chained_text(path.at("chained")) + "\n";
    }
    out += "  tx " + show(c.at("tx_packets")) + " packets " + show(c.at("tx_bytes")) + " bytes, " +
           show(c.at("tx_dropped")) + " dropped; rx " + show(c.at("rx_packets")) + " packets " +
           show(c.at("rx_bytes")) + " bytes\n";
    const std::string ports = bond.contains("ports") ? ports_table(bond.at("ports")) : "";
    return out + slave_table(bond) + ports + receive_table(bond) + nic_table(bond) + monitor_table(bond) +
           history_text(bond, now);
}

} // namespace

std::string status_text(const ordered_json &status) {
    try {
        const auto now = status.at("now_ns").get<std::int64_t>();
        std::string out = "xbond " + show(status.at("xbond")) + ", kernel " + show(status.at("kernel")) + ", netns " +
                          show(status.at("netns")) + ", xbondd pid " + show(status.at("pid")) + "\n";
        for (const auto &bond : status.at("bonds")) {
            out += "\n" + bond_text(bond, now);
        }
        const auto left_alone = status.value("not_under_control", ordered_json::array());
        for (const auto &left : left_alone) {
            out += "\n" + show(left.at("name")) + ": not under control: " + show(left.at("why")) + "\n";
        }
        return status.at("bonds").empty() && left_alone.empty() ? out + "no bonds\n" : out;
    } catch (const ordered_json::exception &) { // a daemon of another version
        return status.dump(2) + "\n";
    }
}

std::string xdp_text(const ordered_json &bonds) {
    std::string out;
    for (const auto &bond : bonds) {
        const auto &chained = bond.at("chained");
        out += show(bond.at("name")) + ": " + (chained.is_null() ? "no chained XDP program" : chained_text(chained)) +
               "\n";
        std::vector<std::vector<std::string>> rows{{"SLAVE", "XDP", "CHAINED", "WHY"}};
        for (const auto &s : bond.at("slaves")) {
            const auto &xdp = s.at("xdp");
            rows.push_back({show(s.at("name")), show(xdp.at("attached")), xdp.at("chained") == true ? "yes" : "no",
                            show(xdp.at("why"))});
        }
        out += rows.size() > 1 ? table(rows) : "    no slaves\n";
    }
    return out.empty() ? "no bonds\n" : out;
}

ordered_json ports_json(const ordered_json &status) {
    auto out = ordered_json::array();
    for (const auto &bond : status.at("bonds")) {
        out.push_back(ordered_json{{"name", bond.at("name")}, {"ports", bond.value("ports", ordered_json::array())}});
    }
    return out;
}

std::string ports_text(const ordered_json &bonds) {
    std::string out;
    for (const auto &bond : bonds) {
        out += show(bond.at("name")) + ":\n";
        out += bond.at("ports").empty() ? "    no ports\n" : ports_table(bond.at("ports"));
        for (const auto &port : bond.at("ports")) {
            out += "    " + show(port.at("name")) + ": " + show(port.at("xdp").at("why")) + "\n";
        }
    }
    return out.empty() ? "no bonds\n" : out;
}

ordered_json xdp_json(const ordered_json &status) {
    auto out = ordered_json::array();
    for (const auto &bond : status.at("bonds")) {
        auto slaves = ordered_json::array();
        for (const auto &s : bond.at("slaves")) {
            slaves.push_back(ordered_json{{"name", s.at("name")}, {"xdp", s.at("xdp")}});
        }
        out.push_back(ordered_json{{"name", bond.at("name")},
                                   {"chained", bond.at("datapath").value("chained", ordered_json())},
                                   {"slaves", slaves}});
    }
    return out;
}

} // namespace xbond::show
