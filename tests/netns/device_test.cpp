// SPDX-License-Identifier: MIT
// Addresses, MTU, promiscuity, carrier, refusals: assertions R9-R21; and M16.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/netns/lab.h"

using namespace xbond::harness;
using xbond::MacAddr;
using Kind = Switch::Kind;

namespace {

int promiscuity(const Lab &lab, const std::string &ifname) { return lab.ns().link(ifname).at("promiscuity"); }

bool becomes(const Lab &lab, const std::string &ifname, const MacAddr &mac) {
    return wait_until([&] { return lab.ns().mac(ifname) == mac; });
}

} // namespace

TEST_CASE("R9 the first slave lends its MAC to the bond, the second takes it over") {
    Lab lab(Kind::wires, 2);
    const MacAddr first = lab.ns().mac("e0"), second = lab.ns().mac("e1");
    lab.make_bond("mode active-backup");
    CHECK(lab.ns().mac("bond0") == first);
    CHECK(lab.ns().mac("e0") == first);
    CHECK(lab.ns().mac("e1") == first);
    CHECK(lab.status().mac == first);
    CHECK(lab.status().slave("e1").perm_mac == second);
}

TEST_CASE("R10 a bond with an address of its own gives it to the slaves") {
    Lab lab(Kind::wires, 2);
    const MacAddr own{{0x02, 0xaa, 0, 0, 0, 0x10}};
    lab.cli().ok("link add bond0 address " + own.str() + " type bond mode balance-rr");
    lab.enslave(0);
    lab.enslave(1);
    CHECK(lab.ns().mac("bond0") == own);
    CHECK(lab.ns().mac("e0") == own);
    CHECK(lab.ns().mac("e1") == own);
}

TEST_CASE("R11 R12 a released slave is down with its MAC and MTU, the bond keeps the donor's MAC") {
    Lab lab(Kind::wires, 2);
    const MacAddr first = lab.ns().mac("e0"), second = lab.ns().mac("e1");
    lab.ns().ip("link set e1 mtu 1400");
    lab.make_bond("mode active-backup");
    REQUIRE(lab.ns().mtu("e1") == 1500);
    lab.cli().ok("link set e1 nomaster");
    CHECK_FALSE(lab.ns().is_up("e1"));
    CHECK(lab.ns().mac("e1") == second);
    CHECK(lab.ns().mtu("e1") == 1400);
    lab.enslave(1);
    lab.cli().ok("link set e0 nomaster");
    CHECK(lab.ns().mac("e0") == first);
    CHECK(lab.ns().mac("bond0") == first);
    CHECK(lab.ns().mac("e1") == first);
}

TEST_CASE("R13 when the last slave has left the bond has a new MAC and no carrier; the next lends its own") {
    Lab lab(Kind::wires, 2);
    const MacAddr first = lab.ns().mac("e0"), second = lab.ns().mac("e1");
    lab.cli().ok("link add bond0 type bond mode active-backup");
    lab.cli().ok("link set bond0 up");
    lab.enslave(0);
    REQUIRE(wait_until([&] { return lab.ns().carrier("bond0"); }));
    lab.cli().ok("link set e0 nomaster");
    CHECK(lab.ns().mac("bond0") != first);
    CHECK(lab.ns().mac("bond0").is_valid_unicast());
    CHECK(wait_until([&] { return !lab.ns().carrier("bond0"); }));
    lab.enslave(1);
    CHECK(lab.ns().mac("bond0") == second);
}

TEST_CASE("R14 fail_over_mac active: the bond takes the new active slave's MAC") {
    Lab lab(Kind::wires, 2);
    const MacAddr first = lab.ns().mac("e0"), second = lab.ns().mac("e1");
    lab.make_bond("mode active-backup fail_over_mac active");
    REQUIRE(lab.ns().mac("bond0") == first);
    lab.host().cut(0);
    REQUIRE(lab.wait_active("e1"));
    CHECK(becomes(lab, "bond0", second));
    CHECK(lab.ns().mac("e0") == first);
    CHECK(lab.ns().mac("e1") == second);
}

