// SPDX-License-Identifier: MIT
// Transmit choice per mode by verdicts, counters and the probe program; no device is involved.
#include <catch2/catch.hpp>

#include <linux/pkt_cls.h>

#include <algorithm>
#include <set>

#include "tests/bpf/data_path.h"
#include "tests/bpf/hash_vectors.h"
#include "tests/harness/device.h"

using namespace xbond;
using namespace xbond::harness;
using namespace xbond::test;

namespace {

const MacAddr a = test_mac(1);
const MacAddr b = test_mac(2);
const Bytes udp = Packet(a, b).ipv4("10.0.0.1", "10.0.0.2").udp(1000, 2000).payload(32).build();
const Bytes igmp =
    Packet(MacAddr{{1, 0, 0x5e, 1, 1, 1}}, b).ipv4("10.0.0.1", "224.1.1.1").igmp_report("224.1.1.1").build();

// Positions 0..n-1 name slots 0..n-1.
void publish(DataPath &path, std::uint32_t n) {
    xb_bank &bank = path.bank();
    bank.n_pick = n;
    bank.active = 0;
    bank.igmp = 0;
    for (std::uint8_t i = 0; i < XB_MAX_SLAVES; i++) {
        bank.pick[i] = i < n ? i : XB_NO_SLOT;
        bank.slot[i].fallback = XB_NO_SLOT;
    }
    path.table().n_slots = n;
    for (std::uint32_t i = 0; i < n; i++) {
        path.table().slot[i].ifindex = 1000 + i; // dev = 0: carrier counts as on
    }
}

// The slot whose tx_packets grew by one for this packet; XB_NO_SLOT for none.
std::uint32_t sent_on(DataPath &path, const Bytes &frame) {
    std::uint64_t before[XB_MAX_SLAVES];
    for (std::uint32_t i = 0; i < XB_MAX_SLAVES; i++) {
        before[i] = path.tx_packets(i);
    }
    const int verdict = path.tx(frame).verdict;
    std::uint32_t slot = XB_NO_SLOT;
    for (std::uint32_t i = 0; i < XB_MAX_SLAVES; i++) {
        if (path.tx_packets(i) == before[i] + 1) {
            slot = i;
        }
    }
    CHECK(verdict == (slot == XB_NO_SLOT ? TC_ACT_SHOT : TC_ACT_REDIRECT));
    return slot;
}

std::vector<std::uint32_t> sequence(DataPath &path, const Bytes &frame, int count) {
    std::vector<std::uint32_t> slots(static_cast<std::size_t>(count));
    std::ranges::generate(slots, [&] { return sent_on(path, frame); });
    return slots;
}

void pin_to_one_cpu() {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    REQUIRE(sched_setaffinity(0, sizeof(set), &set) == 0);
}

using Slots = std::vector<std::uint32_t>;

} // namespace

TEST_CASE("A2 round robin over three slaves starts at position 1") {
    pin_to_one_cpu();
    DataPath path({.mode = XB_MODE_ROUNDROBIN, .packets_per_slave = 1});
    publish(path, 3);
    CHECK(sequence(path, udp, 6) == Slots{1, 2, 0, 1, 2, 0});
}

TEST_CASE("A3 packets_per_slave 3 over two slaves: the first block is one short") {
    pin_to_one_cpu();
    DataPath path({.mode = XB_MODE_ROUNDROBIN, .packets_per_slave = 3});
    publish(path, 2);
    CHECK(sequence(path, udp, 8) == Slots{0, 0, 1, 1, 1, 0, 0, 0});
}

TEST_CASE("A4 packets_per_slave 0 is random and balanced") {
    DataPath path({.mode = XB_MODE_ROUNDROBIN, .packets_per_slave = 0});
    publish(path, 2);
    const Slots slots = sequence(path, udp, 1000);
    const auto share = std::count(slots.begin(), slots.end(), 0u);
    CHECK(share > 400);
    CHECK(share < 600);
    int alternations = 0;
    for (std::size_t i = 1; i < slots.size(); i++) {
        alternations += slots[i] != slots[i - 1];
    }
    CHECK(alternations < 700);
}

TEST_CASE("A5 a position that names its successor sends there: the dead slave's share goes to the next") {
    pin_to_one_cpu();
    DataPath path({.mode = XB_MODE_ROUNDROBIN, .packets_per_slave = 1});
    publish(path, 3);
    path.bank().pick[1] = 2; // e1 cannot send
    CHECK(sequence(path, udp, 6) == Slots{2, 2, 0, 2, 2, 0});
}

