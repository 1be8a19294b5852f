// SPDX-License-Identifier: MIT
// What of a slave's frames the bond gets: assertions R1-R7. Each runs with the TC program alone and with
// native XDP in front of it.
#include <catch2/catch.hpp>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using xbond::test::test_mac;
using Kind = Switch::Kind;

namespace {

constexpr std::uint16_t lldp_protocol = 0x88cc, arp_protocol = 0x0806;

// The two rounds of every test here.
std::string xdp_round() { return GENERATE(as<std::string>{}, "off", "native"); }

void make_bond(Lab &lab, const std::string &options, const std::string &xdp) {
    lab.make_bond(options + " xdp " + xdp);
    for (const SlaveStatus &slave : lab.status().slaves) {
        INFO(slave.name);
        REQUIRE(slave.xdp == (xdp == "native" ? "native" : "none"));
    }
}

// A frame that the bond is known to deliver, sent after those that it must not: when it is there, they would be too.
void expect_last_word(const Lab &lab, const Sniffer &bond, const std::string &port) {
    const Bytes last = arp_request_frame(test_mac(0x99), "10.99.0.9", "10.99.0.99");
    Injector(lab.switch_ns(), port).send(last);
    REQUIRE(bond.wait_count(same_as(last), 1));
}

} // namespace

TEST_CASE("R1 mode 1: a broadcast on active and backup comes once") {
    const std::string xdp = xdp_round();
    DYNAMIC_SECTION("xdp " << xdp) {
        Lab lab(Kind::wires, 2);
        make_bond(lab, "mode active-backup", xdp);
        const Sniffer bond(lab.ns(), "bond0");
        const OnOneCpu pinned;
        const Bytes frame = udp_frame(1, {.to = xbond::test::mac_broadcast, .from = station_mac});
        Injector(lab.switch_ns(), "s1").send(frame);
        Injector(lab.switch_ns(), "s0").send(frame);
        expect_last_word(lab, bond, "s0");
        CHECK(bond.count(same_as(frame)) == 1);
        CHECK(lab.status().slave("e1").suppressed);
        CHECK_FALSE(lab.status().slave("e0").suppressed);
        CHECK(wait_until([&] { return lab.status().slave("e1").rx_suppressed == 1; }));
    }
}

TEST_CASE("R2 mode 1: with all_slaves_active it comes twice") {
    const std::string xdp = xdp_round();
    DYNAMIC_SECTION("xdp " << xdp) {
        Lab lab(Kind::wires, 2);
        make_bond(lab, "mode active-backup all_slaves_active 1", xdp);
        const Sniffer bond(lab.ns(), "bond0");
        const Bytes frame = udp_frame(1, {.to = xbond::test::mac_broadcast, .from = station_mac});
        Injector(lab.switch_ns(), "s1").send(frame);
        Injector(lab.switch_ns(), "s0").send(frame);
        CHECK(bond.wait_count(same_as(frame), 2));
    }
}

TEST_CASE("R3 mode 1: LLDP on the backup stays on the backup") {
    const std::string xdp = xdp_round();
    DYNAMIC_SECTION("xdp " << xdp) {
        Lab lab(Kind::wires, 2);
        make_bond(lab, "mode active-backup", xdp);
        const Sniffer::Options lldp{.protocol = lldp_protocol, .on_frame = {}};
        const Sniffer slave(lab.ns(), "e1", lldp), any(lab.ns(), "", lldp), bond_lldp(lab.ns(), "bond0", lldp);
        const Sniffer bond(lab.ns(), "bond0");
        const OnOneCpu pinned;
        const Bytes frame = lldp_frame(station_mac);
        Injector(lab.switch_ns(), "s1").send(frame);
        REQUIRE(slave.wait_count(same_as(frame), 1));
        REQUIRE(any.wait_count(same_as(frame), 1));
        CHECK(any.frames(same_as(frame)).at(0).ifindex == lab.ns().ifindex("e1"));
        expect_last_word(lab, bond, "s0");
        CHECK(bond_lldp.count(same_as(frame)) == 0);
        CHECK(bond.count(same_as(frame)) == 0);
        CHECK(any.count(same_as(frame)) == 1);
    }
}

