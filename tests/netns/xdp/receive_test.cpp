// SPDX-License-Identifier: MIT
// `receive xdp`: the bond gets the same frames as by TC, whole and counted, and those for it without the slave's stack.
#include <catch2/catch.hpp>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/frames.h"
#include "tests/netns/lacp/lab.h"
#include "tests/netns/xdp/chained.h"
#include "tests/netns/xdp/receive_lab.h"

using namespace xbond::harness;
using xbond::test::test_mac;
using Kind = Switch::Kind;

namespace {

constexpr std::size_t some = 40;

// Received ones; a tag may lie in the metadata.
FrameMatch incoming(FrameMatch match) {
    return [match = std::move(match)](const Frame &frame) { return !frame.outgoing && match(frame); };
}

} // namespace

TEST_CASE("receive xdp: in every mode the bond gets what is for it, whole and counted once, past the slaves' stack") {
    const auto mode = GENERATE(as<std::string>{}, "balance-rr", "active-backup", "active-backup fail_over_mac active",
                               "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb");
    DYNAMIC_SECTION(mode) {
        ReceiveLab lab(Kind::wires, 2);
        lab.make_bond("mode " + mode);
        const auto before = lab.status();
        const Sniffer bond(lab.ns(), "bond0"), slaves[] = {Sniffer(lab.ns(), "e0"), Sniffer(lab.ns(), "e1")};
        std::size_t expected = 0;
        for (const auto &[slave, wire, tap] :
             {std::tuple{"e0", "s0", &slaves[0]}, std::tuple{"e1", "s1", &slaves[1]}}) {
            const auto was = before.slave(slave);
            const Injector from(lab.switch_ns(), wire);
            for (std::size_t n = 0; n < some; ++n) {
                from.send(udp_frame(expected + n, {.to = was.mac, .from = station_mac}));
            }
            if (was.suppressed) { // a backup: by TC to whoever listens there, and no further
                CHECK(tap->wait_count(numbered_udp(), some));
                continue;
            }
            CHECK(bond.wait_count(incoming(numbered_udp()), expected + some));
            for (std::size_t n = expected; n < expected + some; ++n) {
                CHECK(bond.count(same_as(udp_frame(n, {.to = before.mac, .from = station_mac}))) == 1);
            }
            expected += some;
            CHECK(tap->count(numbered_udp()) == 0);
            CHECK(lab.status().slave(slave).rx_packets == was.rx_packets + some);
        }
        CHECK(expected >= some);
        CHECK(bond.count(numbered_udp()) == expected);
    }
}

TEST_CASE("receive xdp: the stack answers through it, with checksums that senders leave to their NIC") {
    const auto mode = GENERATE(as<std::string>{}, "active-backup", "balance-rr", "balance-alb");
    const auto visibility = GENERATE(as<std::string>{}, "fast", "full");
    DYNAMIC_SECTION(mode << ", visibility " << visibility) {
        ReceiveLab lab(Kind::bridge, 2);
        lab.make_bond("mode " + mode + " visibility " + visibility);
        const Server server(lab.network(), "10.99.0.2/24");
        lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
        REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
        UdpEcho echo(lab.ns(), server.ns(), "10.99.0.2", 1000);
        REQUIRE(wait_until([&] { return echo.received() >= 500; }));
        const auto reports = echo.finish();
        INFO(reports.inbound.text());
        CHECK(reports.inbound.lost == 0);
        CHECK(reports.inbound.duplicated == 0);
    }
}

TEST_CASE("receive xdp: VLANs, multicast, broadcasts and frames for others come as they come by TC") {
    for (const std::string way : {"tc", "xdp"}) {
        INFO(way);
        ReceiveLab lab(Kind::wires, 1);
        lab.make_bond("mode balance-rr");
        lab.cli().ok("link set bond0 type bond receive " + way);
        lab.expect("e0", way);
        const auto mac = lab.status().mac;
        const bool has_vlans = lab.ns().run(split("ip link add link bond0 name v7 type vlan id 7")).ok(); // 8021q
        if (has_vlans) {
            lab.ns().ip("link set v7 up\nlink add link v7 name v7.8 type vlan id 8\nlink set v7.8 up");
        }
        const Sniffer bond(lab.ns(), "bond0");
        const Injector wire(lab.switch_ns(), "s0");
        const auto packet = [&](const xbond::MacAddr &to) { return xbond::test::Packet(to, station_mac); };
        const auto before = lab.status().slave("e0");
        if (has_vlans) {
            const Sniffer v7(lab.ns(), "v7"), v78(lab.ns(), "v7.8");
            const Bytes inner = packet(mac).ipv4("10.99.0.1", "10.99.0.2").udp(9, 9).payload(1400).build();
            wire.send(packet(mac).vlan(7).ipv4("10.99.0.1", "10.99.0.2").udp(9, 9).payload(1400).build());
            CHECK(v7.wait_count(same_as(inner), 1));
            wire.send(packet(mac).vlan(7).vlan(8).ipv4("10.99.0.1", "10.99.0.2").udp(9, 9).payload(1400).build());
            CHECK(v78.wait_count(same_as(inner), 1));
            CHECK(v7.count(same_as(inner)) == 1);
        }
        const Bytes others[] = {
            udp_frame(1, {.to = xbond::test::mac_broadcast, .from = station_mac}),
            udp_frame(2, {.to = {{1, 0, 0x5e, 0, 0, 9}}, .from = station_mac}),
            udp_frame(3, {.to = test_mac(0x77), .from = station_mac}),
            arp_request_frame(station_mac, "10.99.0.2", "10.99.0.1"),
        };
        for (const Bytes &frame : others) {
            wire.send(frame);
            CHECK(bond.wait_count(same_as(frame), 1));
        }
        // Every byte counts the same: the outer tag of a frame is none of xb_rx's.
        const auto after = lab.status().slave("e0");
        CHECK(after.rx_packets - before.rx_packets == (has_vlans ? 6U : 4U));
    }
}

