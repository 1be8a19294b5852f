// SPDX-License-Identifier: MIT
// After apply, what the file describes is what runs: no less, and no more.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;

namespace {

class Applied {
public:
    explicit Applied(Lab &lab) : lab_(lab) {}
    std::string file(const json &bonds) const {
        const auto path = lab_.daemon().dir() / "config.json";
        std::ofstream(path) << json{{"bonds", bonds}}.dump();
        return path;
    }
    // Dry runs print what is then done, and a second time there is nothing to do.
    std::string apply(const json &bonds) const {
        const auto path = file(bonds);
        const auto before = lab_.cli().ok("status -j");
        auto would = lab_.cli().ok("apply " + path + " --dry-run");
        for (std::size_t at = 0; (at = would.find("would: ")) != std::string::npos;) {
            would.erase(at, 7);
        }
        const auto did = lab_.cli().ok("apply " + path);
        CHECK(would == did);
        CHECK(lab_.cli().ok("apply " + path).starts_with("nothing to change\n"));
        return did;
    }
    json options() const { return lab_.cli().json("status bond0").at("bonds").at(0).at("options"); }

private:
    Lab &lab_;
};

} // namespace

TEST_CASE("apply: options that the file does not name go back to their defaults") {
    Lab lab(Kind::wires, 2);
    const Applied applied(lab);
    applied.apply({{"bond0",
                    {{"mode", "active-backup"},
                     {"miimon", 50},
                     {"updelay", 200},
                     {"primary", "e1"},
                     {"resend_igmp", 4},
                     {"slaves", {{{"name", "e0"}, {"prio", 7}}, "e1"}}}}});
    const auto first = applied.options();
    CHECK(first.at("updelay") == 200);
    lab.cli().ok("link set bond0 type bond num_grat_arp 5");
    const auto did = applied.apply({{"bond0", {{"mode", "active-backup"}, {"slaves", {"e0", "e1"}}}}});
    INFO(did);
    const auto then = applied.options();
    CHECK(then.at("miimon") == 100);
    CHECK(then.at("updelay") == 0);
    CHECK(then.at("resend_igmp") == 1);
    CHECK(then.at("num_grat_arp") == 1);
    CHECK(lab.status().primary == "");
    CHECK(did.find("e0 set prio 0") != std::string::npos);
}

TEST_CASE("apply: from one monitor to the other and back") {
    Lab lab(Kind::wires, 2);
    const Applied applied(lab);
    const json mii{{"bond0", {{"mode", "active-backup"}, {"miimon", 50}, {"downdelay", 100}, {"slaves", {"e0"}}}}};
    const json arp{{"bond0",
                    {{"mode", "active-backup"},
                     {"arp_interval", 200},
                     {"arp_ip_target", "10.99.0.9"},
                     {"arp_validate", "all"},
                     {"slaves", {"e0"}}}}};
    applied.apply(mii);
    applied.apply(arp);
    CHECK(applied.options().at("arp_interval") == 200);
    CHECK(applied.options().at("miimon") == 0);
    applied.apply(mii);
    CHECK(applied.options().at("arp_interval") == 0);
    CHECK(applied.options().at("downdelay") == 100);
}

TEST_CASE("apply: a changed mode makes the bond anew on its device, its slaves and addresses kept") {
    Lab lab(Kind::wires, 2);
    const Applied applied(lab);
    applied.apply({{"bond0", {{"mode", "active-backup"}, {"slaves", {"e0", "e1"}}}}});
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    const auto index = lab.ns().ifindex("bond0");
    const auto did = applied.apply(
        {{"bond0", {{"mode", "balance-xor"}, {"xmit_hash_policy", "layer3+4"}, {"slaves", {"e0", "e1"}}}}});
    INFO(did);
    CHECK(did.find("bond0: release e0\n") != std::string::npos);
    CHECK(did.find("bond0: down\n") != std::string::npos);
    CHECK(lab.ns().ifindex("bond0") == index);
    CHECK(lab.ns().ip_json("addr show dev bond0").at(0).at("addr_info").at(0).at("local") == "10.99.0.1");
    CHECK(lab.ns().is_up("bond0"));
    CHECK(lab.wait_link("e0", "up"));
    CHECK(lab.wait_link("e1", "up"));
    const Sniffer wire(lab.switch_ns(), "s0"), other(lab.switch_ns(), "s1");
    Injector(lab.ns(), "bond0").send(udp_frame(0));
    CHECK(wait_until([&] { return wire.count(numbered_udp()) + other.count(numbered_udp()) == 1; }));
}

