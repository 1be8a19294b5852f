// SPDX-License-Identifier: MIT
// Probes of the ARP/NS monitor on the wire and its options as a user sets them (`arp.options`).
#include <catch2/catch.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/netns/cascade.h"
#include "tests/netns/frames.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

constexpr std::uint32_t ip(unsigned a, unsigned b, unsigned c, unsigned d) { return a << 24 | b << 16 | c << 8 | d; }

FrameMatch probe_to(std::uint32_t target) {
    return [target](const Frame &frame) {
        const auto arp = as_arp(frame);
        return arp && arp->operation == 1 && arp->target_ip == target && !arp->gratuitous();
    };
}

FrameMatch any_solicitation() { // IPv6, ICMPv6 135
    return [](const Frame &f) {
        return f.bytes.size() >= 55 && f.bytes[12] == 0x86 && f.bytes[13] == 0xdd && f.bytes[54] == 135;
    };
}

// Nobody answers here, so links go down as they should: not waited for.
void probe_with(const Lab &lab, int slaves, const std::string &options) {
    lab.cli().ok("link add bond0 type bond miimon 0 arp_interval 50 " + options);
    lab.cli().ok("link set bond0 up");
    for (int n = 0; n < slaves; ++n) {
        lab.enslave(n);
    }
}

nlohmann::json bond_json(const Lab &lab) { return lab.cli().json("status bond0").at("bonds").at(0); }

} // namespace

TEST_CASE("P7 the active slave probes, with its own MAC and the bond's address, the backup does not") {
    Lab lab(Kind::wires, 2);
    probe_with(lab, 2, "mode active-backup primary e0 arp_ip_target 10.99.0.254");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    const Injector answers(lab.switch_ns(), "s0"); // any frame keeps e0 up: arp_validate is none
    REQUIRE(wait_until([&] {
        answers.send(udp_frame(1));
        return lab.status().active_slave == "e0";
    }));
    const Wires wires(lab, 2);
    const auto probe = probe_to(ip(10, 99, 0, 254));
    REQUIRE(wait_until([&] {
        answers.send(udp_frame(1));
        return wires.count(0, probe) >= 5;
    }));
    CHECK(lab.status().active_slave == "e0");
    CHECK(wires.count(1, probe) == 0);
    const auto frame = wires.wire(0).frames(probe).back();
    const ArpView arp = as_arp(frame).value();
    CHECK(arp.ethernet_target == xbond::test::mac_broadcast);
    CHECK(arp.ethernet_source == lab.ns().mac("e0"));
    CHECK(arp.sender_mac == lab.ns().mac("e0"));
    CHECK(arp.target_mac == xbond::MacAddr{});
    CHECK(arp.sender_ip == ip(10, 99, 0, 1));
    CHECK_FALSE(arp.vlan);
}

TEST_CASE("P7 in modes 0, 2 and 3 every slave probes") {
    const auto mode = GENERATE(as<std::string>{}, "balance-rr", "balance-xor", "broadcast");
    Lab lab(Kind::wires, 2);
    probe_with(lab, 2, "mode " + mode + " arp_ip_target 10.99.0.254");
    const Wires wires(lab, 2);
    REQUIRE(wait_until([&] {
        return wires.count(0, probe_to(ip(10, 99, 0, 254))) > 2 && wires.count(1, probe_to(ip(10, 99, 0, 254))) > 2;
    }));
}

TEST_CASE("P14 no route: probes from 0.0.0.0; a route elsewhere: no probe; several targets: a probe each") {
    Lab lab(Kind::wires, 1);
    lab.ns().ip("link add other type veth peer name other1\nlink set other up\nlink set other1 up\n"
                "addr add 10.98.0.1/24 dev other");
    probe_with(lab, 1, "mode active-backup arp_ip_target 10.97.0.9,10.98.0.9,10.99.0.9");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    const Wires wires(lab, 1);
    REQUIRE(wires.wait_total(probe_to(ip(10, 99, 0, 9)), 4));
    CHECK(wires.total(probe_to(ip(10, 98, 0, 9))) == 0);
    const auto unrouted = wires.wire(0).frames(probe_to(ip(10, 97, 0, 9)));
    REQUIRE(unrouted.size() >= 3);
    CHECK(as_arp(unrouted.back())->sender_ip == 0);
    CHECK(as_arp(wires.wire(0).frames(probe_to(ip(10, 99, 0, 9))).back())->sender_ip == ip(10, 99, 0, 1));
}

namespace {

// A way out that is none to a target on the bond.
void add_default_route(const Lab &lab) {
    lab.ns().ip("link add mgmt0 type veth peer name mgmt1\nlink set mgmt0 up\nlink set mgmt1 up\n"
                "addr add 198.51.100.2/24 dev mgmt0\nroute add default via 198.51.100.1");
}

} // namespace

