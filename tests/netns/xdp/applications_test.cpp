// SPDX-License-Identifier: MIT
// A chained program beside AF_XDP sockets of applications: first the rules, then the program; neither takes xb_xdp from
// the other.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/netns/afxdp/application.h"
#include "tests/netns/frames.h"
#include "tests/netns/xdp/chained.h"

using namespace xbond::harness;
using xbond::test::Packet;

namespace {

constexpr int count = 50;

Bytes to_bond(const Lab &lab, std::uint16_t port) {
    return Packet(lab.status().mac, station_mac).ipv4("10.99.0.2", "10.99.0.1").udp(4000, port).payload(18).build();
}

bool on_all(const Lab &lab, const std::string &xdp) {
    return wait_until([&] {
        const auto status = lab.status();
        return std::ranges::all_of(status.slaves, [&](const auto &slave) { return slave.xdp == xdp; });
    });
}

} // namespace

TEST_CASE("a chained program gets what no application took, and all once the application has gone") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode balance-xor");
    lab.cli().ok("xsk allow bond0 group 0 match udp dst 4789");
    const auto pins = bpffs(lab.daemon()) / "beside";
    lab.cli().ok("xdp attach bond0 " + object("count") + " prog count_and_pass pin " + pins.string());
    REQUIRE(on_all(lab, "native"));
    const Sniffer bond0(lab.ns(), "bond0");
    const Bytes mine = to_bond(lab, 4789), others = to_bond(lab, 4790);
    const Injector wire(lab.switch_ns(), "s1");
    {
        Sockets sockets(lab.ns(), lab.daemon());
        REQUIRE(sockets.wait_sockets(2));
        wire.send(mine, count);
        wire.send(others, count);
        CHECK(sockets.receive(count).size() == count);
        CHECK(bond0.wait_count(same_as(others), count));
        CHECK(counted(pins) == count);
    }
    wire.send(mine, count);
    CHECK(bond0.wait_count(same_as(mine), count));
    CHECK(counted(pins) == 2 * count);
}

TEST_CASE("rules keep xb_xdp on the slaves when the chained program goes, and the other way round") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode balance-xor");
    lab.cli().ok("xsk allow bond0 group 0 match udp dst 4789");
    lab.cli().ok("xdp attach bond0 " + object("count") + " prog count_and_pass");
    REQUIRE(on_all(lab, "native"));
    lab.cli().ok("xdp detach bond0");
    CHECK(on_all(lab, "native"));
    lab.cli().ok("xdp attach bond0 " + object("count_frags"));
    lab.cli().ok("xsk forbid bond0 group 0 match udp dst 4789");
    CHECK(on_all(lab, "native"));
    lab.cli().ok("xdp detach bond0");
    CHECK(on_all(lab, "none"));
}
