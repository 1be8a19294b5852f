// SPDX-License-Identifier: MIT
// A bond's device goes into another network namespace on purpose, and what becomes of it there.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/harness/wait.h"
#include "tests/netns/elsewhere/lab.h"
#include "tests/netns/frames.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;

namespace {

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

std::uint64_t received(const NetNs &ns) { return ns.link("bond0").at("stats64").at("rx").at("packets"); }

void is_whole_at_home(ElsewhereLab &lab) {
    REQUIRE(lab.wait_lives_in(lab.ns()));
    CHECK(lab.bond().at("datapath").at("visibility") == "fast");
    lab.ns().ip("addr add " + std::string(inside_ip) + "/24 dev bond0");
    CHECK(lab.station().pings(inside_ip));
    lab.cli().ok("link del bond0");
    CHECK_FALSE(std::filesystem::exists(lab.daemon().pin_dir() / "bond0"));
}

} // namespace

TEST_CASE("elsewhere: a bond's device in another network namespace has carrier and counts, its slaves stay") {
    ElsewhereLab lab;
    lab.make_bond_elsewhere("mode " + GENERATE(as<std::string>{}, "active-backup", "balance-rr", "balance-xor",
                                               "broadcast", "balance-alb"));
    REQUIRE(lab.wait_lives_in(lab.c()));
    CHECK(lab.ns().exists("e0"));
    CHECK(lab.ns().exists("bond0p"));
    CHECK(lab.reaches());
    const auto before = received(lab.c());
    CHECK(lab.station().pings(inside_ip));
    CHECK(received(lab.c()) > before);
    const auto bond = lab.bond();
    CHECK(bond.at("slaves").size() == 2);
    CHECK(bond.at("netns").at("state") == "there");
    CHECK(bond.at("netns").at("device") == "bond0");
    CHECK(bond.at("netns").at("cookie") > 0);
    CHECK(bond.at("ifindex") == lab.c().ifindex("bond0"));
    CHECK(bond.at("datapath").at("visibility") == "full");
    CHECK(contains(lab.cli().ok("status bond0"), "in network namespace"));
    lab.host().cut(0);
    CHECK(wait_until([&] { return lab.station().pings(inside_ip) && lab.reaches(); }));
    lab.cli().ok("link set bond0 nonetns");
    CHECK_FALSE(lab.bond().contains("netns"));
    is_whole_at_home(lab);
}

TEST_CASE("elsewhere: one can be made there, is up there, and removed from here") {
    ElsewhereLab lab;
    lab.cli().ok("link add bond0 up netns " + lab.c().path() + " type bond mode active-backup");
    CHECK(lab.c().is_up("bond0"));
    lab.enslave(0);
    lab.enslave(1);
    REQUIRE(lab.wait_lives_in(lab.c()));
    lab.c().ip("addr add " + std::string(inside_ip) + "/24 dev bond0");
    CHECK(lab.station().pings(inside_ip));
    lab.cli().ok("link del bond0");
    CHECK_FALSE(lab.c().exists("bond0"));
    CHECK_FALSE(lab.ns().exists("bond0p"));
    CHECK_FALSE(std::filesystem::exists(lab.daemon().pin_dir() / "bond0"));
}

TEST_CASE("elsewhere: what is set on the device there, address, MTU, up and down, the bond follows") {
    ElsewhereLab lab;
    lab.make_bond_elsewhere("mode active-backup");
    REQUIRE(lab.wait_lives_in(lab.c()));
    lab.c().ip("link set bond0 address 02:00:00:00:77:01");
    CHECK(wait_until([&] { return lab.ns().mac("e0").str() == "02:00:00:00:77:01"; }));
    lab.c().ip("link set bond0 mtu 1400");
    CHECK(wait_until([&] { return lab.ns().mtu("e1") == 1400 && lab.ns().mtu("bond0p") == 1400; }));
    lab.cli().ok("link set bond0 mtu 1450");
    CHECK(lab.c().mtu("bond0") == 1450);
    lab.cli().ok("link set bond0 address 02:00:00:00:77:02");
    CHECK(lab.c().mac("bond0").str() == "02:00:00:00:77:02");
    CHECK(wait_until([&] { return lab.station().pings(inside_ip); }));
    lab.c().ip("link set bond0 down");
    CHECK(wait_until([&] { return lab.bond().at("admin_up") == false; }));
    lab.cli().ok("link set bond0 up");
    CHECK(lab.c().is_up("bond0"));
    CHECK(wait_until([&] { return lab.c().carrier("bond0"); }));
    for (int n = 0; n < 2; ++n) {
        lab.host().cut(n);
    }
    CHECK(wait_until([&] { return !lab.c().carrier("bond0"); }));
    lab.host().join(1);
    CHECK(wait_until([&] { return lab.station().pings(inside_ip); }));
}

