// SPDX-License-Identifier: MIT
// What is exported is imported again as it was.
#include <catch2/catch.hpp>

#include "tests/import/tree.h"
#include "user/import/export.h"

using namespace xbond;
using nlohmann::ordered_json;

namespace {

import::Exported exported(const std::string &bonds, std::string_view format){
    const auto config = api::parse_config("{\"bonds\":" + bonds + "}", "f");
INFO((config ? "" : config.error().message));
REQUIRE(config);
const auto out = import::export_config(*config, format);
REQUIRE(out);
return *out;
} // namespace

// Files, each behind a line "# /PATH".
test::Contents files_of(const std::string &text) {
    test::Contents out;
    std::string *file = nullptr;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("# /")) {
            file = &out[line.substr(3)];
        } else if (file != nullptr) {
            *file += line + "\n";
        }
    }
    return out;
}

ordered_json imported(const test::Contents &files) {
    const test::Tree tree(files);
    const auto back = test::import_tree(tree.root());
    INFO((back ? "" : back.error().message));
    REQUIRE(back);
    INFO(import::notes_text(*back));
    CHECK(back->notes.empty());
    return back->config["bonds"];
}

const std::vector<std::string> round_trips{
    R"({"bond0":{"mode":"active-backup","miimon":"50","updelay":"200","primary":"eth1","primary_reselect":"failure","num_grat_arp":"3","mtu":9000,"address":"00:00:5e:00:53:01","slaves":["eth0","eth1"]}})",
    R"({"bond0":{"mode":"802.3ad","miimon":"100","xmit_hash_policy":"layer3+4","min_links":"1","lacp_rate":"fast","ad_select":"count","slaves":[{"mac":"00:00:5e:00:53:02"},{"match":"enp*","driver":"ixgbe"}]}})",
    R"({"bond0":{"mode":"active-backup","arp_interval":"250","arp_ip_target":"192.0.2.1,192.0.2.2","arp_validate":"all","arp_all_targets":"all","slaves":["eth0"]}})",
    R"({"bond0":{"mode":"balance-alb","miimon":"100","all_slaves_active":"1","lp_interval":"3","slaves":[]}})"};

} // namespace

TEST_CASE("export: what networkd and netplan are given, import reads back") {
    for (const auto &bonds : round_trips) {
        INFO(bonds);
        CHECK(imported(files_of(exported(bonds, "networkd").text)) == ordered_json::parse(bonds));
        CHECK(imported({{"etc/netplan/a.yaml", exported(bonds, "netplan").text}}) == ordered_json::parse(bonds));
    }
}

TEST_CASE("export: commands for ip, and what it has nothing for is said") {
    const auto out = exported(
        R"({"bond0":{"mode":1,"carrier_watch":5,"primary":"e1","slaves":["e0",{"name":"e1","prio":7},{"mac":"00:00:5e:00:53:02"}]}})",
        "iproute2");
    CHECK(out.text == "ip link add bond0 type bond mode active-backup miimon 100 primary e1\n"
                      "ip link set e0 down\nip link set e0 master bond0\n"
                      "ip link set e1 down\nip link set e1 master bond0\nip link set e1 type bond_slave prio 7\n"
                      "ip link set bond0 up\n");
    REQUIRE(out.notes.size() == 2);
    CHECK(out.notes[0].find("carrier_watch") != std::string::npos);
    CHECK(out.notes[1].find("mac 00:00:5e:00:53:02") != std::string::npos);
}
