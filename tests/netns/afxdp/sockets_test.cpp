// SPDX-License-Identifier: MIT
// AF_XDP sockets on a bond, with real frames.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/netns/afxdp/application.h"
#include "tests/netns/frames.h"
#include "tests/netns/lacp/partner.h"

using namespace xbond::harness;
using xbond::test::Packet;

namespace {

constexpr int count = 50;

// To the bond, from behind the switch.
Bytes to_bond(const Lab &lab, std::uint16_t port, std::uint8_t fill = 0) {
    return Packet(lab.status().mac, station_mac)
        .ipv4("10.99.0.2", "10.99.0.1")
        .udp(4000, port)
        .payload(18, fill)
        .build();
}

Bytes from_bond(std::uint16_t sport) {
    return Packet(station_mac, xbond::test::test_mac(1))
        .ipv4("10.99.0.1", "10.99.0.2")
        .udp(sport, 9)
        .payload(18)
        .build();
}

std::size_t at_stack(const Lab &lab, const Sniffer &bond0, const Bytes &frame) {
    (void)lab;
    return bond0.count(same_as(frame));
}

bool attached(const Lab &lab, int slaves) {
    return wait_until([&] {
        const auto status = lab.status();
        return std::ranges::count_if(status.slaves, [](const auto &s) { return s.xdp != "none"; }) == slaves;
    });
}

} // namespace

TEST_CASE("an application gets the frames of its rule with their slave, the stack all others") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode balance-xor");
    lab.cli().ok("xsk allow bond0 group 0 match udp dst 4789");
    REQUIRE(attached(lab, 2));
    Sockets sockets(lab.ns(), lab.daemon());
    REQUIRE(sockets.wait_sockets(2));
    const Sniffer bond0(lab.ns(), "bond0");
    const auto mine = to_bond(lab, 4789), others = to_bond(lab, 4790);
    for (const char *wire : {"s0", "s1"}) {
        const Injector out(lab.switch_ns(), wire);
        out.send(mine, count);
        out.send(others, count);
    }
    const auto got = sockets.receive(2 * count);
    CHECK(got.size() == 2 * count);
    for (const char *slave : {"e0", "e1"}) {
        const auto ifindex = lab.ns().ifindex(slave);
        CHECK(std::ranges::count(got, ifindex, &Sockets::Received::ifindex) == count);
    }
    CHECK(std::ranges::all_of(got, [&](const auto &frame) { return frame.bytes == mine; }));
    CHECK(bond0.wait_count(same_as(others), 2 * count));
    CHECK(at_stack(lab, bond0, mine) == 0);
}

TEST_CASE("when an application ends its frames go to the stack at once, and the next one finds the queues") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode balance-xor");
    lab.cli().ok("xsk allow bond0 group 0 match all");
    REQUIRE(attached(lab, 2));
    const auto frame = to_bond(lab, 4789);
    const Injector out(lab.switch_ns(), "s0");
    Sockets first(lab.ns(), lab.daemon());
    REQUIRE(first.wait_sockets(2));
    out.send(frame, count);
    CHECK(first.receive(count).size() == count);
    const Sniffer bond0(lab.ns(), "bond0");
    first.close();
    out.send(frame, count);
    CHECK(bond0.wait_count(same_as(frame), count));
    const Sockets second(lab.ns(), lab.daemon()); // waits until the kernel has closed the first one's
    out.send(frame, count);
    CHECK(second.receive(count).size() == count);
}

TEST_CASE(
    "what an application sends leaves on the slave that the mode takes, also after a failover without a controller") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode active-backup primary e0");
    lab.cli().ok("xsk allow bond0 group 0 match udp dst 4789");
    REQUIRE(attached(lab, 2));
    const Sockets sockets(lab.ns(), lab.daemon());
    REQUIRE(sockets.wait_sockets(2));
    const Wires wires(lab, 2);
    const auto before = from_bond(1), after = from_bond(2);
    for (int i = 0; i < count; ++i) {
        REQUIRE(sockets.send(before));
    }
    CHECK(wires.wire(0).wait_count(same_as(before), count));
    CHECK(wires.count(1, same_as(before)) == 0);

    lab.daemon().kill9();
    lab.host().cut(0);
    REQUIRE(wait_until([&] { return sockets.stats().tx_failover > 0 || (sockets.send(from_bond(3)), false); }));
    for (int i = 0; i < count; ++i) {
        REQUIRE(sockets.send(after));
    }
    CHECK(wires.wire(1).wait_count(same_as(after), count));
    CHECK(sockets.stats().tx_dropped == 0);
}