TEST_CASE("R15 fail_over_mac follow: the MAC goes with the active role") {
    Lab lab(Kind::wires, 2);
    const MacAddr first = lab.ns().mac("e0"), second = lab.ns().mac("e1");
    lab.make_bond("mode active-backup fail_over_mac follow");
    REQUIRE(lab.ns().mac("e1") == second);
    lab.host().cut(0);
    REQUIRE(lab.wait_active("e1"));
    CHECK(becomes(lab, "e1", first));
    CHECK(becomes(lab, "e0", second));
    CHECK(lab.ns().mac("bond0") == first);
}

TEST_CASE("R17 fail_over_mac active: setting the bond's MAC succeeds and does nothing") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup fail_over_mac active");
    const MacAddr before = lab.ns().mac("bond0");
    lab.cli().ok("link set bond0 address 02:aa:00:00:00:17");
    CHECK(lab.ns().mac("bond0") == before);
    CHECK(lab.ns().mac("e0") == before);
}

TEST_CASE("R17 without fail_over_mac the bond's MAC goes to every slave") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    const MacAddr wanted{{0x02, 0xaa, 0, 0, 0, 0x18}};
    lab.cli().ok("link set bond0 address " + wanted.str());
    CHECK(becomes(lab, "bond0", wanted));
    CHECK(becomes(lab, "e0", wanted));
    CHECK(becomes(lab, "e1", wanted));
}

TEST_CASE("R18 the bond's MTU goes to the slaves, later ones too, and back at release") {
    Lab lab(Kind::wires, 2);
    lab.cli().ok("link add bond0 type bond mode balance-rr");
    lab.cli().ok("link set bond0 up");
    lab.enslave(0);
    lab.cli().ok("link set bond0 mtu 9000");
    CHECK(lab.ns().mtu("bond0") == 9000);
    CHECK(lab.ns().mtu("e0") == 9000);
    lab.enslave(1);
    CHECK(lab.ns().mtu("e1") == 9000);
    lab.cli().ok("link set e0 nomaster");
    lab.cli().ok("link set e1 nomaster");
    CHECK(lab.ns().mtu("e0") == 1500);
    CHECK(lab.ns().mtu("e1") == 1500);
}

TEST_CASE("R19 refusals of enslaving have the kernel's errno and change nothing") {
    Lab lab(Kind::wires, 3);
    lab.cli().ok("link add bond0 type bond mode balance-rr");
    const auto enslave = [&](const std::string &name) {
        return lab.refusal(R"({"v":1,"cmd":"link.set","name":")" + name + R"(","master":"bond0"})");
    };
    lab.ns().set_up("e0", true);
    CHECK(enslave("e0") == "EPERM");
    CHECK(lab.ns().is_up("e0"));
    lab.ns().ip("link add br7 type bridge\nlink set e1 master br7");
    CHECK(enslave("e1") == "EBUSY");
    lab.cli().ok("link add bond1 type bond mode balance-rr");
    for (const auto *own : {"bond0", "bond0p", "bond1", "bond1p"}) { // a redirect loop
        CHECK(enslave(own) == "EPERM");
    }
    CHECK(enslave("no-such") == "ENODEV");
    CHECK(enslave("e2").empty());
    CHECK(lab.status().slaves.size() == 1);
    CHECK_FALSE(lab.cli()("link set e0 master bond0").ok());
}

TEST_CASE("filters: what others have put on a slave stays, what the bond has put there goes with it") {
    Lab lab(Kind::wires, 2);
    lab.ns().ip("link set e0 promisc on");
    lab.ns().ip("maddr add 01:00:5e:7f:00:01 dev e0");
    lab.make_bond("mode active-backup miimon 0");
    const auto lists = [&](const char *dev, const char *mac) {
        return lab.ns().run({"ip", "maddress", "show", "dev", dev}).out.find(mac) != std::string::npos;
    };
    lab.ns().ip("link set bond0 promisc on\nlink set e1 promisc on");
    lab.ns().ip("maddr add 01:00:5e:7f:00:02 dev e0"); // a line of a batch each: ip mixes two of them up
    lab.ns().ip("maddr add 01:00:5e:7f:00:03 dev bond0");
    REQUIRE(wait_until([&] { return lists("e0", "01:00:5e:7f:00:03"); })); // also without a monitor
    CHECK(holds_for([&] { return lists("e0", "01:00:5e:7f:00:01") && lists("e0", "01:00:5e:7f:00:02"); }, 700ms));
    const bool crash = GENERATE(false, true);
    if (crash) {
        lab.daemon().kill9();
        lab.daemon().start();
    }
    lab.ns().ip("link set bond0 promisc off");
    CHECK(holds_for([&] { return promiscuity(lab, "e0") == 1 && promiscuity(lab, "e1") == 1; }, 700ms));
    lab.ns().ip("link set bond0 promisc on");
    lab.cli().ok("link del bond0");
    CHECK(lists("e0", "01:00:5e:7f:00:01"));
    CHECK(lists("e0", "01:00:5e:7f:00:02"));
    CHECK_FALSE(lists("e0", "01:00:5e:7f:00:03"));
    CHECK(promiscuity(lab, "e0") == 1); // they were before
    CHECK(promiscuity(lab, "e1") == 1);
}