TEST_CASE("A6 IGMP goes to its own slot and does not consume the counter") {
    pin_to_one_cpu();
    DataPath path({.mode = XB_MODE_ROUNDROBIN, .packets_per_slave = 1});
    publish(path, 3);
    path.bank().igmp = 2;
    Slots reports, others;
    for (int i = 0; i < 6; i++) {
        reports.push_back(sent_on(path, igmp));
        others.push_back(sent_on(path, udp));
    }
    CHECK(reports == Slots(6, 2));
    CHECK(others == Slots{1, 2, 0, 1, 2, 0});
    path.bank().igmp = XB_NO_SLOT;
    CHECK(sent_on(path, igmp) == XB_NO_SLOT);
}

TEST_CASE("A7 MLD is not pinned") {
    pin_to_one_cpu();
    DataPath path({.mode = XB_MODE_ROUNDROBIN, .packets_per_slave = 1});
    publish(path, 3);
    const Bytes mld =
        Packet(MacAddr{{0x33, 0x33, 0, 0, 0, 0x16}}, b).ipv6("fe80::1", "ff02::16").hop_by_hop().icmpv6(143, 0).build();
    CHECK(sequence(path, mld, 3) == Slots{1, 2, 0});
}

TEST_CASE("A6 IGMP has no slot of its own outside balance-rr") {
    DataPath path({.mode = XB_MODE_ACTIVEBACKUP});
    publish(path, 1);
    path.bank().igmp = 2;
    CHECK(sent_on(path, igmp) == 0);
}

TEST_CASE("A8 A17 no slave: dropped and counted, in every mode") {
    for (const __u32 mode : {XB_MODE_ROUNDROBIN, XB_MODE_ACTIVEBACKUP, XB_MODE_XOR, XB_MODE_BROADCAST}) {
        INFO("mode " << mode);
        DataPath path({.mode = mode, .packets_per_slave = 1});
        publish(path, 0);
        CHECK(path.tx(udp).verdict == TC_ACT_SHOT);
        CHECK(path.tx(udp).verdict == TC_ACT_SHOT);
        CHECK(path.counters(XB_STATS_BOND).tx_dropped == 2);
        publish(path, 2);
        std::fill(std::begin(path.bank().pick), std::end(path.bank().pick), std::uint8_t{XB_NO_SLOT});
        CHECK(path.tx(udp).verdict == TC_ACT_SHOT);
        CHECK(path.counters(XB_STATS_BOND).tx_dropped == 3);
    }
}

TEST_CASE("A9 active-backup sends everything on the active slave") {
    DataPath path({.mode = XB_MODE_ACTIVEBACKUP});
    publish(path, 1);
    path.bank().pick[0] = 3;
    const Bytes broadcast = Packet(mac_broadcast, b).arp_request(b, "10.0.0.1", "10.0.0.2").build();
    for (int i = 0; i < 20; i++) {
        CHECK(sent_on(path, udp) == 3);
        CHECK(sent_on(path, broadcast) == 3);
        CHECK(sent_on(path, igmp) == 3);
    }
}

TEST_CASE("A11 balance-xor and 802.3ad send each vector on its index") {
    for (const auto &[mode, policy] : {std::pair{XB_MODE_XOR, HashPolicy::layer2},
                                       {XB_MODE_XOR, HashPolicy::layer34},
                                       {XB_MODE_8023AD, HashPolicy::layer34}}) {
        DataPath path({.mode = static_cast<__u32>(mode), .policy = static_cast<__u32>(policy)});
        for (const std::uint32_t n : {2u, 3u}) {
            publish(path, n);
            for (const HashVector &v : hash_vectors()) {
                // Tags in metadata and short IP frames cannot enter by BPF_PROG_TEST_RUN: H1 has them.
                if (v.policy != policy || v.tci != 0 || v.frame.size() < 34) {
                    continue;
                }
                INFO(v.name << " over " << n);
                CHECK(sent_on(path, v.frame) == v.index.at(n));
            }
        }
    }
}

TEST_CASE("A12 A13 the index counts usable slaves only, in their order") {
    DataPath path({.mode = XB_MODE_XOR, .policy = XB_POLICY_LAYER34});
    publish(path, 2);
    path.bank().pick[1] = 2; // {e0, e2}: the middle one left
    for (const HashVector &v : hash_vectors()) {
        if (v.policy != HashPolicy::layer34 || v.tci != 0 || v.frame.size() < 34) {
            continue;
        }
        INFO(v.name);
        CHECK(sent_on(path, v.frame) == (v.index.at(2) == 0 ? 0u : 2u));
    }
}

TEST_CASE("A15 A16 broadcast goes to every position that may send") {
    DataPath path({.mode = XB_MODE_BROADCAST});
    publish(path, 3);
    xb_probe probe = path.select(udp);
    CHECK(Slots(probe.slots, probe.slots + probe.n_slots) == Slots{0, 1, 2});
    path.bank().pick[2] = XB_NO_SLOT;
    probe = path.select(udp);
    CHECK(Slots(probe.slots, probe.slots + probe.n_slots) == Slots{0, 1});
    path.bank().pick[0] = XB_NO_SLOT;
    CHECK(sent_on(path, udp) == 1);
}

