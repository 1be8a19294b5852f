// SPDX-License-Identifier: MIT
// What a frame is to the modes that look at more than a hash, and what `xbond explain` says of it: the BPF programs
// against the C++ build of the same text, on mutated and truncated frames.
#include <catch2/catch.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/bpf/data_path.h"
#include "tests/show/view_builder.h"
#include "user/show/explain.h"
#include "user/show/explain_table.h"

using namespace xbond;
using namespace xbond::test;

namespace {

constexpr int frames_of_a_mode = 4000;
const MacAddr station = test_mac(0x99), guest = test_mac(0x44), all_nodes{{0x33, 0x33, 0, 0, 0, 1}};

// One bond in both forms: two slaves, a client for 10.0.0.50 on slot 1, every other bucket on slot 1.
struct Both {
    explicit Both(Mode mode) : Both(mode, HashPolicy::layer34) {}
    Both(Mode mode, HashPolicy policy)
        : view(bond_view(mode)),
          path({.mode = static_cast<__u32>(mode),
                .policy = static_cast<__u32>(policy),
                .packets_per_slave = 1,
                .tlb_dynamic_lb = 1}) {
        view.options.xmit_hash_policy = policy;
        view.active = 0;
        view.slaves[1].slave.mac = view.slaves[1].slave.perm_mac;
        if (mode == Mode::balance_tlb || mode == Mode::balance_alb) {
            core::balance::Table table;
            table.buckets.resize(core::balance::table_size);
            table.clients.resize(core::balance::table_size);
            table.clients[10 ^ 50] = {.assigned = true, .server = {10, 0, 0, 1}, .client = {10, 0, 0, 50}, .slot = 1};
            for (std::size_t i = 0; i < table.buckets.size(); ++i) {
                table.buckets[i].owner = i % 2 == 0 ? SlotId{0} : SlotId{1};
            }
            view.balance = table;
        }
        path.table().n_slots = 2;
        path.bank() = show::ExplainTable(view).bank();
    }

    // The tables that the data path writes into, as they were.
    void reset() {
        xb_lb &lb = path.lb();
        for (std::uint32_t i = 0; i < XB_BUCKETS; ++i) {
            lb.bucket[i].owner = i % 2 + 1;
        }
        std::memset(lb.client, 0, sizeof(lb.client));
        xb_client &client = lb.client[10 ^ 50];
        client.server4 = inet_addr("10.0.0.1");
        client.client4 = inet_addr("10.0.0.50");
        client.slot = 1;
        client.flags = XB_CLIENT_ASSIGNED;
    }

    show::BondView view;
    DataPath path;
};

std::vector<Bytes> whole_frames(const MacAddr &bond) {
    const auto six = [&](const MacAddr &to) { return Packet(to, bond).ipv6("fd00::1", "fd00::2"); };
    const auto four = [&](const MacAddr &to, const char *dst) { return Packet(to, bond).ipv4("10.0.0.1", dst); };
    return {
        four(station, "10.1.0.2").udp(1000, 9).payload(18).build(),
        four(station, "10.1.0.2").tcp(1000, 80).payload(6).build(),
        four(mac_broadcast, "255.255.255.255").udp(68, 67).payload(18).build(),
        four(station, "255.255.255.255").udp(68, 67).payload(18).build(),
        four(MacAddr{{1, 0, 0x5e, 1, 1, 1}}, "224.1.1.1").igmp_report("224.1.1.1").build(),
        six(station).udp(1000, 9).payload(18).build(),
        six(all_nodes).udp(1000, 9).payload(18).build(),
        six(station).icmpv6(128, 0).payload(20).build(),
        six(station).icmpv6(135, 0).payload(20).build(),
        six(station).icmpv6(136, 0).payload(20).build(),
        Packet(station, bond).ipv6("::", "ff02::16").hop_by_hop().payload(24).build(),
        Packet(mac_broadcast, bond).arp_request(bond, "10.0.0.1", "10.0.0.50").build(),
        Packet(station, bond).arp_reply(bond, "10.0.0.1", station, "10.0.0.50").build(),
        Packet(station, bond).arp_reply(bond, "10.0.0.1", station, "10.0.0.51").build(),
        Packet(station, guest).arp_reply(guest, "10.0.0.7", station, "10.0.0.50").build(),
        Packet(station, bond).ethertype(0x88cc).payload(46).build(),
    };
}

// A frame with some bytes of its headers changed, most often to values that mean something, and now and then cut.
class Mutations {
public:
    explicit Mutations(std::uint32_t seed, const MacAddr &bond) : random_(seed), whole_(whole_frames(bond)) {}

