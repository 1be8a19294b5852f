// SPDX-License-Identifier: MIT
// Receive balancing of balance-alb on the wire: whose ARP is touched, who is told what and when.
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <linux/if_packet.h>
#include <nlohmann/json.hpp>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"
#include "tests/netns/station.h"

using namespace xbond::harness;
using xbond::MacAddr;
using xbond::test::Packet;
using xbond::test::test_mac;
using Kind = Switch::Kind;
using nlohmann::json;

namespace {

constexpr const char *bond_ip = "10.99.0.1";

json clients_of(const Lab &lab) { return lab.cli().json("status bond0").at("bonds").at(0).at("balance").at("clients"); }

MacAddr source_of(const Frame &frame) {
    MacAddr mac;
    std::copy_n(frame.bytes.begin() + 6, mac.bytes.size(), mac.bytes.begin());
    return mac;
}

std::uint32_t ip_number(int last) { return 10U << 24 | 99U << 16 | static_cast<std::uint32_t>(last); }

Bytes reply_frame(const MacAddr &from, const std::string &sender_ip, int client) {
    return Packet(test_mac(static_cast<std::uint8_t>(client)), from)
        .arp_reply(from, sender_ip, test_mac(static_cast<std::uint8_t>(client)), "10.99.0." + std::to_string(client))
        .build();
}

FrameMatch reply_to(int client) {
    return [client](const Frame &frame) {
        const auto arp = as_arp(frame);
        return arp && arp->operation == 2 && arp->target_ip == ip_number(client);
    };
}

std::chrono::nanoseconds clock_of_frames() { return std::chrono::system_clock::now().time_since_epoch(); }

// Lets the bond answer a client until the client is in the table. Once is not always enough: the data path does without
// the entry that the controller is reading at that moment, and that reply leaves as it came, on the active slave.
void answer(const Lab &lab, const Injector &bond, const Bytes &reply, int client) {
    const std::string ip = "10.99.0." + std::to_string(client);
    REQUIRE(wait_until([&] {
        bond.send(reply);
        return std::ranges::any_of(clients_of(lab), [&](const json &c) { return c.at("client") == ip; });
    }));
}

// The client that was given this slave and has nothing more to be told; 0: there is none.
int client_of(const Lab &lab, const std::string &slave) {
    const auto clients = clients_of(lab);
    for (int client = 11; client < 13; ++client) {
        for (const json &c : clients) {
            if (c.at("client") == "10.99.0." + std::to_string(client) && c.at("slave") == slave &&
                !c.at("update_due").get<bool>()) {
                return client;
            }
        }
    }
    return 0;
}

} // namespace

TEST_CASE("5.6 mode 6: a lost slave's client is told at once, by two replies, four times 2.1 s apart") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-alb");
    const Wires wires(lab, 2);
    const Injector bond(lab.ns(), "bond0");
    const MacAddr mac = lab.status().mac, second = lab.status().slave("e1").mac;
    for (int n = 11; n < 13; ++n) {
        answer(lab, bond, reply_frame(mac, bond_ip, n), n);
    }
    REQUIRE(wait_until([&] { return client_of(lab, "e0") != 0 && client_of(lab, "e1") != 0; }));
    const int client = client_of(lab, "e1");
    REQUIRE(wires.wire(1).wait_count(reply_to(client), 1));
    for (const Frame &frame : wires.wire(1).frames(reply_to(client))) {
        CHECK(as_arp(frame)->sender_mac == second);
        CHECK(source_of(frame) == second);
    }
    const auto cut = clock_of_frames(); // frames are told apart by their time: a sniffer may be late
    const auto since_then = [&](const Frame &frame) { return frame.time > cut && reply_to(client)(frame); };
    lab.host().cut(1);
    REQUIRE(wires.wire(0).wait_count(since_then, 8, 9s));
    const auto told = wires.wire(0).frames(since_then);
    for (std::size_t i = 0; i < told.size(); ++i) {
        CHECK(as_arp(told[i])->sender_mac == mac);
        CHECK(as_arp(told[i])->ethernet_target == test_mac(static_cast<std::uint8_t>(client)));
        if (i >= 2) {
            const auto apart = told[i].time - told[i - 2].time;
            CHECK(apart > 2000ms);
            CHECK(apart < 2300ms);
        }
    }
}