TEST_CASE("A18 a queue mapping names its slave, 0 and unknown ones do not") {
    for (const __u32 mode : {XB_MODE_ROUNDROBIN, XB_MODE_ACTIVEBACKUP}) {
        DataPath path({.mode = mode, .packets_per_slave = 1});
        publish(path, 3);
        path.bank().slot[1].queue_id = 2;
        CHECK(path.select(udp, 0, 2).override == 1);
        CHECK(path.select(udp, 0, 3).override == XB_NO_SLOT);
        path.table().n_slots = 1; // what lies above is not published
        CHECK(path.select(udp, 0, 2).override == XB_NO_SLOT);
    }
}

TEST_CASE("3 a random table never sends outside it") {
    // Hostile content (bad slots, loops, n_pick out of range) ends in a drop or a redirect, never in a fault.
    std::uint32_t random = 99;
    const auto next = [&random] { return (random = random * 1664525 + 1013904223) >> 16; };
    for (const __u32 mode : {XB_MODE_ROUNDROBIN, XB_MODE_ACTIVEBACKUP, XB_MODE_XOR, XB_MODE_BROADCAST}) {
        DataPath path({.mode = mode, .policy = XB_POLICY_LAYER34, .packets_per_slave = 1});
        for (int round = 0; round < 200; round++) {
            xb_bank &bank = path.bank();
            bank.n_pick = round % 2 ? next() : next() % 40;
            bank.igmp = static_cast<__u8>(next());
            for (std::uint32_t i = 0; i < XB_MAX_SLAVES; i++) {
                bank.pick[i] = static_cast<__u8>(next());
                bank.slot[i].fallback = static_cast<__u8>(next());
            }
            const int verdict = path.tx(udp).verdict;
            CHECK((verdict == TC_ACT_SHOT || verdict == TC_ACT_REDIRECT));
        }
    }
}

TEST_CASE("3 a flip of the bank changes the choice between two packets") {
    DataPath path({.mode = XB_MODE_ACTIVEBACKUP});
    publish(path, 1);
    CHECK(sent_on(path, udp) == 0);
    path.table().bank = 1;
    publish(path, 1);
    path.bank().pick[0] = 1;
    CHECK(sent_on(path, udp) == 1);
    path.table().bank = 0;
    CHECK(sent_on(path, udp) == 0);
}

TEST_CASE("3 GSO packets count as their segments, bytes as they are") {
    for (const __u32 mode : {XB_MODE_ACTIVEBACKUP, XB_MODE_BROADCAST}) {
        DataPath path({.mode = mode});
        publish(path, 1);
        RunContext context;
        context.gso_segs = 40;
        path.tx(udp, context);
        path.tx(udp);
        CHECK(path.counters(0).tx_packets == 41);
        CHECK(path.counters(0).tx_bytes == 2 * udp.size());
    }
}

TEST_CASE("3 full visibility lets packets pass bond0 and takes them at the other end") {
    enter_bond_netns();
    const std::uint32_t bond = ifindex("bond0"), peer = ifindex("bond0p");
    DataPath path({.bond_ifindex = bond, .peer_ifindex = peer, .mode = XB_MODE_ACTIVEBACKUP});
    publish(path, 1);
    RunContext on_bond, on_peer;
    on_bond.ifindex = bond;
    on_peer.ifindex = peer;
    CHECK(path.tx(udp, on_bond).verdict == TC_ACT_REDIRECT);
    CHECK(path.tx(udp, on_peer).verdict == TC_ACT_REDIRECT);
    path.set_visibility(true);
    CHECK(path.tx(udp, on_bond).verdict == TC_ACT_UNSPEC);
    CHECK(path.tx_packets(0) == 2);
    CHECK(path.tx(udp, on_peer).verdict == TC_ACT_REDIRECT);
    CHECK(path.tx_packets(0) == 3);
}

TEST_CASE("802.3ad nothing is sent once the controller's lease is over") {
    DataPath path({.mode = XB_MODE_8023AD});
    publish(path, 2);
    CHECK(path.tx(udp).verdict == TC_ACT_REDIRECT); // no lease: for ever
    path.bank().flags = XB_BANK_LEASED;
    CHECK(path.tx(udp).verdict == TC_ACT_SHOT);
    CHECK(path.counters(XB_STATS_BOND).tx_dropped == 1);
    path.table().lease_until = ~0ULL;
    CHECK(path.tx(udp).verdict == TC_ACT_REDIRECT);
    DataPath other({.mode = XB_MODE_XOR}); // a matter of 802.3ad only
    publish(other, 2);
    other.bank().flags = XB_BANK_LEASED;
    CHECK(other.tx(udp).verdict == TC_ACT_REDIRECT);
}