    Bytes next() {
        static constexpr std::uint8_t telling[] = {0, 1, 2, 6, 8, 17, 50, 58, 128, 135, 136, 0x86, 0xdd, 0xff};
        Bytes frame = whole_[below(whole_.size())];
        for (std::size_t changes = below(3); changes > 0; --changes) {
            frame[below(std::min<std::size_t>(frame.size(), 58))] =
                below(3) == 0 ? static_cast<std::uint8_t>(below(256)) : telling[below(std::size(telling))];
        }
        if (below(4) == 0) {
            frame.resize(14 + below(frame.size() - 13));
        }
        frame[12] = std::max<std::uint8_t>(frame[12], 6); // the kernel gives frames with a length another protocol
        return frame;
    }

    std::uint16_t tci() { return below(4) == 0 ? static_cast<std::uint16_t>(5 << 13 | 100) : std::uint16_t{0}; }

private:
    std::size_t below(std::size_t bound) { return random_() % bound; }

    std::mt19937 random_;
    std::vector<Bytes> whole_;
};

std::string hex(const Bytes &frame) {
    std::string out;
    for (const auto byte : frame) {
        out += "0123456789abcdef"[byte >> 4];
        out += "0123456789abcdef"[byte & 15];
    }
    return out;
}

} // namespace

TEST_CASE("BPF and C++ take mutated frames for the same: IGMP, neighbour discovery, bucket, the bond's own ARP") {
    const auto mode = GENERATE(Mode::round_robin, Mode::ieee8023ad, Mode::balance_tlb, Mode::balance_alb);
    Both both(mode);
    both.reset();
    const show::ExplainTable table(both.view);
    Mutations mutations(20261127 + static_cast<std::uint32_t>(mode), both.view.mac);
    int igmp = 0, neighbours = 0, balanced = 0, clients = 0, known = 0;
    for (int i = 0; i < frames_of_a_mode; ++i) {
        const Bytes frame = mutations.next();
        const std::uint16_t tci = mutations.tci();
        const xb_probe probe = both.path.classify(frame, tci);
        const data_path::xb_frame view{frame, tci};
        INFO("mode " << static_cast<int>(mode) << " frame " << i << ": " << hex(frame) << " tci " << tci);
        REQUIRE((probe.igmp != 0) == (data_path::xb_is_igmp(&view) != 0));
        REQUIRE((probe.neighbour != 0) == (data_path::xb_is_neighbour(&view) != 0));
        igmp += probe.igmp != 0 ? 1 : 0;
        neighbours += probe.neighbour != 0 ? 1 : 0;
        if (!both.view.balance) {
            continue;
        }
        const auto bucket = show::balance_bucket(both.view.options, frame, tci);
        REQUIRE(probe.bucket == bucket.value_or(XB_BUCKETS));
        balanced += bucket ? 1 : 0;
        const auto arp = show::client_arp(both.view, table, frame);
        REQUIRE((probe.client_arp != 0) == arp.has_value());
        REQUIRE(probe.client_slot == (arp ? arp->slot : no_slot));
        clients += arp ? 1 : 0;
        known += arp && arp->slot == 1 ? 1 : 0;
    }
    CHECK(igmp > 100);
    CHECK(neighbours > 500);
    CHECK(balanced > (both.view.balance ? 500 : -1));
    CHECK(clients > (mode == Mode::balance_alb ? 200 : -1));
    CHECK(known > (mode == Mode::balance_alb ? 100 : -1));
}

TEST_CASE("explain names the slave that the data path takes, for mutated frames in every mode that looks at them") {
    const auto mode = GENERATE(Mode::round_robin, Mode::active_backup, Mode::balance_xor, Mode::ieee8023ad,
                               Mode::balance_tlb, Mode::balance_alb);
    Both both(mode);
    both.path.bank().igmp = 1;
    both.view.active = mode == Mode::round_robin ? 1 : 0;
    Mutations mutations(77 + static_cast<std::uint32_t>(mode), both.view.mac);
    int named = 0;
    for (int i = 0; i < frames_of_a_mode / 4; ++i) {
        const Bytes frame = mutations.next();
        const std::uint16_t tci = mutations.tci();
        both.reset();
        const xb_probe probe = both.path.select(frame, tci);
        const auto explanation = show::explain_frame(both.view, frame, tci);
        INFO("mode " << static_cast<int>(mode) << " frame " << i << ": " << hex(frame) << " tci " << tci << " "
                     << explanation.dump());
        if (explanation["slot"].is_null()) { // a counter, or the state of the table, decides
            continue;
        }
        REQUIRE(probe.n_slots == 1);
        REQUIRE(probe.slots[0] == explanation["slot"]);
        ++named;
    }
    CHECK(named > (mode == Mode::round_robin ? 25 : 800));
}