TEST_CASE("a frame that says more than its room is not taken, and not lost") {
    Lab lab(Switch::Kind::wires, 1);
    lab.make_bond("mode active-backup");
    lab.cli().ok("xsk allow bond0 group 0 match all");
    REQUIRE(attached(lab, 1));
    const Sockets sockets(lab.ns(), lab.daemon());
    REQUIRE(sockets.wait_sockets(1));
    const auto before = sockets.stats().free_frames;
    CHECK(sockets.send_too_long() == 0);
    CHECK(sockets.stats().free_frames == before);
}

TEST_CASE("broadcast copies to every slave what an application sends") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode broadcast");
    lab.cli().ok("xsk allow bond0 group 0 match udp dst 4789");
    REQUIRE(attached(lab, 2));
    const Sockets sockets(lab.ns(), lab.daemon());
    REQUIRE(sockets.wait_sockets(2));
    const Wires wires(lab, 2);
    const auto frame = from_bond(1);
    for (int i = 0; i < count; ++i) {
        REQUIRE(sockets.send(frame));
    }
    CHECK(wires.wire(0).wait_count(same_as(frame), count));
    CHECK(wires.wire(1).wait_count(same_as(frame), count));
}

namespace {

// On a slave that is not the active one a frame leaves with that slave's address.
void check_addresses(const std::string &mode) {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode " + mode + " xmit_hash_policy layer3+4");
    lab.cli().ok("xsk allow bond0 group 0 match udp dst 4789");
    REQUIRE(attached(lab, 2));
    const Sockets sockets(lab.ns(), lab.daemon());
    REQUIRE(sockets.wait_sockets(2));
    const Wires wires(lab, 2);
    for (std::uint16_t port = 1000; port < 1000 + count; ++port) {
        REQUIRE(sockets.send(from_bond(port)));
    }
    const auto status = lab.status();
    const auto from = [](const xbond::MacAddr &mac) {
        return [mac](const Frame &frame) {
            return frame.bytes.size() == 60 && frame.bytes[23] == 17 &&
                   std::equal(mac.bytes.begin(), mac.bytes.end(), frame.bytes.begin() + 6);
        };
    };
    const auto active = status.active_slave == "e0" ? 0 : 1;
    const auto other = status.slave(active == 0 ? "e1" : "e0").mac;
    const auto sent = [&] {
        return wires.count(active, from(xbond::test::test_mac(1))) + wires.count(1 - active, from(other));
    };
    CHECK(wait_until([&] { return sent() == count; }));
    CHECK(wires.count(1 - active, from(other)) > 0);
    CHECK(wires.count(active, from(xbond::test::test_mac(1))) > 0);
}

} // namespace

TEST_CASE("balance-tlb: what an application sends on a slave that is not the active one has that slave's address") {
    check_addresses("balance-tlb");
}

TEST_CASE("balance-alb: what an application sends on a slave that is not the active one has that slave's address") {
    check_addresses("balance-alb");
}