TEST_CASE("receive xdp: a slave without native XDP, or whose tags are hidden, goes by TC and says why") {
    ReceiveLab lab(Kind::wires, 2);
    lab.make_bond("mode balance-rr");
    lab.ns().ip("link add b0 type veth peer name b1\nlink set b0 up\nlink set b1 up\n"
                "link add d0 link b0 type macvlan mode private");
    lab.cli().ok("link set d0 master bond0");
    CHECK(lab.expect("d0", "tc").find("native XDP") != std::string::npos);
    CHECK(lab.cli().ok("status bond0").find("takes no native XDP") != std::string::npos);
    show_tags(lab.switch_ns(), "s1", false);
    CHECK(lab.expect("e1", "tc").find("tx-vlan-hw-insert off") != std::string::npos);
    CHECK(lab.receive("e0").at("by") == "xdp");
    const Sniffer bond(lab.ns(), "bond0");
    const auto to = lab.status().mac;
    Injector(lab.switch_ns(), "s1").send(udp_frame(1, {.to = to, .from = station_mac}));
    Injector(lab.switch_ns(), "s0").send(udp_frame(2, {.to = to, .from = station_mac}));
    CHECK(bond.wait_count(numbered_udp(), 2));
    show_tags(lab.switch_ns(), "s1");
    lab.expect("e1", "xdp");
    lab.cli().ok("link set bond0 type bond xdp off");
    CHECK(lab.expect("e0", "tc").find("xdp off") != std::string::npos);
}

TEST_CASE("receive xdp: NAPI of the bond's device that somebody ends is started again, and a chained program has its "
          "frames") {
    ReceiveLab lab(Kind::wires, 1);
    lab.make_bond("mode balance-rr");
    const auto frame = udp_frame(1, {.to = lab.status().mac, .from = station_mac});
    const Sniffer bond(lab.ns(), "bond0");
    const Injector wire(lab.switch_ns(), "s0");
    REQUIRE(lab.ns().run(split("ethtool -K bond0 gro off")).ok());
    CHECK(wait_until([&] {
        wire.send(frame);
        return bond.count(same_as(frame)) > 0;
    }));
    const auto bpf = bpffs(lab.daemon());
    lab.cli().ok("xdp attach bond0 " + object("count") + " prog count_and_pass pin " + (bpf / "p").string());
    CHECK(lab.expect("e0", "tc").find("chained") != std::string::npos);
    lab.cli().ok("xdp detach bond0");
    lab.expect("e0", "xdp");
    lab.ns().ip("link set bond0p down"); // somebody: put back
    CHECK(wait_until([&] { return lab.ns().carrier("bond0"); }));
    lab.expect("e0", "xdp");
}

TEST_CASE("receive xdp: a bond whose device is in another network namespace goes by TC, and back") {
    ReceiveLab lab(Kind::wires, 1);
    lab.make_bond("mode balance-rr");
    const NetNs other;
    lab.cli().ok("link set bond0 netns " + other.path());
    CHECK(lab.expect("e0", "tc").find("another network namespace") != std::string::npos);
    const Sniffer bond(other, "bond0");
    other.set_up("bond0", true);
    const auto frame = udp_frame(1, {.to = lab.status().mac, .from = station_mac});
    CHECK(wait_until([&] {
        Injector(lab.switch_ns(), "s0").send(frame);
        return bond.count(same_as(frame)) > 0;
    }));
    lab.cli().ok("link set bond0 nonetns up");
    lab.expect("e0", "xdp");
}

TEST_CASE("receive xdp: LACP goes on unharmed, and the aggregator's traffic comes by XDP") {
    NetNs partner_ns;
    LacpHost left, right;
    std::vector<std::string> ours, theirs;
    for (int n = 0; n < 2; ++n) {
        ours.push_back("e" + std::to_string(n));
        theirs.push_back("p" + std::to_string(n));
        left.ns().veth(ours.back(), right.ns(), theirs.back());
        show_tags(right.ns(), theirs.back());
    }
    left.make_bond("lacp_rate fast receive xdp", ours);
    right.make_bond("lacp_rate fast", theirs);
    REQUIRE(left.wait_negotiated());
    REQUIRE(right.wait_negotiated());
    left.ns().ip("addr add 10.98.0.1/24 dev bond0");
    right.ns().ip("addr add 10.98.0.2/24 dev bond0");
    const auto by = [&] {
        std::string all;
        const auto status = left.status();
        for (const auto &slave : status.at("slaves")) {
            all += slave.at("receive").at("by").get<std::string>() + " ";
        }
        return all;
    };
    CHECK(wait_until([&] { return by() == "xdp xdp "; }));
    CHECK(wait_until([&] { return left.ns().run(split("ping -c1 -W1 10.98.0.2")).ok(); }, 10s));
    CHECK(left.ns().run(split("ping -c20 -i0.05 -W1 10.98.0.2")).ok());
    CHECK(left.wait_distributing(ours));
    const auto status = left.status();
    CHECK(status.at("slaves").at(0).at("failures") == 0);
    CHECK(status.at("slaves").at(1).at("failures") == 0);
}