TEST_CASE("filters: a released slave keeps neither the bond's promiscuous mode nor its groups") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-rr miimon 100");
    lab.ns().ip("link set bond0 promisc on");
    lab.ns().ip("maddr add 01:00:5e:7f:00:03 dev bond0");
    const auto groups = [&](const char *dev) { return lab.ns().run({"ip", "maddress", "show", "dev", dev}).out; };
    REQUIRE(wait_until([&] { return groups("e0").find("01:00:5e:7f:00:03") != std::string::npos; }));
    REQUIRE(promiscuity(lab, "e0") == 1);
    lab.cli().ok("link set e0 nomaster");
    CHECK(promiscuity(lab, "e0") == 0);
    CHECK(groups("e0").find("01:00:5e:7f:00:03") == std::string::npos);
    CHECK(promiscuity(lab, "e1") == 1);
}

TEST_CASE("R20 promiscuity of the bond is the active slave's in mode 1, everybody's in mode 0") {
    SECTION("mode 1") {
        Lab lab(Kind::wires, 2);
        lab.make_bond("mode active-backup");
        lab.ns().ip("link set bond0 promisc on");
        REQUIRE(wait_until([&] { return promiscuity(lab, "e0") == 1; }));
        CHECK(promiscuity(lab, "e1") == 0);
        lab.host().cut(0);
        REQUIRE(lab.wait_active("e1"));
        CHECK(wait_until([&] { return promiscuity(lab, "e1") == 1 && promiscuity(lab, "e0") == 0; }));
        lab.ns().ip("link set bond0 promisc off");
        CHECK(wait_until([&] { return promiscuity(lab, "e1") == 0; }));
    }
    SECTION("mode 0") {
        Lab lab(Kind::wires, 2);
        lab.make_bond("mode balance-rr");
        lab.ns().ip("link set bond0 promisc on");
        CHECK(wait_until([&] { return promiscuity(lab, "e0") == 1 && promiscuity(lab, "e1") == 1; }));
    }
}

TEST_CASE("R21 min_links has no effect outside mode 4") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-rr min_links 2");
    lab.host().cut(1);
    REQUIRE(lab.wait_link("e1", "down"));
    CHECK(lab.status().carrier);
    CHECK(lab.ns().carrier("bond0"));
    lab.host().cut(0);
    CHECK(wait_until([&] { return !lab.ns().carrier("bond0"); }));
}

TEST_CASE("M16 a primary that does not exist yet takes over when it is enslaved") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup primary e9");
    REQUIRE(lab.status().active_slave == "e0");
    CHECK(lab.status().primary.empty());
    lab.host().add_slave(9);
    lab.enslave(9);
    CHECK(lab.wait_active("e9"));
    CHECK(lab.status().primary == "e9");
}

TEST_CASE("slaves are kept quiet: no address, no ARP answers; and get their sysctls back") {
    Lab lab(Kind::wires, 1);
    lab.ns().set_sysctl("net.ipv6.conf.e0.disable_ipv6", "0");
    const std::string arp_ignore = lab.ns().sysctl("net.ipv4.conf.e0.arp_ignore");
    lab.make_bond("mode balance-rr");
    CHECK(lab.ns().ip_json("addr show dev e0").at(0).at("addr_info").empty());
    CHECK(lab.ns().sysctl("net.ipv4.conf.e0.arp_ignore") == "8");
    lab.cli().ok("link set e0 nomaster");
    CHECK(lab.ns().sysctl("net.ipv4.conf.e0.arp_ignore") == arp_ignore);
    CHECK(lab.ns().sysctl("net.ipv6.conf.e0.disable_ipv6") == "0");
}
