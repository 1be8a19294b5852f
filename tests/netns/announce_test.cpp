// SPDX-License-Identifier: MIT
// Gratuitous ARP after a failover: assertions G3 and G4. Announcements are counted on the wire of the slave that is
// active then: those of the bond's start may still be under way on the other.
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

constexpr std::uint16_t vlan_id_mask = 0x0fff;

FrameMatch announcement(std::optional<std::uint16_t> vlan) {
    return [vlan](const Frame &frame) {
        const auto arp = as_arp(frame);
        return arp && arp->gratuitous() && arp->vlan.has_value() == vlan.has_value() &&
               (!vlan || (*arp->vlan & vlan_id_mask) == *vlan);
    };
}

FrameMatch any_announcement() {
    return [](const Frame &frame) {
        const auto arp = as_arp(frame);
        return arp && arp->gratuitous();
    };
}

void give_addresses(const Lab &lab) { lab.ns().ip("addr add 10.99.0.1/24 dev bond0\naddr add 10.98.0.1/24 dev bond0"); }

// VLAN 10 on the bond with an address; false when the kernel has no VLAN devices.
bool give_vlan(const Lab &lab) {
    if (!lab.ns().run(split("ip link add link bond0 name bond0.10 type vlan id 10")).ok()) {
        std::cout << "SKIPPED: this kernel has no VLAN devices (8021q)\n";
        return false;
    }
    lab.ns().ip("addr add 10.97.0.1/24 dev bond0.10\nlink set bond0.10 up");
    return true;
}

void expect_senders(const Lab &lab, const std::vector<Frame> &announcements) {
    for (const Frame &frame : announcements) {
        const ArpView arp = as_arp(frame).value();
        CHECK(arp.sender_mac == lab.ns().mac("bond0"));
        CHECK(arp.ethernet_source == lab.ns().mac("bond0"));
        CHECK(arp.ethernet_target == xbond::test::mac_broadcast);
    }
}

} // namespace

TEST_CASE("G3 a failover announces each address on the new active slave") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100");
    give_addresses(lab);
    const Wires wires(lab, 2);
    lab.host().cut(0);
    REQUIRE(lab.wait_active("e1"));
    REQUIRE(wait_until([&] { return wires.count(1, any_announcement()) >= 2; }));
    CHECK(holds_for([&] { return wires.count(1, any_announcement()) == 2; }, 400ms));
    CHECK(wires.count(1, announcement(std::nullopt)) == 2);
    expect_senders(lab, wires.wire(1).frames(any_announcement()));
}

TEST_CASE("G3 a failover announces a VLAN's address with its tag") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100");
    give_addresses(lab);
    if (!give_vlan(lab)) {
        return;
    }
    const Wires wires(lab, 2);
    lab.host().cut(0);
    REQUIRE(lab.wait_active("e1"));
    REQUIRE(wait_until([&] { return wires.count(1, any_announcement()) >= 3; }));
    CHECK(holds_for([&] { return wires.count(1, any_announcement()) == 3; }, 400ms));
    CHECK(wires.count(1, announcement(std::nullopt)) == 2);
    CHECK(wires.count(1, announcement(10)) == 1);
    expect_senders(lab, wires.wire(1).frames(any_announcement()));
}

TEST_CASE("announce: an address that came in the moment of a failover is announced with it") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100");
    const Wires wires(lab, 2);
    lab.daemon().freeze(); // both are news when it goes on, in whatever order it looks at them
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    lab.host().cut(0);
    lab.daemon().thaw();
    CHECK(wait_until([&] { return wires.count(1, any_announcement()) == 1; }));
}

TEST_CASE("G3 num_grat_arp 3 announces three times") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100 num_grat_arp 3");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    const Wires wires(lab, 2);
    lab.host().cut(0);
    REQUIRE(wait_until([&] { return wires.count(1, any_announcement()) >= 3; }));
    CHECK(holds_for([&] { return wires.count(1, any_announcement()) == 3; }, 400ms));
}

TEST_CASE("G4 num_grat_arp 0 announces nothing") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100 num_grat_arp 0");
    give_addresses(lab);
    const Wires wires(lab, 2);
    lab.host().cut(0);
    REQUIRE(lab.wait_active("e1"));
    CHECK(holds_for([&] { return wires.total(any_announcement()) == 0; }, 500ms));
}
