// SPDX-License-Identifier: MIT
// xb_tx attached for real (clsact) to bond0 and bond0p of an anonymous namespace: what leaves on the slaves' wires.
#include <catch2/catch.hpp>

#include <bpf/libbpf.h>

#include "tests/bpf/data_path.h"
#include "tests/harness/device.h"
#include "tests/harness/packet_socket.h"

using namespace xbond;
using namespace xbond::harness;
using namespace xbond::test;

namespace {

const Bytes udp = Packet(test_mac(1), test_mac(2)).ipv4("10.0.0.1", "10.0.0.2").udp(1000, 2000).payload(32, 7).build();

// Programs of lower priority numbers run first.
void attach(const std::string &interface, bpf_tc_attach_point point, int program, __u32 priority = 10) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex(interface)), .attach_point = point);
    LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = program, .handle = 1, .priority = priority);
    REQUIRE(bpf_tc_attach(&hook, &opts) == 0);
}

void add_clsact(const std::string &interface) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex(interface)), .attach_point = BPF_TC_INGRESS);
    REQUIRE(bpf_tc_hook_create(&hook) == 0);
}

// bond0 with slaves e0, e1, ... in slots 0, 1, ..., and a socket on the far end of each.
struct Bond {
    Bond(xb_config config, std::uint32_t slaves) {
        enter_bond_netns();
        config.bond_ifindex = ifindex("bond0");
        config.peer_ifindex = ifindex("bond0p");
        path = std::make_unique<DataPath>(config);
        add_clsact("bond0");
        add_clsact("bond0p");
        attach("bond0", BPF_TC_EGRESS, path->program_fd("xb_tx"));
        attach("bond0p", BPF_TC_INGRESS, path->program_fd("xb_tx"));
        path->bank().n_pick = slaves;
        for (std::uint32_t i = 0; i < slaves; i++) {
            const std::string name = "e" + std::to_string(i);
            add_veth(name);
            path->set_slot(i, name);
            path->bank().pick[i] = static_cast<__u8>(i);
            path->bank().slot[i].fallback = XB_NO_SLOT;
            wires.push_back(std::make_unique<PacketSocket>(name + "_p"));
        }
        sender = std::make_unique<PacketSocket>("bond0");
    }

    std::unique_ptr<DataPath> path;
    std::vector<std::unique_ptr<PacketSocket>> wires;
    std::unique_ptr<PacketSocket> sender;
};

} // namespace

TEST_CASE("A15 broadcast: three slaves, three identical copies") {
    Bond bond({.mode = XB_MODE_BROADCAST}, 3);
    bond.sender->send(udp);
    for (const auto &wire : bond.wires) {
        CHECK(wire->count(udp, 1) == 1);
    }
    for (std::uint32_t i = 0; i < 3; i++) {
        CHECK(bond.path->tx_packets(i) == 1);
        CHECK(bond.wires[i]->count_now(udp) == 0);
    }
    CHECK(bond.path->counters(XB_STATS_BOND).tx_dropped == 0);
}

TEST_CASE("A16 broadcast with the last slave down: two copies and no drop") {
    Bond bond({.mode = XB_MODE_BROADCAST}, 3);
    set_carrier("e2", false);
    bond.sender->send(udp);
    CHECK(bond.wires[0]->count(udp, 1) == 1);
    CHECK(bond.wires[1]->count(udp, 1) == 1);
    CHECK(bond.wires[0]->count_now(udp) == 0);
    CHECK(bond.path->tx_packets(2) == 0);
    CHECK(bond.path->counters(XB_STATS_BOND).tx_dropped == 0);
}

TEST_CASE("A17 broadcast with every slave down: dropped and counted once") {
    Bond bond({.mode = XB_MODE_BROADCAST}, 3);
    for (const char *name : {"e0", "e1", "e2"}) {
        set_carrier(name, false);
    }
    bond.sender->send(udp);
    CHECK(bond.path->counters(XB_STATS_BOND).tx_dropped == 1);
}

