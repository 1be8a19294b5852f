// SPDX-License-Identifier: MIT
// What is exported is imported again as it was.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <sstream>

#include "tests/import/tree.h"
#include "user/core/options/option_table.h"
#include "user/import/export.h"

using namespace xbond;
using nlohmann::ordered_json;

namespace {

import::Exported exported(const std::string &text,
                          std::string_view format){const auto config = api::parse_config(text, "f");
INFO((config ? "" : config.error().message));
REQUIRE(config);
const auto out = import::export_config(*config, format);
REQUIRE(out);
return *out;
} // namespace

std::string file_of(const std::string &bonds) { return "{\"bonds\":" + bonds + "}"; }

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

import::Imported imported(const test::Contents &files){const test::Tree tree(files);
auto back = test::import_tree(tree.root());
INFO((back ? "" : back.error().message));
REQUIRE(back);
INFO(import::notes_text(*back));
CHECK(back->notes.empty());
return std::move(*back);
}

test::Contents as_files(const std::string &text, std::string_view format) {
    return format == "networkd" ? files_of(text) : test::Contents{{"etc/netplan/a.yaml", text}};
}

// Without what the export has said that it leaves out, and with what xbond does without being told.
nlohmann::json rest_of(ordered_json bonds, const std::vector<std::string> &left_out) {
    const auto left = [&](const std::string &what) {
        return std::ranges::any_of(left_out,
                                   [&](const std::string &note) { return note.starts_with(what + " is left out"); });
    };
    for (auto it = bonds.begin(); it != bonds.end(); ++it) {
        const std::string name = it.key();
        auto &bond = it.value();
        if (!bond.contains("miimon") && !bond.contains("arp_interval")) {
            bond["miimon"] = "100";
        }
        bond.erase("use_carrier"); // always on
        if (bond.value("fail_over_mac", "") == "none") {
            bond.erase("fail_over_mac");
        }
        for (const auto &row : core::option_table()) {
            if (left(name + ": " + std::string(row.name))) {
                bond.erase(std::string(row.name));
            }
        }
        auto slaves = ordered_json::array();
        for (const auto &slave : bond["slaves"]) {
            auto one = slave.is_string() ? ordered_json{{"name", slave}} : slave;
            if (!left(name + ": slave path " + one.value("path", "-"))) {
                one.erase("prio");
                one.erase("queue_id");
                slaves.push_back(one);
            }
        }
        bond["slaves"] = slaves;
    }
    return nlohmann::json::parse(bonds.dump()); // the order of keys means nothing
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
        for (const std::string format : {"networkd", "netplan"}) {
            const auto out = exported(file_of(bonds), format);
            CHECK(nlohmann::json::parse(imported(as_files(out.text, format)).config["bonds"].dump()) ==
                  nlohmann::json::parse(bonds));
        }
    }
}

TEST_CASE("export: commands for ip, and what it has nothing for is said") {
    const auto out = exported(
        file_of(
            R"({"bond0":{"mode":1,"carrier_watch":5,"primary":"e1","slaves":["e0",{"name":"e1","prio":7},{"mac":"00:00:5e:00:53:02"}]}})"),
        "iproute2");
    CHECK(out.text == "ip link add bond0 type bond mode active-backup miimon 100 primary e1\n"
                      "ip link set e0 down\nip link set e0 master bond0\n"
                      "ip link set e1 down\nip link set e1 master bond0\nip link set e1 type bond_slave prio 7\n"
                      "ip link set bond0 up\n");
    REQUIRE(out.notes.size() == 2);
    CHECK(out.notes[0].find("carrier_watch") != std::string::npos);
    CHECK(out.notes[1].find("mac 00:00:5e:00:53:02") != std::string::npos);
}

TEST_CASE("export: an option that ip does not know is in no command, and is named") {
    const auto out = exported(
        file_of(
            R"({"bond0":{"mode":"802.3ad","lacp_strict":"on","lacp_channel":"af_xdp","xsk_allow":"group 0 match all","slaves":[]}})"),
        "iproute2");
    CHECK(out.text.starts_with("ip link add bond0 type bond mode 802.3ad miimon 100\n"));
    for (const char *const option : {"lacp_strict", "lacp_channel", "xsk_allow"}) {
        CHECK(std::ranges::any_of(out.notes, [&](const auto &n) { return n.find(option) != std::string::npos; }));
    }
}

TEST_CASE("export: ports are nobody else's, and are named") {
    const auto file = file_of(R"({"bond0":{"slaves":["e0"],"ports":["veth7",{"name":"veth8","vlan":20}]}})");
    for (const std::string format : {"iproute2", "networkd", "netplan"}) {
        const auto out = exported(file, format);
        INFO(format);
        CHECK(out.text.find("veth") == std::string::npos);
        CHECK(std::ranges::count_if(out.notes, [](const auto &n) { return n.starts_with("bond0: port veth"); }) == 2);
    }
}

TEST_CASE("export: what import makes of every case of the corpus comes back from networkd and netplan the same") {
    int compared = 0;
    for (const auto &entry : std::filesystem::directory_iterator(XB_TEST_DATA "/import")) {
        if (entry.path().extension() != ".case") {
            continue;
        }
        const test::Tree tree(test::read_case(entry.path()));
        const auto first = test::import_tree(tree.root());
        if (!first || first->config["bonds"].empty()) {
            continue;
        }
        for (const std::string format : {"networkd", "netplan"}) {
            INFO(entry.path().filename().string() << " " << format);
            const auto out = exported(first->config.dump(), format);
            const auto back = imported(as_files(out.text, format)).config["bonds"];
            CHECK(rest_of(back, {}) == rest_of(first->config["bonds"], out.notes));
            ++compared;
        }
    }
    CHECK(compared >= 80);
}
