// SPDX-License-Identifier: MIT
// Transmit hash policies: the same vectors through the BPF program and through the C++ build of
// flow_hash.h, and the assertions H2..H11 in C++.
#include <catch2/catch.hpp>

#include "tests/bpf/data_path.h"
#include "tests/bpf/hash_vectors.h"
#include "xbond/hash.h"

using namespace xbond;
using namespace xbond::test;

namespace {

const MacAddr a = test_mac(1);
const MacAddr b = test_mac(2);

std::uint32_t hash(const Packet &packet, HashPolicy policy, std::uint16_t tci = 0) {
    return flow_hash(packet.build(), tci, policy);
}

std::uint32_t mac_hash(const Bytes &frame) { return flow_hash(frame, 0, HashPolicy::layer2); }

} // namespace

TEST_CASE("H1 every published vector gives its hash and indices in C++") {
    const auto vectors = hash_vectors();
    CHECK(vectors.size() == 156);
    for (const HashVector &v : vectors) {
        INFO(v.name);
        const std::uint32_t got = flow_hash(v.frame, v.tci, v.policy);
        CHECK(got == v.hash);
        for (const auto &[slaves, index] : v.index) {
            CHECK(got % slaves == index);
        }
    }
}

TEST_CASE("H1 every published vector gives its hash and indices in BPF") {
    int ran = 0;
    for (const HashPolicy policy : hash_policies) {
        DataPath path({.mode = XB_MODE_XOR, .policy = static_cast<__u32>(policy)});
        for (std::uint8_t i = 0; i < 4; i++) {
            path.bank().pick[i] = i;
        }
        for (const HashVector &v : hash_vectors()) {
            if (v.policy != policy) {
                continue;
            }
            INFO(v.name);
            for (const auto &[slaves, index] : v.index) {
                path.bank().n_pick = slaves;
                const xb_probe probe = path.select(v.frame, v.tci);
                CHECK(probe.hash == v.hash);
                REQUIRE(probe.n_slots == 1);
                CHECK(probe.slots[0] == index);
                ran++;
            }
        }
    }
    CHECK(ran == 156 * 3);
}

TEST_CASE("H2 first and later fragments of a flow hash alike, whatever lies where ports would be") {
    for (const HashPolicy policy : {HashPolicy::layer34, HashPolicy::encap34}) {
        const auto first =
            hash(Packet(a, b).ipv4("10.0.0.1", "10.0.0.2", {.fragment = 0x2000}).tcp(1000, 2000), policy);
        const auto later = hash(
            Packet(a, b).ipv4("10.0.0.1", "10.0.0.2", {.fragment = 0x0005}).ip_protocol(6).payload(32, 0x5a), policy);
        const auto whole = hash(Packet(a, b).ipv4("10.0.0.1", "10.0.0.2").tcp(1000, 2000), policy);
        CHECK(first == later);
        CHECK(first != whole);
    }
}

TEST_CASE("H3 layer2+3 is symmetric, layer3+4 need not be") {
    const Packet there = Packet(a, b).ipv4("192.0.2.1", "192.0.2.9").tcp(40000, 80);
    const Packet back = Packet(b, a).ipv4("192.0.2.9", "192.0.2.1").tcp(80, 40000);
    CHECK(hash(there, HashPolicy::layer23) == hash(back, HashPolicy::layer23));
    CHECK(flow_hash(vector_frame("ipv4_tcp"), 0, HashPolicy::layer34) !=
          flow_hash(vector_frame("ipv4_tcp_reverse"), 0, HashPolicy::layer34));
}

TEST_CASE("H4 ICMP echo identifiers 0 and 1 hash alike, 2 does not") {
    const auto echo = [](std::uint16_t id) {
        return hash(Packet(a, b).ipv4("10.0.0.1", "10.0.0.2").icmp(8, 0, id), HashPolicy::layer34);
    };
    CHECK(echo(0) == echo(1));
    CHECK(echo(1) != echo(2));
}

TEST_CASE("H5 an ICMP error hashes as the packet it quotes") {
    const auto quoted = Packet(a, b).ipv4("10.1.0.1", "10.1.0.2").udp(5000, 53).payload(8).build();
    const auto error =
        Packet(a, b).ipv4("10.9.9.9", "10.1.0.1").icmp(3, 3).bytes(std::span(quoted).subspan(14)).build();
    CHECK(flow_hash(error, 0, HashPolicy::layer34) == flow_hash(quoted, 0, HashPolicy::layer34));

    const auto quoted6 = Packet(a, b).ipv6("2001:db8::1", "2001:db8::2").udp(5000, 53).payload(8).build();
    const auto error6 =
        Packet(a, b).ipv6("2001:db8::9", "2001:db8::1").icmpv6(1, 4).bytes(std::span(quoted6).subspan(14)).build();
    CHECK(flow_hash(error6, 0, HashPolicy::layer34) == flow_hash(quoted6, 0, HashPolicy::layer34));
}

