// SPDX-License-Identifier: MIT
// The page of metrics in the hands of Debian's real prometheus. `scripts/deps readers` unpacks it, scripts/test has it
// in its PATH.
#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/harness/wait.h"
#include "tests/netns/files/mounted.h"
#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
using Json = nlohmann::json;
using Kind = Switch::Kind;

namespace {

constexpr auto config = R"(global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: xbond
    static_configs:
      - targets: ["127.0.0.1:9720"]
)";

// What prometheus answers to a question; null while it is not ready.
Json ask(const NetNs &ns, const std::string &path) {
    const auto got =
        ns.run({"python3", "-c", "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())",
                "http://127.0.0.1:9090/api/v1/" + path});
    return got.ok() ? Json::parse(got.out, nullptr, false) : Json();
}

std::string value(const NetNs &ns, const std::string &query) {
    const auto answer = ask(ns, "query?query=" + query);
    const auto at = Json::json_pointer("/data/result/0/value/1");
    return answer.is_object() && answer.contains(at) ? answer.at(at).get<std::string>() : "";
}

} // namespace

TEST_CASE("metrics: Debian's prometheus scrapes them, and sees a link go") {
    if (!installed("prometheus")) {
        return;
    }
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode active-backup miimon 50");
    Process server({program("xbond"), "--socket", lab.daemon().socket(), "metrics", "--listen", "127.0.0.1:9720"},
                   lab.ns().fd());
    const auto dir = lab.daemon().dir() / "prometheus";
    std::filesystem::create_directory(dir);
    std::ofstream(dir / "prometheus.yml") << config;
    Process prometheus({"prometheus", "--config.file=" + (dir / "prometheus.yml").string(),
                        "--storage.tsdb.path=" + (dir / "data").string(), "--web.listen-address=127.0.0.1:9090"},
                       lab.ns().fd());
    INFO(prometheus.err());
    REQUIRE(wait_until([&] { return value(lab.ns(), "up") == "1"; }, 60s));
    CHECK(value(lab.ns(), "node_bonding_slaves") == "2");
    CHECK(wait_until([&] { return value(lab.ns(), "node_bonding_active") == "2"; }, 20s));
    const auto targets = ask(lab.ns(), "targets");
    const auto at = Json::json_pointer("/data/activeTargets/0");
    REQUIRE(targets.contains(at));
    CHECK(targets.at(at).at("lastError") == "");
    lab.network().cut("s0");
    CHECK(wait_until([&] { return value(lab.ns(), "node_bonding_active") == "1"; }, 20s));
    CHECK(wait_until([&] { return value(lab.ns(), "xbond_slave_link_failures_total{slave=%22e0%22}") == "1"; }, 20s));
}

TEST_CASE("metrics: promtool finds nothing wrong with the page") {
    if (!installed("promtool")) {
        return;
    }
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode 802.3ad lacp_rate fast");
    const auto checked = run({"promtool", "check", "metrics"}, -1, lab.cli().ok("metrics"));
    INFO(checked.out << checked.err);
    CHECK(checked.exit_code != 1); // 3: advice on names
}
