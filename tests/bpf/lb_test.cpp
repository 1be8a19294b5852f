// SPDX-License-Identifier: MIT
// Load balancing of modes 5 and 6 in the data path, by what xb_tx and xb_rx do to frames and
// tables.
#include <catch2/catch.hpp>

#include <arpa/inet.h>

#include <algorithm>

#include "tests/bpf/data_path.h"

using namespace xbond;
using namespace xbond::test;

namespace {

constexpr MacAddr all_nodes{{0x33, 0x33, 0, 0, 0, 1}};
const MacAddr station = test_mac(0x99);
const MacAddr bond = test_mac(1); // what the active slave, slot 0, has; the others: test_mac(slot + 1)

struct Set {
    explicit Set(std::uint32_t mode, std::uint32_t dynamic = 1)
        : path({.mode = mode, .policy = XB_POLICY_LAYER34, .tlb_dynamic_lb = dynamic}) {
        xb_bank &bank = path.bank();
        bank.n_pick = 2;
        bank.active = 0;
        for (std::uint8_t i = 0; i < XB_MAX_SLAVES; i++) {
            bank.pick[i] = i < 2 ? i : XB_NO_SLOT;
            bank.slot[i].fallback = XB_NO_SLOT;
        }
        for (std::uint8_t i = 0; i < 2; i++) {
            bank.slot[i].speed = 1000;
            std::ranges::copy(test_mac(static_cast<std::uint8_t>(i + 1)).bytes, bank.slot[i].mac);
            path.table().slot[i].ifindex = 1U + i; // a test run on "lo" is one on slot 0
        }
        path.table().n_slots = 2;
    }

    // The slot whose counter grew; what left is in `sent`.
    std::uint32_t slot_of(const Bytes &frame) {
        const auto before = path.tx_packets(1);
        sent = path.tx(frame).frame;
        return path.tx_packets(1) > before ? 1 : 0;
    }
    MacAddr mac_at(std::size_t offset) const {
        MacAddr mac;
        std::copy_n(sent.begin() + static_cast<std::ptrdiff_t>(offset), 6, mac.bytes.begin());
        return mac;
    }
    // Whether the frame was balanced: then it counts in the bucket, which belongs to slot 1.
    bool balanced(const Bytes &frame) {
        for (auto &bucket : path.lb().bucket) {
            bucket.owner = 2;
        }
        const auto unbalanced = path.lb().unbalanced;
        const bool other = slot_of(frame) == 1;
        CHECK(other == (path.lb().unbalanced == unbalanced));
        return other;
    }
    xb_client &client(std::uint8_t last) { return path.lb().client[10 ^ last]; }

    DataPath path;
    Bytes sent;
};

Bytes udp4(const MacAddr &to, const char *dst, std::uint16_t port = 9) {
    return Packet(to, bond).ipv4("10.0.0.1", dst).udp(1000, port).payload(18).build();
}
Bytes udp6(const MacAddr &to, const char *src, const char *dst) {
    return Packet(to, bond).ipv6(src, dst).udp(1000, 9).payload(18).build();
}
Bytes reply_to(std::uint8_t last, const MacAddr &sender = bond) {
    const std::string ip = "10.0.0." + std::to_string(last);
    return Packet(test_mac(last), sender).arp_reply(sender, "10.0.0.1", test_mac(last), ip).build();
}

} // namespace

TEST_CASE("T1 mode 5: unicast IP is balanced, all else is on the active slave") {
    Set s(XB_MODE_TLB);
    CHECK(s.balanced(udp4(station, "10.1.0.2")));
    CHECK(s.balanced(udp6(station, "fd00::1", "fd00::2")));
    CHECK_FALSE(s.balanced(udp4(mac_broadcast, "10.255.255.255")));
    CHECK_FALSE(s.balanced(udp4(MacAddr{{1, 0, 0x5e, 1, 1, 1}}, "224.1.1.1")));
    CHECK_FALSE(s.balanced(Packet(mac_broadcast, bond).arp_request(bond, "10.0.0.1", "10.0.0.2").build()));
    CHECK_FALSE(s.balanced(reply_to(9)));
    CHECK_FALSE(s.balanced(Packet(station, bond).ipv6("fd00::1", "fd00::2").icmpv6(135, 0).payload(20).build()));
    CHECK_FALSE(s.balanced(Packet(station, bond).ipv6("fd00::1", "fd00::2").icmpv6(136, 0).payload(20).build()));
    CHECK(s.balanced(Packet(station, bond).ipv6("fd00::1", "fd00::2").icmpv6(128, 0).payload(20).build()));
}