TEST_CASE("elsewhere: with its network namespace the device goes, and the bond goes on with a new one at home, down") {
    ElsewhereLab lab;
    lab.make_bond_elsewhere("mode active-backup primary e1");
    REQUIRE(lab.wait_lives_in(lab.c()));
    const bool running = GENERATE(true, false);
    const auto mac = lab.ns().mac("e0");
    if (!running) {
        lab.daemon().kill9();
    }
    lab.end_c();
    REQUIRE(wait_until([&] { return running || !lab.ns().exists("bond0p"); }));
    if (!running) {
        lab.daemon().start();
    }
    REQUIRE(wait_until([&] { return lab.ns().exists("bond0") && !lab.cli().json("status").at("bonds").empty(); }));
    REQUIRE(wait_until([&] { return lab.cli()("status bond0").ok(); }));
    CHECK(lab.bond().at("netns").at("state") == "gone");
    CHECK_FALSE(lab.ns().is_up("bond0"));
    CHECK(lab.bond().at("slaves").size() == 2);
    CHECK(lab.bond().at("primary") == "e1");
    CHECK(lab.ns().mac("bond0") == mac);
    CHECK(contains(lab.daemon().log(), "made anew"));
    SECTION("it can go elsewhere again") {
        const NetNs d;
        lab.move(d);
        lab.cli().ok("link set bond0 up");
        d.ip("addr add " + std::string(inside_ip) + "/24 dev bond0");
        CHECK(wait_until([&] { return lab.station().pings(inside_ip); }));
        CHECK(lab.bond().at("netns").at("state") == "there");
        lab.cli().ok("link del bond0");
        CHECK_FALSE(d.exists("bond0"));
    }
    SECTION("it can be used at home") {
        lab.cli().ok("link set bond0 nonetns up");
        CHECK_FALSE(lab.bond().contains("netns"));
        is_whole_at_home(lab);
    }
}

TEST_CASE("elsewhere: deleted there the device is made anew at home: nobody there ends a bond of this namespace") {
    ElsewhereLab lab;
    lab.make_bond_elsewhere("mode active-backup");
    REQUIRE(lab.wait_lives_in(lab.c()));
    lab.c().ip("link del bond0");
    CHECK(wait_until([&] { return lab.ns().exists("bond0"); }));
    REQUIRE(wait_until([&] { return lab.cli()("status bond0").ok(); }));
    CHECK(lab.bond().at("slaves").size() == 2);
    lab.cli().ok("link set bond0 up");
    is_whole_at_home(lab);
}

TEST_CASE("elsewhere: moved on by somebody else, the device is followed; home, too") {
    ElsewhereLab lab;
    lab.make_bond_elsewhere("mode active-backup");
    REQUIRE(lab.wait_lives_in(lab.c()));
    SECTION("into a third namespace") {
        const NetNs d;
        lab.c().ip("link set bond0 netns " + d.path());
        REQUIRE(lab.wait_lives_in(d));
        d.ip("addr add " + std::string(inside_ip) + "/24 dev bond0");
        CHECK(wait_until([&] { return lab.station().pings(inside_ip); }));
        CHECK(lab.bond().at("netns").at("state") == "there");
        lab.cli().ok("link set bond0 nonetns");
        is_whole_at_home(lab);
    }
    SECTION("home") {
        lab.c().ip("link set bond0 netns " + lab.ns().path());
        CHECK(wait_until([&] { return !lab.bond().contains("netns"); }));
        is_whole_at_home(lab);
    }
}

TEST_CASE("elsewhere: where the name is taken nothing is changed, there and at home") {
    ElsewhereLab lab;
    lab.make_bond("mode active-backup");
    lab.ns().ip("addr add " + std::string(inside_ip) + "/24 dev bond0");
    lab.c().ip("link add bond0 type veth peer name other");
    CHECK_FALSE(lab.cli()("link set bond0 netns " + lab.c().path()).ok());
    CHECK(lab.station().pings(inside_ip));
    CHECK(lab.wait_lives_in(lab.ns()) == false); // the other one is in c
    CHECK(lab.ns().is_up("bond0"));
    CHECK(wait_until([&] { return lab.bond().at("datapath").at("visibility") == "fast"; }));
    lab.c().ip("link del bond0");
    lab.move(lab.c());
    lab.ns().ip("link add bond0 type veth peer name other");
    CHECK_FALSE(lab.cli()("link set bond0 nonetns").ok());
    lab.c().ip("addr add " + std::string(inside_ip) + "/24 dev bond0");
    CHECK(lab.station().pings(inside_ip));
    CHECK(lab.bond().at("netns").at("state") == "there");
}

TEST_CASE("elsewhere: only root moves a bond's device, and nothing but a network namespace is taken for one") {
    ElsewhereLab lab;
    lab.make_bond("mode active-backup");
    const auto refused = lab.cli()("link set bond0 netns /dev/null");
    CHECK(contains(refused.err, "no network namespace"));
    CHECK(contains(lab.cli()("link set bond0 netns nowhere").err, "nowhere"));
    CHECK(lab.refusal(R"({"v":1,"cmd":"link.set","name":"bond0","netns":"blue"})") == "EBADF");
    CHECK(lab.refusal(R"({"v":1,"cmd":"link.set","name":"e0","netns":""})") == "EOPNOTSUPP");
    CHECK(lab.ns().is_up("bond0"));
}