TEST_CASE("802.3ad broadcast_neighbor: ARP, NS and NA leave on every port, all else on one") {
    Bond bond({.mode = XB_MODE_8023AD}, 2);
    const auto arp = Packet(test_mac(1), test_mac(2)).arp_request(test_mac(2), "10.0.0.1", "10.0.0.2").build();
    const auto icmp6 = [](std::uint8_t type) {
        return Packet(test_mac(1), test_mac(2)).ipv6("fe80::1", "fe80::2").icmpv6(type, 0).payload(20).build();
    };
    const auto copies = [&](const Bytes &frame) {
        const auto before = bond.path->tx_packets(0) + bond.path->tx_packets(1);
        bond.sender->send(frame);
        return bond.path->tx_packets(0) + bond.path->tx_packets(1) - before;
    };
    CHECK(copies(arp) == 1);
    bond.path->bank().flags |= XB_BANK_BROADCAST_NEIGHBOR;
    CHECK(copies(arp) == 2);
    CHECK(copies(icmp6(135)) == 2);
    CHECK(copies(icmp6(136)) == 2);
    CHECK(copies(icmp6(128)) == 1);
    CHECK(copies(udp) == 1);
}

TEST_CASE("A1 balance-rr alternates on the wire") {
    Bond bond({.mode = XB_MODE_ROUNDROBIN, .packets_per_slave = 1}, 2);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    REQUIRE(sched_setaffinity(0, sizeof(set), &set) == 0);
    for (int i = 0; i < 100; i++) {
        bond.sender->send(udp);
    }
    CHECK(bond.wires[0]->count(udp, 50) == 50);
    CHECK(bond.wires[1]->count(udp, 50) == 50);
}

TEST_CASE("3 what bypasses the queueing discipline of bond0 leaves through the pair") {
    Bond bond({.mode = XB_MODE_ACTIVEBACKUP}, 1);
    bond.sender->bypass_qdisc();
    bond.sender->send(udp);
    CHECK(bond.wires[0]->count(udp, 1) == 1);
    CHECK(bond.path->tx_packets(0) == 1);
}

TEST_CASE("3 full visibility: out of the slave all the same, once") {
    Bond bond({.mode = XB_MODE_BROADCAST}, 2);
    bond.path->set_visibility(true);
    bond.sender->send(udp);
    for (const auto &wire : bond.wires) {
        CHECK(wire->count(udp, 1) == 1);
    }
    CHECK(bond.path->tx_packets(0) == 1);
    CHECK(bond.path->tx_packets(1) == 1);
}

TEST_CASE("A18 A19 queue mapping: leaves the named backup, or the active slave when that is down") {
    // Under full visibility too the override acts on bond0: the mapping does not survive the pair.
    for (const bool full : {false, true}) {
        Bond bond({.mode = XB_MODE_ACTIVEBACKUP}, 2);
        bond.path->bank().n_pick = 1;
        bond.path->set_visibility(full);
        bond.path->bank().slot[1].queue_id = 2;
        attach("bond0", BPF_TC_EGRESS, bond.path->program_fd("probe_queue_2"), 1); // a user's skbedit
        bond.sender->send(udp);
        CHECK(bond.wires[1]->count(udp, 1) == 1);
        CHECK(bond.wires[0]->count_now(udp) == 0);
        CHECK(bond.path->counters(1).tx_override == 1);
        CHECK(bond.path->counters(1).tx_packets == 1);

        set_carrier("e1", false);
        bond.sender->send(udp);
        CHECK(bond.wires[0]->count(udp, 1) == 1);
        CHECK(bond.path->counters(1).tx_override == 1);
    }
}

TEST_CASE("A18 the queue mapping has no say in balance-xor") {
    Bond bond({.mode = XB_MODE_XOR, .policy = XB_POLICY_LAYER2}, 1);
    add_veth("e1");
    bond.path->set_slot(1, "e1");
    bond.path->bank().slot[1].queue_id = 2;
    attach("bond0", BPF_TC_EGRESS, bond.path->program_fd("probe_queue_2"), 1);
    bond.sender->send(udp);
    CHECK(bond.wires[0]->count(udp, 1) == 1);
    CHECK(bond.path->tx_packets(1) == 0);
}
