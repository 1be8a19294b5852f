// SPDX-License-Identifier: MIT
// Receive on a slave in xb_rx: verdicts, counters, and for link-local frames the copy on the bond.
#include <catch2/catch.hpp>

#include <linux/pkt_cls.h>

#include "tests/bpf/data_path.h"
#include "tests/bpf/two_slaves.h"
#include "tests/harness/device.h"
#include "tests/harness/packet_socket.h"

using namespace xbond;
using namespace xbond::harness;
using namespace xbond::test;

namespace {

const MacAddr stranger = test_mac(9);
const Bytes broadcast =
    Packet(mac_broadcast, stranger).arp_request(stranger, "10.0.0.9", "10.0.0.1").payload(18).build();
const Bytes lldp = Packet(mac_lldp, stranger).ethertype(0x88cc).payload(46, 3).build();

// e1 is suppressed as a backup is.
struct Slaves : TwoSlaves {
    Slaves() {
        for (const auto &[slot, name] : {std::pair{0, "bond0"}, {1, "e1"}}) {
            put_mac(path->bank().slot[slot].mac, mac_of(name));
        }
        put_mac(path->bank().bond_mac, mac_of("bond0"));
        path->bank().slot[1].flags = XB_SLOT_SUPPRESS;
    }

    static void put_mac(__u8 *to, const MacAddr &mac) { std::copy(mac.bytes.begin(), mac.bytes.end(), to); }
};

Bytes unicast_to(const MacAddr &mac) {
    return Packet(mac, stranger).ipv4("10.0.0.9", "10.0.0.1").udp(1, 2).payload(20).build();
}

} // namespace

TEST_CASE("R1 a broadcast on active and backup is delivered once") {
    Slaves s;
    CHECK(s.path->rx(broadcast, s.e0).verdict == TC_ACT_REDIRECT);
    CHECK(s.path->rx(broadcast, s.e1).verdict == TC_ACT_SHOT);
    CHECK(s.path->counters(0).rx_packets == 1);
    CHECK(s.path->counters(0).rx_bytes == broadcast.size());
    CHECK(s.path->counters(1).rx_packets == 0);
    CHECK(s.path->counters(1).rx_suppressed == 1);
}

TEST_CASE("R2 R6 without suppression every slave delivers") {
    Slaves s;
    s.path->bank().slot[1].flags = 0;
    CHECK(s.path->rx(broadcast, s.e0).verdict == TC_ACT_REDIRECT);
    CHECK(s.path->rx(broadcast, s.e1).verdict == TC_ACT_REDIRECT);
    CHECK(s.path->counters(1).rx_packets == 1);
}

TEST_CASE("R3 a link-local frame on the backup stays on the slave and does not reach the bond") {
    Slaves s;
    const PacketSocket bond("bond0");
    CHECK(s.path->rx(lldp, s.e1).verdict == TC_ACT_UNSPEC);
    CHECK(s.path->counters(1).rx_link_local == 1);
    CHECK(s.path->counters(1).rx_packets == 0);
    // The frame behind it on the same path is the proof that the first was not on its way.
    CHECK(s.path->rx(lldp, s.e0).verdict == TC_ACT_UNSPEC);
    CHECK(bond.count(lldp, 1) == 1);
}

TEST_CASE("R4 a link-local frame on the active slave reaches the bond and stays on the slave") {
    Slaves s;
    const PacketSocket bond("bond0");
    for (const bool full : {false, true}) {
        s.path->set_visibility(full);
        CHECK(s.path->rx(lldp, s.e0).verdict == TC_ACT_UNSPEC);
        CHECK(bond.count(lldp, 1) == 1);
    }
    CHECK(s.path->counters(0).rx_link_local == 2);
    CHECK(s.path->counters(0).rx_packets == 2);
    CHECK(s.path->counters(0).rx_bytes == 2 * lldp.size());
}

