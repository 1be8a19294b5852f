// SPDX-License-Identifier: MIT
#include "user/show/top.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

namespace xbond::show {

using nlohmann::ordered_json;

namespace {

using Row = std::vector<std::string>;

std::string text(const ordered_json &value) {
    return value.is_string() ? value.get<std::string>() : value.is_null() ? "-" : value.dump();
}

// "1.23M"
std::string scaled(double value) {
    constexpr std::array<const char *, 5> units{"", "k", "M", "G", "T"};
    std::size_t unit = 0;
    while (value >= 1000 && unit + 1 < units.size()) {
        value /= 1000;
        ++unit;
    }
    char out[32];
    std::snprintf(out, sizeof out, "%.*f%s", unit == 0 ? 0 : value < 10 ? 2 : 1, value, units.at(unit));
    return out;
}

// The object of that name in a list; null: there is none.
const ordered_json *named(const ordered_json &list, const ordered_json &name) {
    for (const auto &one : list) {
        if (one.at("name") == name) {
            return &one;
        }
    }
    return nullptr;
}

// Per second since the other look; "-" where there was none, or where counters began anew.
std::string rate(const ordered_json *before, const ordered_json &now, const char *counter, double factor,
                 double seconds) {
    const auto value = now.at("counters").at(counter).get<std::uint64_t>();
    const auto old = before == nullptr ? value + 1 : before->at("counters").at(counter).get<std::uint64_t>();
    return old > value || seconds <= 0 ? "-" : scaled(static_cast<double>(value - old) * factor / seconds);
}

void add_rates(Row &row, const ordered_json *before, const ordered_json &now, double seconds) {
    for (const char *direction : {"tx", "rx"}) {
        row.push_back(rate(before, now, (std::string(direction) + "_packets").c_str(), 1, seconds));
        row.push_back(rate(before, now, (std::string(direction) + "_bytes").c_str(), 8, seconds));
    }
}

std::string lacp_of(const ordered_json &slave) {
    const auto port = slave.value("lacp", ordered_json());
    if (!port.is_object()) {
        return "";
    }
    return text(port.at("actor").at("state")) + "/" + text(port.at("partner").at("state")) +
           (port.at("distributing") == true ? " distributing"
            : port.at("collecting") == true ? " collecting"
                                            : "");
}

bool healthy(const ordered_json &bond) {
    return bond.at("carrier") == true &&
           std::ranges::all_of(bond.at("slaves"), [](const ordered_json &s) { return s.at("link") == "up"; });
}

// A bond's row and those of its slaves and ports, in the columns of `titles`.
void add_bond(std::vector<Row> &rows, const ordered_json *before, const ordered_json &bond, double seconds) {
    Row row{text(bond.at("name")), text(bond.at("mode")), bond.at("carrier") == true ? "up" : "down",
            text(bond.at("counters").at("failover_tx"))};
    add_rates(row, before, bond, seconds);
    row.push_back(bond.at("active_slave").is_null() ? "" : "active " + text(bond.at("active_slave")));
    rows.push_back(std::move(row));
    for (const auto &slave : bond.at("slaves")) {
        const auto *old = before == nullptr ? nullptr : named(before->at("slaves"), slave.at("name"));
        Row of_slave{"  " + text(slave.at("name")) + (slave.at("active") == true ? "*" : ""), text(slave.at("state")),
                     text(slave.at("link")), text(slave.at("failures"))};
        add_rates(of_slave, old, slave, seconds);
        of_slave.push_back(slave.at("link") == "up" ? lacp_of(slave)
                                                    : text(slave.at("monitor").value("reason", ordered_json(""))));
        rows.push_back(std::move(of_slave));
    }
    for (const auto &port : bond.value("ports", ordered_json::array())) {
        const auto earlier = before == nullptr ? ordered_json() : before->value("ports", ordered_json::array());
        Row of_port{"  " + text(port.at("name")), "port", "", ""};
        add_rates(of_port, named(earlier, port.at("name")), port, seconds);
        of_port.push_back(port.at("vlan").is_null() ? "" : "vlan " + text(port.at("vlan")));
        rows.push_back(std::move(of_port));
    }
}

const Row titles{"BOND", "MODE/STATE", "LINK", "FAILED", "TX pkt/s", "TX bit/s", "RX pkt/s", "RX bit/s", ""};
constexpr std::size_t first_number = 3, last_number = 7;

std::string fitted(std::string line, std::size_t width) {
    line.erase(line.find_last_not_of(' ') + 1);
    return (line.size() > width ? line.substr(0, width) : line) + "\n";
}

// Numbers stand at the right of their column.
std::vector<std::string> aligned(const std::vector<Row> &rows, std::size_t width) {
    std::vector<std::size_t> widths(titles.size());
    for (const auto &row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    std::vector<std::string> out;
    for (const auto &row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string blanks(widths[i] - row[i].size(), ' ');
            line += (i >= first_number && i <= last_number ? blanks + row[i] : row[i] + blanks) + "  ";
        }
        out.push_back(fitted(std::move(line), width));
    }
    return out;
}

// The last changes of all bonds, oldest first.
std::vector<std::string> changes(const ordered_json &status, std::size_t most, std::size_t width) {
    std::vector<ordered_json> all;
    for (const auto &bond : status.at("bonds")) {
        all.insert(all.end(), bond.at("history").begin(), bond.at("history").end());
    }
    std::ranges::stable_sort(all, {}, [](const ordered_json &t) { return t.at("time_ns").get<std::int64_t>(); });
    std::vector<std::string> out;
    const auto now = status.at("now_ns").get<std::int64_t>();
    for (std::size_t i = all.size() - std::min(most, all.size()); i < all.size(); ++i) {
        const auto &t = all[i];
        char ago[32];
        std::snprintf(ago, sizeof ago, "%8.1f s ago  ",
                      static_cast<double>(now - t.at("time_ns").get<std::int64_t>()) / 1e9);
        out.push_back(fitted(ago + text(t.at("bond")) + " " +
                                 (t.at("slave").is_null() ? "" : text(t.at("slave")) + " ") + text(t.at("machine")) +
                                 ": " + text(t.at("from")) + " -> " + text(t.at("to")) + " (" + text(t.at("cause")) +
                                 ")",
                             width));
    }
    return out;
}

std::string heading(const ordered_json &status) {
    std::size_t slaves = 0, down = 0;
    for (const auto &bond : status.at("bonds")) {
        for (const auto &slave : bond.at("slaves")) {
            ++slaves;
            down += slave.at("link") == "up" ? 0 : 1;
        }
    }
    return "xbond " + text(status.at("xbond")) + "  " + std::to_string(status.at("bonds").size()) + " bonds, " +
           std::to_string(slaves) + " slaves, " + std::to_string(down) + " not up";
}

} // namespace

std::string top_text(const ordered_json &before, const ordered_json &now, Screen screen) {
    const auto old = before.value("bonds", ordered_json::array());
    const double seconds =
        before.contains("now_ns")
            ? static_cast<double>(now.at("now_ns").get<std::int64_t>() - before.at("now_ns").get<std::int64_t>()) / 1e9
            : 0;
    std::vector<const ordered_json *> bonds;
    for (const auto &bond : now.at("bonds")) {
        bonds.push_back(&bond);
    }
    std::ranges::stable_sort(bonds, {}, [](const ordered_json *bond) { return healthy(*bond); });
    std::vector<Row> rows{titles};
    for (const auto *bond : bonds) {
        add_bond(rows, named(old, bond->at("name")), *bond, seconds);
    }
    const auto lines = aligned(rows, screen.width);
    const std::size_t room = std::max<std::size_t>(screen.height, 4) - 2; // a heading, and a line left for the cursor
    std::string out = fitted(heading(now), screen.width);
    const bool all = lines.size() <= room;
    const std::size_t shown = all ? lines.size() : room - 1;
    for (std::size_t i = 0; i < shown; ++i) {
        out += lines[i];
    }
    if (!all) {
        return out +
               fitted("... " + std::to_string(lines.size() - shown) + " lines more: a larger window, or xbond top BOND",
                      screen.width);
    }
    if (room > shown + 1) {
        const auto last = changes(now, room - shown - 1, screen.width);
        out += last.empty() ? "" : "\n";
        for (const auto &line : last) {
            out += line;
        }
    }
    return out;
}

} // namespace xbond::show