TEST_CASE("apply: after every edit the bond is what a fresh start from the same file gives") {
    Lab lab(Kind::wires, 2);
    const Applied applied(lab);
    const json edits[] = {
        {{"mode", "active-backup"}, {"primary", "e1"}, {"num_grat_arp", 3}, {"slaves", {"e0", "e1"}}},
        {{"mode", "active-backup"}, {"slaves", {"e0", "e1"}}},
        {{"mode", "active-backup"},
         {"fail_over_mac", "active"},
         {"address", "52:54:00:00:00:99"},
         {"slaves", {"e0", "e1"}}},
        {{"mode", "802.3ad"}, {"lacp_rate", "fast"}, {"min_links", 2}, {"slaves", {"e0", "e1"}}},
        {{"mode", "802.3ad"}, {"ad_select", "bandwidth"}, {"slaves", {"e0", "e1"}}},
        {{"mode", "balance-xor"}, {"xmit_hash_policy", "layer2+3"}, {"slaves", {"e1"}}},
        {{"mode", "balance-rr"}, {"packets_per_slave", 5}, {"mtu", 1400}, {"slaves", {"e0", "e1"}}},
        {{"slaves", {"e0", "e1"}}},
    };
    for (const auto &edit : edits) {
        INFO(edit.dump());
        applied.apply({{"bond0", edit}}); // a second time there is nothing to do
        const auto live = applied.options();
        const auto mtu = lab.ns().mtu("bond0");
        lab.cli().ok("link del bond0");
        applied.apply({{"bond0", edit}});
        CHECK(live == applied.options());
        CHECK(mtu == lab.ns().mtu("bond0"));
        CHECK(lab.status().slaves.size() == edit.at("slaves").size());
    }
}

TEST_CASE("apply: an option that needs the bond down is set with the slaves in it") {
    Lab lab(Kind::wires, 2);
    const Applied applied(lab);
    applied.apply({{"bond0", {{"mode", "802.3ad"}, {"slaves", {"e0", "e1"}}}}});
    const auto did =
        applied.apply({{"bond0", {{"mode", "802.3ad"}, {"ad_select", "count"}, {"slaves", {"e0", "e1"}}}}});
    CHECK(did == "bond0: down\nbond0: set ad_select count\nbond0: up\n");
}

TEST_CASE("apply: bonds that came from a file and are no longer in it go; those made by hand stay, and are said") {
    Lab lab(Kind::wires, 3);
    const Applied applied(lab);
    lab.cli().ok("link add byhand type bond");
    applied.apply({{"bond0", {{"slaves", {"e0"}}}}, {"bond1", {{"slaves", {"e1"}}}}});
    const auto did = applied.apply({{"bond1", {{"slaves", {"e0", "e1"}}}}});
    CHECK(did.find("bond0: remove\n") != std::string::npos);
    CHECK(did.find("note: byhand: made by hand, left as it is\n") != std::string::npos);
    CHECK_FALSE(lab.ns().exists("bond0"));
    CHECK(lab.ns().exists("byhand"));
    CHECK(lab.cli().json("status bond1").at("bonds").at(0).at("slaves").size() == 2);

    SECTION("also when the controller has been started again meanwhile") {
        lab.daemon().kill9();
        lab.daemon().start();
        CHECK(applied.apply(json::object()).find("bond1: remove\n") != std::string::npos);
        CHECK_FALSE(lab.ns().exists("bond1"));
        CHECK(lab.ns().exists("byhand"));
    }
    SECTION("one that was deleted by hand and made again is no file's any more") {
        lab.cli().ok("link del bond1");
        lab.cli().ok("link add bond1 type bond");
        CHECK(applied.apply(json::object()).starts_with("nothing to change\n"));
        CHECK(lab.ns().exists("bond1"));
    }
}

TEST_CASE("apply: a new mode that fails in the middle leaves everything as it was") {
    Lab lab(Kind::wires, 3);
    const Applied applied(lab);
    applied.apply(
        {{"bond0", {{"mode", "active-backup"}, {"primary", "e1"}, {"slaves", {"e0", {{"name", "e1"}, {"prio", 3}}}}}}});
    REQUIRE(lab.wait_active("e1"));
    lab.ns().ip("link add br0 type bridge\nlink set e2 master br0");
    const auto path =
        applied.file({{"bond0", {{"mode", "balance-rr"}, {"slaves", {"e0", "e1"}}}}, {"bond1", {{"slaves", {"br0"}}}}});
    CHECK_FALSE(lab.cli()("apply " + path).ok());
    CHECK(lab.wait_active("e1"));
    CHECK(lab.cli().json("status bond0").at("bonds").at(0).at("mode") == "active-backup");
    CHECK(lab.cli().json("status bond0").at("bonds").at(0).at("slaves").size() == 2);
    CHECK_FALSE(lab.ns().exists("bond1"));
}