TEST_CASE("P14 a default route elsewhere is no route to a target: a bond without address asks from 0.0.0.0") {
    Lab lab(Kind::wires, 1);
    add_default_route(lab);
    probe_with(lab, 1, "mode active-backup arp_ip_target 10.99.0.9");
    const Wires wires(lab, 1);
    REQUIRE(wires.wait_total(probe_to(ip(10, 99, 0, 9)), 4));
    const ArpView arp = as_arp(wires.wire(0).frames(probe_to(ip(10, 99, 0, 9))).back()).value();
    CHECK(arp.sender_ip == 0);
    CHECK_FALSE(arp.vlan);
}

TEST_CASE("P14 a route by a gateway hides neither the bond's own subnet nor another device's") {
    Lab lab(Kind::wires, 1);
    add_default_route(lab);
    lab.ns().ip("route add 198.51.100.9/32 via 198.51.100.1\nroute add 10.99.0.9/32 via 198.51.100.1");
    probe_with(lab, 1, "mode active-backup arp_ip_target 10.99.0.9,198.51.100.9");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    const Wires wires(lab, 1);
    REQUIRE(wires.wait_total(probe_to(ip(10, 99, 0, 9)), 4));
    CHECK(as_arp(wires.wire(0).frames(probe_to(ip(10, 99, 0, 9))).back())->sender_ip == ip(10, 99, 0, 1));
    CHECK(wires.total(probe_to(ip(198, 51, 100, 9))) == 0);
}

TEST_CASE("P14 without carrier the bond's route may go, and the default route take its place, the search goes on") {
    Lab lab(Kind::wires, 2);
    add_default_route(lab);
    probe_with(lab, 2, "mode active-backup primary e0 arp_ip_target 10.99.0.9");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    lab.ns().set_sysctl("net.ipv4.conf.bond0.ignore_routes_with_linkdown", "1");
    REQUIRE(wait_until([&] { return !lab.status().carrier; })); // nobody answers
    const Wires wires(lab, 2);
    REQUIRE(wires.wait_total(probe_to(ip(10, 99, 0, 9)), 4));
    const Injector answers(lab.switch_ns(), "s0");
    CHECK(wait_until([&] {
        answers.send(udp_frame(1));
        return lab.status().active_slave == "e0";
    }));
}

TEST_CASE("P14 a bond in a VRF asks, as the kernel's: what is in its table is not looked up") {
    Lab lab(Kind::wires, 1);
    add_default_route(lab);
    if (!lab.ns().run(split("ip link add blue type vrf table 42")).ok()) {
        std::cout << "SKIPPED: this kernel has no VRF devices\n";
        return;
    }
    probe_with(lab, 1, "mode active-backup arp_ip_target 10.99.0.9");
    lab.ns().ip("link set blue up\nlink set bond0 master blue\naddr add 10.99.0.1/24 dev bond0");
    const Wires wires(lab, 1);
    REQUIRE(wires.wait_total(probe_to(ip(10, 99, 0, 9)), 4));
    CHECK(as_arp(wires.wire(0).frames(probe_to(ip(10, 99, 0, 9))).back())->sender_ip == 0);
}

TEST_CASE("4.7 a link-local NS target is asked on the bond, whatever else is on a link of that prefix") {
    Lab lab(Kind::wires, 1);
    lab.ns().set_sysctl("net.ipv6.conf.all.disable_ipv6", "0");
    lab.ns().ip("link add other type veth peer name other1\nlink set other up\nlink set other1 up\n"
                "addr add fe80::5/64 dev other nodad");
    probe_with(lab, 1, "mode active-backup ns_ip6_target fe80::99");
    const Wires wires(lab, 1);
    REQUIRE(wires.wait_total(any_solicitation(), 4));
    lab.ns().set_sysctl("net.ipv6.conf.bond0.disable_ipv6", "0");
    lab.ns().ip("addr add fe80::1/64 dev bond0 nodad");
    const auto from_bond = [](const Frame &f) {
        return any_solicitation()(f) && f.bytes[22] == 0xfe && f.bytes[37] == 1; // source fe80::1
    };
    CHECK(wires.wait_total(from_bond, 2));
}

TEST_CASE("P13 a target behind a VLAN on the bond is probed with its tag and the VLAN's address") {
    Lab lab(Kind::wires, 1);
    probe_with(lab, 1, "mode active-backup arp_ip_target 10.96.0.9");
    if (!lab.ns().run(split("ip link add link bond0 name bond0.5 type vlan id 5")).ok()) {
        std::cout << "SKIPPED: this kernel has no VLAN devices (8021q)\n";
        return;
    }
    lab.ns().ip("addr add 10.96.0.1/24 dev bond0.5\nlink set bond0.5 up");
    const Wires wires(lab, 1);
    const auto tagged = [](const Frame &frame) {
        const auto arp = as_arp(frame);
        return arp && arp->vlan && (*arp->vlan & 0x0fff) == 5 && arp->sender_ip == ip(10, 96, 0, 1);
    };
    REQUIRE(wires.wait_total(tagged, 3));
}