TEST_CASE("802.3ad: an application sends on ports that distribute, and on no other") {
    PartnerLab lab(2);
    REQUIRE(lab.make_bond("lacp_rate fast xmit_hash_policy layer3+4"));
    lab.host().cli().ok("xsk allow bond0 group 0 match udp dst 4789");
    const Sockets sockets(lab.host().ns(), lab.host().daemon());
    REQUIRE(sockets.wait_sockets(2));
    const Sniffer first(lab.lan(), "p0"), second(lab.lan(), "p1");
    const auto ours = [](const Frame &frame) { return frame.bytes.size() == 60 && frame.bytes[23] == 17; };
    const auto send_all = [&] {
        for (std::uint16_t port = 1000; port < 1000 + count; ++port) {
            REQUIRE(sockets.send(from_bond(port)));
        }
    };
    send_all();
    CHECK(wait_until([&] { return first.count(ours) + second.count(ours) == count; }));
    CHECK(first.count(ours) > 0);
    CHECK(second.count(ours) > 0);

    constexpr std::uint8_t in_sync = 8, collecting = 16, distributing = 32;
    lab.partners().set_state(1, 63 & ~(in_sync | collecting | distributing));
    REQUIRE(lab.host().wait_distributing({"e0"}));
    const auto before = second.count(ours), total = first.count(ours) + before;
    send_all();
    CHECK(wait_until([&] { return first.count(ours) + before == total + count; }));
    CHECK(second.count(ours) == before);
    CHECK(sockets.stats().tx_dropped == 0);
}

TEST_CASE("a slave that joins gets sockets, one that leaves gives them back") {
    Lab lab(Switch::Kind::wires, 3);
    lab.make_bond("mode balance-xor");
    lab.cli().ok("xsk allow bond0 group 0 match udp dst 4789");
    REQUIRE(attached(lab, 3));
    const Sockets sockets(lab.ns(), lab.daemon());
    REQUIRE(sockets.wait_sockets(3));
    lab.cli().ok("link set e0 nomaster"); // the one that registered the memory
    CHECK(sockets.wait_sockets(2));
    lab.enslave(0);
    CHECK(sockets.wait_sockets(3));
    REQUIRE(attached(lab, 3));
    const auto frame = to_bond(lab, 4789);
    for (const char *wire : {"s0", "s1", "s2"}) {
        Injector(lab.switch_ns(), wire).send(frame, count);
    }
    CHECK(sockets.receive(3 * count).size() == 3 * count);
}

TEST_CASE("a controller that is killed and restarted costs an application no frame") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode balance-xor");
    lab.cli().ok("xsk allow bond0 group 0 match udp dst 4789");
    REQUIRE(attached(lab, 2));
    const Sockets sockets(lab.ns(), lab.daemon());
    REQUIRE(sockets.wait_sockets(2));
    const auto frame = to_bond(lab, 4789);
    const Injector out(lab.switch_ns(), "s0");
    out.send(frame, count);
    CHECK(sockets.receive(count).size() == count);
    lab.daemon().kill9();
    out.send(frame, count);
    CHECK(sockets.receive(count).size() == count);
    lab.daemon().start();
    out.send(frame, count);
    CHECK(sockets.receive(count).size() == count);
    lab.cli().ok("xsk forbid bond0 group 0 match udp dst 4789");
    const Sniffer bond0(lab.ns(), "bond0");
    CHECK(wait_until([&] {
        out.send(frame);
        return bond0.count(same_as(frame)) > 0;
    }));
}

TEST_CASE("an application with every frame gets neither those of a backup nor link-local ones") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode active-backup primary e0");
    lab.cli().ok("xsk allow bond0 group 0 match all");
    REQUIRE(attached(lab, 2));
    const Sockets sockets(lab.ns(), lab.daemon());
    REQUIRE(sockets.wait_sockets(2));
    const auto frame = to_bond(lab, 4789);
    const auto lldp = lldp_frame(station_mac);
    const auto foreign =
        Packet(xbond::test::test_mac(0x77), station_mac).ipv4("10.99.0.2", "10.99.0.3").udp(1, 2).build();
    Injector(lab.switch_ns(), "s1").send(frame, count);
    const Injector active(lab.switch_ns(), "s0");
    active.send(lldp, count);
    active.send(foreign, count);
    active.send(frame, count);
    const auto got = sockets.receive(count + 1, 500ms);
    CHECK(got.size() == count);
    CHECK(std::ranges::all_of(got, [&](const auto &it) { return it.bytes == frame; }));
}