TEST_CASE("H6 behind a hop-by-hop header layer3+4 ignores ports, encap3+4 uses them") {
    const auto packet = [](std::uint16_t port) {
        return Packet(a, b).ipv6("2001:db8::1", "2001:db8::2").hop_by_hop().udp(port, 53);
    };
    CHECK(hash(packet(1000), HashPolicy::layer34) == hash(packet(1001), HashPolicy::layer34));
    CHECK(hash(packet(1000), HashPolicy::encap34) != hash(packet(2000), HashPolicy::encap34));
}

TEST_CASE("H7 ARP: encap3+4 gives 0, layer3+4 the MAC hash") {
    const Packet arp = Packet(mac_broadcast, a).arp_request(a, "10.0.0.1", "10.0.0.2");
    CHECK(hash(arp, HashPolicy::encap34) == 0);
    CHECK(hash(arp, HashPolicy::layer34) == mac_hash(arp.build()));
    CHECK(mac_hash(arp.build()) != 0);
}

TEST_CASE("H8 VXLAN is hashed by its outer ports") {
    const auto inner = Packet(b, a).ipv4("172.16.0.1", "172.16.0.2").tcp(1, 2).build();
    const Packet vxlan = Packet(a, b).ipv4("10.0.0.1", "10.0.0.2").udp(49152, 4789).vxlan(7).bytes(inner);
    CHECK(hash(vxlan, HashPolicy::encap34) == hash(vxlan, HashPolicy::layer34));
}

TEST_CASE("H9 the whole tag control word enters vlan+srcmac and nothing else") {
    const Packet packet = Packet(a, b).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2);
    constexpr std::uint16_t plain = 100, with_priority = 5 << 13 | 100;
    CHECK(hash(packet, HashPolicy::vlan_srcmac, plain) != hash(packet, HashPolicy::vlan_srcmac, with_priority));
    for (const HashPolicy policy : hash_policies) {
        if (policy != HashPolicy::vlan_srcmac) {
            CHECK(hash(packet, policy, plain) == hash(packet, policy, with_priority));
        }
    }
}

TEST_CASE("H10 a truncated IPv4 frame falls back to the unfolded MAC hash") {
    Bytes frame = Packet(a, b).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build();
    frame.resize(26);
    for (const HashPolicy policy :
         {HashPolicy::layer23, HashPolicy::layer34, HashPolicy::encap23, HashPolicy::encap34}) {
        CHECK(flow_hash(frame, 0, policy) == (2u ^ 1u ^ 0x0800u));
    }
}

TEST_CASE("H11 layer2 tells destinations apart by their last bit") {
    const auto even = hash(Packet(test_mac(4), a).ipv4("10.0.0.1", "10.0.0.2"), HashPolicy::layer2);
    const auto odd = hash(Packet(test_mac(5), a).ipv4("10.0.0.1", "10.0.0.2"), HashPolicy::layer2);
    CHECK(even % 2 != odd % 2);
}

TEST_CASE("2.5 in-band tags are skipped by encap policies and end layer3+4") {
    const Packet plain = Packet(a, b).ipv4("10.0.0.1", "10.0.0.2").udp(7, 9);
    const Packet tagged = Packet(a, b).vlan(5).vlan(6).ipv4("10.0.0.1", "10.0.0.2").udp(7, 9);
    CHECK(hash(tagged, HashPolicy::encap34) == hash(plain, HashPolicy::encap34));
    CHECK(hash(tagged, HashPolicy::layer34) == mac_hash(tagged.build()));
}

TEST_CASE("2.5 the dissector stops after 15 transitions, successfully") {
    Packet packet(a, b);
    for (int i = 0; i < 20; i++) {
        packet.vlan(1);
    }
    const Bytes frame = packet.ipv4("10.0.0.1", "10.0.0.2").udp(7, 9).build();
    CHECK(flow_hash(frame, 0, HashPolicy::encap34) == 0);
    DataPath path({.mode = XB_MODE_XOR, .policy = XB_POLICY_ENCAP34});
    CHECK(path.select(frame).hash == 0);
}

TEST_CASE("H1 BPF and C++ agree on mutated and truncated frames") {
    // Single bytes of the headers changed and frames cut: wherever a parser may turn differently.
    for (const HashPolicy policy : {HashPolicy::layer34, HashPolicy::layer23, HashPolicy::encap34}) {
        DataPath path({.mode = XB_MODE_XOR, .policy = static_cast<__u32>(policy)});
        std::uint32_t random = 12345;
        for (const HashVector &v : hash_vectors()) {
            if (v.policy != policy) {
                continue;
            }
            for (int i = 0; i < 60; i++) {
                random = random * 1664525 + 1013904223;
                Bytes frame = v.frame;
                frame[12 + (random >> 8) % (frame.size() - 12)] = static_cast<std::uint8_t>(random >> 24);
                if (i % 3 == 0) {
                    frame.resize(14 + (random >> 16) % (frame.size() - 13));
                }
                // The kernel untags and renames the protocol of what it receives; test frames come in as received.
                if (frame[12] < 6) {
                    continue;
                }
                INFO(v.name << " round " << i);
                CHECK(path.select(frame).hash == flow_hash(frame, 0, policy));
            }
        }
    }
}
