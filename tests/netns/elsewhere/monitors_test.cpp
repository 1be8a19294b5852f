// SPDX-License-Identifier: MIT
// What is said of the addresses that a bond's device has in another network namespace: probes, announcements, groups.
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/harness/wait.h"
#include "tests/netns/elsewhere/lab.h"
#include "tests/netns/frames.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

constexpr std::uint32_t ip(unsigned a, unsigned b, unsigned c, unsigned d) { return a << 24 | b << 16 | c << 8 | d; }

FrameMatch probe(std::uint32_t source, std::uint32_t target) {
    return [=](const Frame &frame) {
        const auto arp = as_arp(frame);
        return arp && arp->operation == 1 && arp->sender_ip == source && arp->target_ip == target;
    };
}

FrameMatch announcement(std::uint32_t address) {
    return [=](const Frame &frame) {
        const auto arp = as_arp(frame);
        return arp && arp->gratuitous() && arp->sender_ip == address;
    };
}

} // namespace

TEST_CASE("elsewhere: a failover announces the addresses that the device has there, its VLANs' too") {
    ElsewhereLab lab(Kind::wires);
    lab.make_bond_elsewhere("mode active-backup miimon 100");
    const bool vlans = lab.c().run(split("ip link add link bond0 name bond0.10 type vlan id 10")).ok();
    if (vlans) {
        lab.c().ip("addr add 10.97.0.1/24 dev bond0.10\nlink set bond0.10 up");
    } else {
        std::cout << "SKIPPED: this kernel has no VLAN devices (8021q)\n";
    }
    const Wires wires(lab, 2);
    lab.host().cut(0);
    REQUIRE(lab.wait_active("e1"));
    CHECK(wait_until([&] { return wires.count(1, announcement(ip(10, 99, 0, 1))) > 0; }));
    CHECK(wait_until([&] { return !vlans || wires.count(1, announcement(ip(10, 97, 0, 1))) > 0; }));
}

TEST_CASE("elsewhere: ARP probes carry the address that the device has there, and answers count") {
    ElsewhereLab lab;
    lab.make_bond("mode active-backup");
    lab.move(lab.c());
    lab.c().ip("addr add " + std::string(inside_ip) + "/24 dev bond0");
    const Wires wires(lab, 2);
    lab.cli().ok("link set bond0 type bond arp_interval 50 arp_validate all arp_ip_target " + lab.station().ip());
    CHECK(wait_until([&] { return wires.total(probe(ip(10, 99, 0, 1), ip(10, 99, 0, 9))) >= 5; }));
    CHECK(wait_until([&] {
        const auto active = lab.status().active_slave;
        return !active.empty() && lab.status().slave(active).link == "up";
    }));
    CHECK(lab.station().pings(inside_ip));
    const NetNs &there = lab.c();
    there.ip("addr del " + std::string(inside_ip) + "/24 dev bond0\naddr add 10.99.0.7/24 dev bond0");
    CHECK(wait_until([&] { return wires.total(probe(ip(10, 99, 0, 7), ip(10, 99, 0, 9))) >= 5; }));
    CHECK(wait_until([&] { return lab.station().pings("10.99.0.7"); }));
}

TEST_CASE("elsewhere: neighbour solicitations carry the address that the device has there") {
    ElsewhereLab lab;
    for (const NetNs *ns : {&lab.c(), &lab.station().ns()}) {
        ns->set_sysctl("net.ipv6.conf.all.disable_ipv6", "0");
        ns->set_sysctl("net.ipv6.conf.default.disable_ipv6", "0");
    }
    lab.station().ns().set_sysctl("net.ipv6.conf.eth0.disable_ipv6", "0");
    lab.station().ns().ip("addr add fd99::9/64 dev eth0 nodad");
    lab.make_bond("mode active-backup");
    lab.move(lab.c());
    lab.c().set_sysctl("net.ipv6.conf.bond0.disable_ipv6", "0");
    lab.c().ip("addr add fd99::1/64 dev bond0 nodad");
    lab.cli().ok("link set bond0 type bond arp_interval 50 arp_validate all ns_ip6_target fd99::9");
    CHECK(wait_until([&] {
        const auto active = lab.status().active_slave;
        return !active.empty() && lab.status().slave(active).link == "up";
    }));
    const Wires wires(lab, 2);
    const auto own = [](const Frame &f) { // from fd99::1
        return f.bytes.size() > 54 && f.bytes[12] == 0x86 && f.bytes[13] == 0xdd && f.bytes[54] == 135 &&
               f.bytes[22] == 0xfd && f.bytes[23] == 0x99 && f.bytes[37] == 1;
    };
    CHECK(wait_until([&] { return wires.total(own) >= 5; }));
    const auto active = lab.status().active_slave;
    CHECK(lab.status().slave(active).link == "up");
}

TEST_CASE("elsewhere: groups that are joined there are let in by the slaves") {
    ElsewhereLab lab;
    lab.make_bond_elsewhere("mode active-backup");
    const auto has = [&](const std::string &slave) {
        const auto lists = lab.ns().ip_json("maddr show dev " + slave);
        for (const auto &entry : lists.at(0).at("maddr")) {
            if (entry.value("link", "") == "01:00:5e:63:00:05") {
                return true;
            }
        }
        return false;
    };
    lab.c().ip("addr add 239.99.0.5/32 dev bond0 autojoin");
    const bool let_in = wait_until([&] { return has("e0"); });
    INFO(lab.ns().run(split("ip maddr show dev e0")).out << lab.c().run(split("ip maddr show dev bond0")).out);
    CHECK(let_in);
    lab.c().ip("addr del 239.99.0.5/32 dev bond0");
    CHECK(wait_until([&] { return !has("e0"); }));
}