TEST_CASE("4.2 a target behind a bridge on the bond is probed with the bridge's address") {
    Lab lab(Kind::wires, 1);
    probe_with(lab, 1, "mode active-backup arp_ip_target 10.95.0.9");
    lab.ns().ip("link add br9 type bridge\nlink set bond0 master br9\naddr add 10.95.0.1/24 dev br9\nlink set br9 up");
    const Wires wires(lab, 1);
    const auto from_bridge = [](const Frame &frame) {
        const auto arp = as_arp(frame);
        return arp && arp->sender_ip == ip(10, 95, 0, 1) && arp->target_ip == ip(10, 95, 0, 9);
    };
    REQUIRE(wires.wait_total(from_bridge, 3));
}

TEST_CASE("4.7 NS targets: solicitations probe, backups join the target's group, answers keep the link up") {
    Cascade c;
    c.make_bond(std::string("mode active-backup miimon 0 arp_interval 100 primary e0 arp_validate all ns_ip6_target ") +
                gateway_ip6);
    const Wires wires(c.lab, 2);
    REQUIRE(wait_until([&] { return wires.count(0, any_solicitation()) >= 3; }));
    const Frame probe = wires.wire(0).frames(any_solicitation()).back();
    CHECK(probe.bytes.size() == 14 + 40 + 32);
    CHECK(probe.bytes[21] == 255); // hop limit
    // 33:33:ff:00:00:fe; e0, the active slave, hears NAs by unicast.
    const auto joined = [&](const std::string &slave) {
        return c.lab.ns().run({"ip", "maddress", "show", "dev", slave}).out.find("33:33:ff:00:00:fe") !=
               std::string::npos;
    };
    CHECK(wait_until([&] { return joined("e1"); }));
    CHECK_FALSE(joined("e0"));
    CHECK(holds_for([&] { return c.lab.status().slave("e0").link == "up" && c.lab.status().slave("e1").link == "up"; },
                    1s, 50ms));
    c.cut_cascade();
    CHECK(c.lab.wait_active("e1", 3s));
    CHECK(wait_until([&] { return joined("e0") && !joined("e1"); }));
}

TEST_CASE("P16 P17 miimon and arp_interval exclude each other") {
    Lab lab(Kind::wires, 1);
    lab.make_bond("mode active-backup miimon 100");
    const auto option = [&](const char *name) { return bond_json(lab).at("options").at(name); };
    lab.cli().ok("link set bond0 type bond arp_interval 200 arp_validate all");
    CHECK(option("miimon") == 0);
    CHECK(option("arp_interval") == 200);
    lab.cli().ok("link set bond0 type bond miimon 100");
    CHECK(option("arp_interval") == 0);
    CHECK(option("arp_validate") == "none");
    CHECK_FALSE(lab.cli()("link set bond0 type bond miimon 100 arp_interval 100").ok());
    CHECK(option("miimon") == 100);
}

TEST_CASE("the status tells of targets, answers, round trips and the reason of a verdict") {
    Cascade c;
    c.make_bond(std::string("mode active-backup miimon 0 arp_interval 100 primary e0 arp_validate all arp_ip_target ") +
                gateway_ip);
    const auto target = [&](int slave) {
        return bond_json(c.lab).at("slaves").at(slave).at("monitor").at("targets").at(0);
    };
    REQUIRE(wait_until([&] { return !target(0).at("round_trip_ms").is_null(); }));
    CHECK(target(0).at("target") == gateway_ip);
    CHECK(target(0).at("age_ms") < 500);
    CHECK(target(0).at("round_trip_ms") > 0);
    CHECK(target(0).at("round_trip_ms") < 100);
    CHECK(target(1).at("round_trip_ms").is_null()); // the backup asks nobody
    c.cut_cascade();
    REQUIRE(c.lab.wait_active("e1", 3s));
    const auto reason = bond_json(c.lab).at("slaves").at(0).at("monitor").at("reason").get<std::string>();
    CHECK_FALSE(reason.empty());
    const auto proc = c.lab.cli().ok("proc bond0");
    CHECK(proc.find("ARP Polling Interval (ms): 100\nARP Missed Max: 2\nARP IP target/s (n.n.n.n form): 10.99.0.254\n"
                    "NS IPv6 target/s (xx::xx form):\n") != std::string::npos);
    const auto info =
        nlohmann::json::parse(c.lab.cli().ok("-d -j link show bond0")).at(0).at("linkinfo").at("info_data");
    CHECK(info.at("arp_ip_target") == nlohmann::json{gateway_ip});
    CHECK(info.at("arp_validate") == "all");
}
