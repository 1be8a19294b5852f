// SPDX-License-Identifier: MIT
// The commands that xbond export gives for ip make the bond that the config makes: said to xbond, which takes ip's
// grammar.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
using nlohmann::json;

namespace {

// Options and slaves, without what differs from one bond to the next.
json shape_of(const Lab &lab) {
    const json bond = lab.cli().json("status bond0").at("bonds").at(0);
    json slaves = json::array();
    for (const json &slave : bond.at("slaves")) {
        slaves.push_back({slave.at("name"), slave.at("prio"), slave.at("queue_id")});
    }
    return {{"options", bond.at("options")}, {"slaves", slaves}, {"up", bond.at("admin_up")}, {"mtu", bond.at("mtu")}};
}

} // namespace

TEST_CASE("export: the commands for ip make the same bond as the config they come from") {
    const auto config = GENERATE(
        as<std::string>{},
        R"({"bonds":{"bond0":{"mode":"active-backup","miimon":50,"updelay":200,"primary":"e1","num_grat_arp":3,"mtu":1400,)"
        R"("slaves":["e0",{"name":"e1","prio":7,"queue_id":2}]}}})",
        R"({"bonds":{"bond0":{"mode":"802.3ad","lacp_rate":"fast","xmit_hash_policy":"layer3+4","min_links":1,)"
        R"("slaves":["e0","e1"]}}})",
        R"({"bonds":{"bond0":{"mode":1,"arp_interval":250,"arp_ip_target":"192.0.2.1,192.0.2.2","arp_validate":"all",)"
        R"("slaves":["e0"]}}})");
    Lab lab(Switch::Kind::bridge, 2);
    const auto path = lab.daemon().dir() / "bonds.json";
    std::ofstream(path) << config;
    lab.cli().ok("apply " + path.string());
    const auto wanted = shape_of(lab);
    lab.cli().ok("link del bond0");
    std::istringstream commands(lab.cli().ok("export iproute2 " + path.string()));
    for (std::string line; std::getline(commands, line);) {
        INFO(line);
        REQUIRE(line.starts_with("ip "));
        const auto done = lab.cli()(line.substr(3));
        INFO(done.err);
        REQUIRE(done.ok());
    }
    CHECK(shape_of(lab) == wanted);
}