TEST_CASE("1.4 link-local is 01:80:c2:00:00:00 to 0f and nothing beside") {
    Slaves s;
    const auto verdict = [&s](const MacAddr &dst) {
        return s.path->rx(Packet(dst, stranger).ethertype(0x88cc).payload(46).build(), s.e1).verdict;
    };
    CHECK(verdict(MacAddr{{0x01, 0x80, 0xc2, 0, 0, 0x00}}) == TC_ACT_UNSPEC);
    CHECK(verdict(MacAddr{{0x01, 0x80, 0xc2, 0, 0, 0x0f}}) == TC_ACT_UNSPEC);
    CHECK(verdict(MacAddr{{0x01, 0x80, 0xc2, 0, 0, 0x10}}) == TC_ACT_SHOT);
    CHECK(verdict(MacAddr{{0x01, 0x80, 0xc2, 0, 1, 0x00}}) == TC_ACT_SHOT);
    CHECK(verdict(MacAddr{{0x01, 0x80, 0xc3, 0, 0, 0x00}}) == TC_ACT_SHOT);
}

TEST_CASE("R5 unicast on the backup is dropped before the host's stack") {
    Slaves s;
    CHECK(s.path->rx(unicast_to(mac_of("bond0")), s.e1).verdict == TC_ACT_SHOT);
    CHECK(s.path->counters(1).rx_suppressed == 1);
}

TEST_CASE("R7 the bond's own source address is no reason to drop") {
    Slaves s;
    const Bytes own =
        Packet(mac_broadcast, mac_of("bond0")).arp_request(mac_of("bond0"), "10.0.0.1", "10.0.0.2").build();
    CHECK(s.path->rx(own, s.e0).verdict == TC_ACT_REDIRECT);
}

TEST_CASE("1.4 a frame to the slave's own MAC is readdressed to the bond, others are not") {
    Slaves s;
    s.path->bank().slot[1].flags = XB_SLOT_REWRITE_DST;
    const Bytes to_slave = unicast_to(mac_of("e1"));
    Bytes readdressed = to_slave;
    std::copy_n(mac_of("bond0").bytes.begin(), 6, readdressed.begin());
    CHECK(s.path->rx(to_slave, s.e1).frame == readdressed);
    const Bytes to_other = unicast_to(test_mac(77));
    CHECK(s.path->rx(to_other, s.e1).frame == to_other);
    CHECK(s.path->rx(broadcast, s.e1).frame == broadcast);
    s.path->bank().slot[1].flags = 0;
    CHECK(s.path->rx(to_slave, s.e1).frame == to_slave);
}

TEST_CASE("1.4 frames of an interface that is no slave are not touched") {
    Slaves s;
    RunContext other;
    other.ifindex = ifindex("bond0p");
    CHECK(s.path->rx(broadcast, other).verdict == TC_ACT_UNSPEC);
    s.path->table().slot[1].ifindex = 0;
    CHECK(s.path->rx(broadcast, s.e1).verdict == TC_ACT_UNSPEC);
    s.path->table().slot[0].ifindex = 0;
    CHECK(s.path->rx(broadcast, s.e0).verdict == TC_ACT_UNSPEC);
    for (std::uint32_t i = 0; i < XB_MAX_SLAVES; i++) {
        CHECK(s.path->counters(i).rx_packets + s.path->counters(i).rx_suppressed == 0);
    }
}

TEST_CASE("1.4 every slot of a full bond is found") {
    Slaves s;
    for (std::uint32_t i = 0; i < XB_MAX_SLAVES; i++) {
        s.path->table().slot[i].ifindex = 10000 + i;
    }
    s.path->table().n_slots = XB_MAX_SLAVES;
    s.path->table().slot[XB_MAX_SLAVES - 1].ifindex = s.e0.ifindex;
    CHECK(s.path->rx(broadcast, s.e0).verdict == TC_ACT_REDIRECT);
    CHECK(s.path->counters(XB_MAX_SLAVES - 1).rx_packets == 1);
}

TEST_CASE("1.4 aggregated packets count as their segments") {
    Slaves s;
    RunContext gro = s.e0;
    gro.gso_segs = 17;
    s.path->rx(broadcast, gro);
    CHECK(s.path->counters(0).rx_packets == 17);
    gro.ifindex = s.e1.ifindex;
    s.path->rx(broadcast, gro);
    CHECK(s.path->counters(1).rx_suppressed == 17);
}