TEST_CASE("5.7 mode 6: what goes on to a dead slave's address comes to the bond, until the active slave changes") {
    Lab lab(Kind::wires, 3);
    lab.make_bond("mode balance-alb");
    const auto status = lab.status();
    const MacAddr dead = status.slave("e1").mac;
    const auto promiscuous = [&](const char *slave) { return lab.ns().link(slave).at("promiscuity").get<int>() > 0; };
    const Sniffer bond(lab.ns(), "bond0");
    const Injector wire(lab.switch_ns(), "s0");
    CHECK_FALSE(promiscuous("e0"));
    lab.host().cut(1);
    REQUIRE(lab.wait_link("e1", "down"));
    REQUIRE(wait_until([&] { return promiscuous("e0"); }));
    wire.send(udp_frame(1, {.to = dead, .from = station_mac}));
    wire.send(udp_frame(2, {.to = status.slave("e2").mac, .from = station_mac})); // alive: e2 hears it itself
    wire.send(udp_frame(3, {.to = status.mac, .from = station_mac}));
    const auto numbered = [](std::uint64_t n) { return [n](const Frame &f) { return number_of(f) == n; }; };
    REQUIRE(bond.wait_count(numbered(3), 1));
    const auto for_the_host = [&](std::uint64_t n) {
        return bond.count([n](const Frame &f) { return number_of(f) == n && f.packet_type == PACKET_HOST; });
    };
    CHECK(for_the_host(1) == 1);
    CHECK(for_the_host(2) == 0);
    CHECK(for_the_host(3) == 1);
    lab.cli().ok("link set bond0 type bond active_slave e2");
    CHECK(wait_until([&] { return !promiscuous("e0"); }));
    CHECK_FALSE(promiscuous("e2"));
}

TEST_CASE("T12 mode 6: somebody else has our address now: its clients are no longer ours") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-alb");
    const Injector bond(lab.ns(), "bond0"), wire(lab.switch_ns(), "s1");
    const MacAddr mac = lab.status().mac;
    answer(lab, bond, reply_frame(mac, bond_ip, 11), 11);
    answer(lab, bond, reply_frame(mac, "10.99.0.3", 12), 12); // by another address of ours
    REQUIRE(clients_of(lab).size() == 2);
    wire.send(arp_request_frame(test_mac(0x77), bond_ip, bond_ip));
    REQUIRE(wait_until([&] { return clients_of(lab).size() == 1; }));
    CHECK(clients_of(lab).at(0).at("client") == "10.99.0.12");
}

TEST_CASE("T15 mode 6: a guest's ARP leaves as it came, on the active slave, and gives nobody a slave") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-alb");
    const Wires wires(lab, 2);
    const Injector bond(lab.ns(), "bond0");
    for (int client = 11; client < 15; ++client) {
        bond.send(reply_frame(test_mac(0x66), "10.99.0.66", client));
        bond.send(arp_request_frame(test_mac(0x66), "10.99.0.66", "10.99.0." + std::to_string(client)));
    }
    const auto is_arp = [](const Frame &frame) { return as_arp(frame).has_value(); };
    REQUIRE(wires.wire(0).wait_count(is_arp, 8));
    CHECK(wires.count(1, is_arp) == 0);
    for (int client = 11; client < 15; ++client) {
        CHECK(wires.count(0, same_as(reply_frame(test_mac(0x66), "10.99.0.66", client))) == 1);
    }
    CHECK(clients_of(lab).empty());
}

TEST_CASE("T15 mode 6: a bridge above the bond answers for itself: neighbours are told the address it says") {
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode balance-alb");
    lab.ns().ip("link add br9 type bridge stp_state 0 mcast_snooping 0 forward_delay 0\nlink set bond0 master br9\n"
                "addr add 10.99.0.1/24 dev br9\nlink set br9 up");
    const std::string mac = lab.ns().mac("br9").str();
    for (int n = 11; n < 15; ++n) {
        const Station station(lab.network(), n);
        CHECK(wait_until([&] { return station.pings(bond_ip); }));
        CHECK(station.neighbour(bond_ip) == mac);
    }
    CHECK(clients_of(lab).empty());
}