TEST_CASE("R4 mode 1: LLDP on the active slave comes to the bond, and to a tap on the slave") {
    const std::string xdp = xdp_round();
    DYNAMIC_SECTION("xdp " << xdp) {
        Lab lab(Kind::wires, 2);
        make_bond(lab, "mode active-backup", xdp);
        const Sniffer bond(lab.ns(), "bond0", {.protocol = lldp_protocol, .on_frame = {}}), slave(lab.ns(), "e0");
        const Bytes frame = lldp_frame(station_mac);
        Injector(lab.switch_ns(), "s0").send(frame);
        CHECK(bond.wait_count(same_as(frame), 1));
        CHECK(slave.wait_count(same_as(frame), 1));
    }
}

TEST_CASE("R5 mode 1: unicast on the backup reaches a tap on it and nobody else; no ping is answered through it") {
    const std::string xdp = xdp_round();
    DYNAMIC_SECTION("xdp " << xdp) {
        Lab lab(Kind::wires, 2);
        make_bond(lab, "mode active-backup", xdp);
        lab.ns().ip("addr add 10.99.0.1/24 dev bond0\n"
                    "neigh add 10.99.0.2 lladdr " +
                    station_mac.str() + " dev bond0 nud permanent");
        const Sniffer tap(lab.ns(), "e1"), bond(lab.ns(), "bond0");
        const Sniffer wildcard(lab.ns(), "", {.protocol = 0x0800, .incoming_only = true, .on_frame = {}});
        const Sniffer wildcard_arp(lab.ns(), "", {.protocol = arp_protocol, .incoming_only = true, .on_frame = {}});
        const Wires wires(lab, 2);
        const OnOneCpu pinned;
        const Bytes ping = echo_request_frame({.to = lab.status().mac, .from = station_mac}, "10.99.0.2", "10.99.0.1");
        const Bytes who_has = arp_request_frame(station_mac, "10.99.0.2", "10.99.0.1");
        const Injector backup(lab.switch_ns(), "s1");
        backup.send(ping);
        backup.send(who_has);
        REQUIRE(tap.wait_count(same_as(ping), 1));
        expect_last_word(lab, bond, "s0");
        CHECK(bond.count(same_as(ping)) == 0);
        CHECK(bond.count(same_as(who_has)) == 0);
        CHECK(wildcard.count(same_as(ping)) == 0);
        CHECK(wildcard_arp.count(same_as(who_has)) == 0);
        CHECK(wires.total([](const Frame &) { return true; }) == 0); // no answer on any wire
        const Injector active(lab.switch_ns(), "s0");                // the same through the active slave is answered
        active.send(ping);
        active.send(who_has);
        CHECK(wires.wait_total([](const Frame &) { return true; }, 2));
        CHECK(wires.wire(1).frames().empty());
    }
}

TEST_CASE("R6 modes 0, 2, 3: the same broadcast on both slaves comes twice") {
    const std::string xdp = xdp_round();
    const auto mode = GENERATE(as<std::string>{}, "balance-rr", "balance-xor", "broadcast");
    DYNAMIC_SECTION(mode << ", xdp " << xdp) {
        Lab lab(Kind::wires, 2);
        make_bond(lab, "mode " + mode, xdp);
        const Sniffer bond(lab.ns(), "bond0");
        const Bytes frame = udp_frame(1, {.to = xbond::test::mac_broadcast, .from = station_mac});
        Injector(lab.switch_ns(), "s0").send(frame);
        Injector(lab.switch_ns(), "s1").send(frame);
        CHECK(bond.wait_count(same_as(frame), 2));
        CHECK(lab.status().slave("e0").rx_packets == 1);
        CHECK(lab.status().slave("e1").rx_packets == 1);
    }
}

TEST_CASE("R7 mode 1: a frame from the bond's own address on the active slave is delivered") {
    const std::string xdp = xdp_round();
    DYNAMIC_SECTION("xdp " << xdp) {
        Lab lab(Kind::wires, 2);
        make_bond(lab, "mode active-backup", xdp);
        const Sniffer bond(lab.ns(), "bond0");
        const Bytes frame = udp_frame(1, {.to = xbond::test::mac_broadcast, .from = lab.status().mac});
        Injector(lab.switch_ns(), "s0").send(frame);
        CHECK(bond.wait_count(same_as(frame), 1));
    }
}