TEST_CASE("5.1 mode 6: IP, multicast too, is balanced by its destination") {
    Set s(XB_MODE_ALB);
    CHECK(s.balanced(udp4(station, "10.1.0.2")));
    CHECK(s.balanced(udp4(MacAddr{{1, 0, 0x5e, 1, 1, 1}}, "224.1.1.1")));
    CHECK(s.balanced(udp6(station, "fd00::1", "fd00::2")));
    CHECK_FALSE(s.balanced(udp4(mac_broadcast, "10.255.255.255")));
    CHECK_FALSE(s.balanced(udp4(station, "255.255.255.255")));
    CHECK_FALSE(s.balanced(Packet(station, bond).ipv4("10.0.0.1", "224.1.1.1").igmp_report("224.1.1.1").build()));
    CHECK_FALSE(s.balanced(udp6(all_nodes, "fd00::1", "ff02::1")));
    CHECK_FALSE(s.balanced(udp6(station, "::", "fd00::2")));
    CHECK_FALSE(s.balanced(Packet(station, bond).ipv6("fd00::1", "fd00::2").icmpv6(135, 0).payload(20).build()));
    CHECK_FALSE(s.balanced(Packet(station, bond).ethertype(0x88cc).payload(46).build()));
}

TEST_CASE("T6 mode 6: the bucket of 10.1.2.3 is 0x0a") {
    Set s(XB_MODE_ALB);
    const Bytes frame = udp4(station, "10.1.2.3");
    s.slot_of(frame);
    CHECK(s.path.lb().bucket[0x0a].tx_bytes == frame.size());
}

TEST_CASE("T2 a bucket goes to the first of equal slaves; with a load there, the next one goes to the other") {
    Set s(XB_MODE_ALB);
    CHECK(s.slot_of(udp4(station, "10.0.0.11")) == 0);
    CHECK(s.path.lb().bucket[10 ^ 11].owner == 1);
    s.path.lb().bucket[10 ^ 12].history = 1000;
    CHECK(s.slot_of(udp4(station, "10.0.0.12")) == 0);
    CHECK(s.path.lb().load[0] == 1000);
    CHECK(s.slot_of(udp4(station, "10.0.0.13")) == 1);
    CHECK(s.slot_of(udp4(station, "10.0.0.12")) == 0); // keeps its slave
}

TEST_CASE("T2 speeds in 64 bits: 10 Gb/s is faster than 4 Gb/s") {
    Set s(XB_MODE_ALB);
    s.path.bank().slot[0].speed = 4000;
    s.path.bank().slot[1].speed = 10000;
    CHECK(s.slot_of(udp4(station, "10.0.0.11")) == 1);
}

TEST_CASE("T5 a frame carries the address of its slave; that of the active one is left") {
    Set s(XB_MODE_ALB);
    s.path.lb().bucket[10 ^ 11].owner = 2;
    REQUIRE(s.slot_of(udp4(station, "10.0.0.11")) == 1);
    CHECK(s.mac_at(6) == test_mac(2));
    REQUIRE(s.slot_of(udp4(station, "10.0.0.12")) == 0);
    CHECK(s.mac_at(6) == bond);
}

TEST_CASE("tlb_dynamic_lb 0: by hash, nothing is counted") {
    for (const std::uint32_t mode : {XB_MODE_TLB, XB_MODE_ALB}) {
        Set s(mode, 0);
        int others = 0;
        for (std::uint16_t port = 0; port < 64; port++) {
            others += s.slot_of(udp4(station, "10.0.0.11", port)) == 1;
        }
        CHECK(others > 16);
        CHECK(others < 48);
        CHECK(s.path.lb().unbalanced == 0);
        CHECK(std::ranges::all_of(s.path.lb().bucket, [](const xb_bucket &b) { return !b.owner && !b.tx_bytes; }));
    }
}