TEST_CASE("5.1 mode 6: neighbour discovery stays on the active slave, other IPv6 is balanced") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-alb tlb_dynamic_lb 0 xmit_hash_policy layer2+3");
    const Wires wires(lab, 2);
    const Injector bond(lab.ns(), "bond0");
    const auto status = lab.status();
    std::vector<Bytes> discovery;
    for (std::uint8_t n = 1; n <= 8; ++n) {
        const std::string to = "fd99::" + std::to_string(n);
        const MacAddr group{{0x33, 0x33, 0xff, 0, 0, n}};
        discovery.push_back(Packet(group, status.mac).ipv6("fd99::99", to).icmpv6(135, 0).payload(20, n).build());
        discovery.push_back(Packet(test_mac(n), status.mac).ipv6("fd99::99", to).icmpv6(136, 0).payload(20, n).build());
        bond.send(Packet(station_mac, status.mac).ipv6("fd99::99", to).udp(4000, 4001).payload(20, n).build());
    }
    for (const Bytes &frame : discovery) {
        bond.send(frame);
    }
    const auto of_type = [](std::uint8_t next) {
        return [next](const Frame &f) {
            return f.bytes.size() > 54 && f.bytes[12] == 0x86 && f.bytes[13] == 0xdd && f.bytes[20] == next;
        };
    };
    REQUIRE(wires.wait_total(of_type(17), 8));
    REQUIRE(wires.wait_total(of_type(58), discovery.size()));
    CHECK(wires.count(1, of_type(58)) == 0);
    for (const Bytes &frame : discovery) {
        CHECK(wires.count(0, same_as(frame)) == 1);
    }
    CHECK(wires.count(0, of_type(17)) > 0);
    CHECK(wires.count(1, of_type(17)) > 0);
    for (const Frame &frame : wires.wire(1).frames(of_type(17))) {
        CHECK(source_of(frame) == status.slave("e1").mac);
    }
}

TEST_CASE("balance-tlb with the ARP monitor: a neighbour that was asked from the other slave is heard there") {
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode balance-tlb");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    const Station station(lab.network(), 11);
    lab.cli().ok("link set bond0 type bond monitors all arp_interval 100 arp_ip_target " + station.ip());
    const auto status = lab.status();
    const MacAddr own = status.slave("e1").mac;
    REQUIRE(wait_until([&] { return station.neighbour(bond_ip) == own.str(); })); // a probe's sender address
    for (int i = 0; i < 5; ++i) {
        CHECK(station.pings(bond_ip));
    }
    const Sniffer bond(lab.ns(), "bond0");
    const Injector wire(lab.switch_ns(), "s1");
    const auto numbered = [](std::uint64_t n) { return [n](const Frame &f) { return number_of(f) == n; }; };
    wire.send(udp_frame(1, {.to = status.mac, .from = station_mac})); // flooded: e0 has it too
    wire.send(udp_frame(2, {.to = xbond::test::mac_broadcast, .from = station_mac}));
    wire.send(udp_frame(3, {.to = own, .from = station_mac}));
    REQUIRE(bond.wait_count(numbered(3), 1));
    CHECK(bond.frames(numbered(3)).at(0).packet_type == PACKET_HOST);
    CHECK(bond.count(numbered(1)) == 0);
    CHECK(bond.count(numbered(2)) == 0);
}

TEST_CASE("mode 6: a storm of clients that take each other's places stays within the table, and holds nobody up") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-alb");
    const Injector bond(lab.ns(), "bond0");
    const MacAddr mac = lab.status().mac;
    constexpr std::size_t places = 256;
    for (int n = 0; n < 3000; ++n) {
        const std::string ip = "10.98." + std::to_string(n / 250) + "." + std::to_string(n % 250 + 1);
        bond.send(Packet(test_mac(7), mac).arp_reply(mac, bond_ip, test_mac(7), ip).build());
    }
    std::size_t clients = 0;
    CHECK(wait_until([&] { return (clients = clients_of(lab).size()) > places / 2; }));
    CHECK(clients <= places);
    CHECK(lab.cli()("-j status").ok());
    lab.host().cut(0); // those that are there are told, and there are not more
    CHECK(lab.wait_active("e1"));
    CHECK(clients_of(lab).size() <= places);
}
