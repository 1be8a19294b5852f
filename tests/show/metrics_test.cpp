// SPDX-License-Identifier: MIT
// Prometheus's text format: every line is one, each metric stands together, nothing of the status is lost.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "tests/show/view_builder.h"
#include "user/show/metrics.h"
#include "user/show/render.h"

using namespace xbond;
using nlohmann::ordered_json;
using show::metrics_text;

namespace {

ordered_json status() {
    auto bond = test::bond_view(Mode::active_backup);
    bond.counters.tx_dropped = 2;
    bond.slaves[0].counters = {.tx_packets = 10, .tx_bytes = 1000, .rx_packets = 5, .rx_bytes = 500, .failover_tx = 1};
    return show::status_json(test::snapshot_of(bond));
}

bool has_line(const std::string &page, const std::string &line) {
    return ("\n" + page).find("\n" + line + "\n") != std::string::npos;
}

} // namespace

TEST_CASE("metrics: every line is a comment or a sample, and each metric's lines stand together behind its type") {
    const auto page = metrics_text(status());
    const std::regex sample(
        R"re(([a-z_][a-z0-9_]*)(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? [-+0-9.e]+)re");
    const std::regex comment(R"(# (HELP|TYPE) ([a-z_][a-z0-9_]*) .+)");
    std::set<std::string> finished, lines;
    std::string current;
    std::istringstream in(page);
    for (std::string line; std::getline(in, line);) {
        INFO(line);
        std::smatch found;
        if (std::regex_match(line, found, comment)) {
            if (found[1] == "HELP") {
                CHECK(finished.insert(found[2]).second); // never a second time
                current = found[2];
            }
            CHECK(found[2] == current);
            continue;
        }
        REQUIRE(std::regex_match(line, found, sample));
        CHECK(found[1] == current);
        CHECK(lines.insert(line.substr(0, line.rfind(' '))).second); // no sample twice
    }
    CHECK(finished.size() > 40);
}

TEST_CASE("metrics: node_exporter's two names, and what a slave's link and counters are") {
    auto now = status();
    const auto name = now["bonds"][0]["name"].get<std::string>();
    const auto slave = now["bonds"][0]["slaves"][0]["name"].get<std::string>();
    now["bonds"][0]["slaves"][0]["link"] = "up";
    now["bonds"][0]["slaves"][1]["link"] = "down";
    const auto page = metrics_text(now);
    CHECK(has_line(page, "node_bonding_slaves{master=\"" + name + "\"} 2"));
    CHECK(has_line(page, "node_bonding_active{master=\"" + name + "\"} 1"));
    CHECK(has_line(page, "xbond_slave_up{bond=\"" + name + "\",slave=\"" + slave + "\"} 1"));
    CHECK(has_line(page, "xbond_slave_tx_bytes_total{bond=\"" + name + "\",slave=\"" + slave + "\"} 1000"));
    CHECK(has_line(page, "xbond_bond_tx_dropped_total{bond=\"" + name + "\"} 2"));
    CHECK(has_line(page, "xbond_bond_option{bond=\"" + name + "\",option=\"miimon\"} 100"));
    CHECK(page.find("received_by=\"tc\"") != std::string::npos);
    CHECK(has_line(page, "# TYPE xbond_slave_link_failures_total counter"));
}

TEST_CASE("metrics: what is not known has no sample, and a label's text is escaped") {
    auto now = status();
    now["bonds"][0]["slaves"][0]["speed"] = nullptr;
    now["bonds"][0]["slaves"][0]["monitor"]["reason"] = "a \"b\"\\\nc";
    const auto page = metrics_text(now);
    CHECK(page.find(R"(reason="a \"b\"\\\nc")") != std::string::npos);
    const auto labels = "{bond=\"" + now["bonds"][0]["name"].get<std::string>() + "\",slave=\"" +
                        now["bonds"][0]["slaves"][0]["name"].get<std::string>() + "\"}";
    CHECK(page.find("xbond_slave_up" + labels) != std::string::npos);
    CHECK(page.find("xbond_slave_speed_bits_per_second" + labels) == std::string::npos);
    CHECK(metrics_text(ordered_json::object()).find("xbond_info") != std::string::npos); // a daemon of another revision
}