TEST_CASE("T9 ARP replies give clients slaves in turn, and tell the slave's address") {
    Set s(XB_MODE_ALB);
    CHECK(s.slot_of(reply_to(50)) == 0);
    CHECK(s.mac_at(22) == bond);
    CHECK(s.slot_of(reply_to(51)) == 1);
    CHECK(s.mac_at(22) == test_mac(2)); // in the body
    CHECK(s.mac_at(6) == test_mac(2));
    CHECK(s.slot_of(reply_to(50)) == 0); // as before
    const xb_client &client = s.client(51);
    CHECK(client.flags == (XB_CLIENT_ASSIGNED | XB_CLIENT_TELL));
    CHECK(client.slot == 1);
    CHECK(client.lock == 0);
    const auto events = s.path.events();
    REQUIRE(events.size() == 1); // latched until it is read
    CHECK(events[0].type == XB_EVENT_CLIENTS);
}

TEST_CASE("5.6 a request makes a place for the answer and is not changed; the answer fills it in") {
    Set s(XB_MODE_ALB);
    s.path.lb().last_slot = 1; // slot 1 is next
    const Bytes request = Packet(mac_broadcast, bond).arp_request(bond, "10.0.0.1", "10.0.0.60").build();
    CHECK(s.slot_of(request) == 1);
    CHECK(s.mac_at(22) == bond);
    CHECK(s.mac_at(6) == test_mac(2));
    CHECK(s.client(60).flags == (XB_CLIENT_ASSIGNED | XB_CLIENT_ASKED));
    CHECK(s.client(60).client_mac[0] == 0xff);
    s.path.rx(Packet(bond, test_mac(60)).arp_reply(test_mac(60), "10.0.0.60", bond, "10.0.0.1").build(),
              {.ifindex = 1});
    CHECK(s.client(60).client_mac[5] == 60);
    CHECK((s.client(60).flags & XB_CLIENT_TELL) != 0);
}

TEST_CASE("5.6 another client at the same place: the old one is handed over") {
    Set s(XB_MODE_ALB);
    s.path.lb().last_slot = 1;
    REQUIRE(s.slot_of(reply_to(50)) == 1);
    s.path.lb().latched = 1;
    s.slot_of(Packet(test_mac(7), bond).arp_reply(bond, "10.0.0.1", test_mac(7), "10.50.0.0").build()); // same xor
    const auto events = s.path.events();
    CHECK(std::ranges::any_of(events, [](const xb_event &e) { return e.type == XB_EVENT_DISPLACED; }));
    CHECK(s.client(50).client4 == inet_addr("10.50.0.0"));
}

TEST_CASE("T12 a stranger has our address now: what was given out for it is forgotten") {
    Set s(XB_MODE_ALB);
    s.slot_of(reply_to(50));
    s.slot_of(reply_to(51));
    const Bytes own = Packet(mac_broadcast, bond).arp_request(bond, "10.0.0.1", "10.0.0.1").build();
    s.path.rx(own, {.ifindex = 1});
    CHECK((s.client(50).flags & XB_CLIENT_ASSIGNED) != 0);
    const Bytes other = Packet(mac_broadcast, station).arp_request(station, "10.0.0.1", "10.0.0.1").build();
    s.path.rx(other, {.ifindex = 1});
    CHECK(s.client(50).flags == 0);
    CHECK(s.client(51).flags == 0);
}

TEST_CASE("T15 ARP of somebody behind a bridge is left alone") {
    Set s(XB_MODE_ALB);
    s.path.lb().last_slot = 1;
    const MacAddr guest = test_mac(0x44);
    CHECK(s.slot_of(reply_to(50, guest)) == 0);
    CHECK(s.mac_at(22) == guest);
    CHECK(s.client(50).flags == 0);
    s.path.bank().bridge4[0] = inet_addr("10.0.0.1");
    s.path.bank().n_bridge4 = 1;
    CHECK(s.slot_of(reply_to(50)) == 0);
    CHECK(s.client(50).flags == 0);
    s.path.bank().n_bridge4 = 0;
    CHECK(s.slot_of(reply_to(50)) == 1);
}

TEST_CASE("nobody can transmit: to the active slave, and no client is made") {
    Set s(XB_MODE_ALB);
    s.path.bank().n_pick = 0;
    CHECK(s.slot_of(reply_to(50)) == 0);
    CHECK(s.client(50).flags == 0);
    CHECK(s.slot_of(udp4(station, "10.0.0.11")) == 0);
    CHECK(s.path.lb().unbalanced > 0);
}
