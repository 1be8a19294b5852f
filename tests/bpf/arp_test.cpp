// SPDX-License-Identifier: MIT
// Reception for the ARP/NS monitor: which frames stamp a slave, in xb_rx, and in xb_xdp where that
// drops early.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <ctime>

#include "tests/bpf/data_path.h"
#include "tests/bpf/two_slaves.h"
#include "tests/harness/device.h"

using namespace xbond;
using namespace xbond::harness;
using namespace xbond::test;

namespace {

const MacAddr gateway = test_mac(9);
constexpr const char *own = "10.0.0.1", *target = "10.0.0.254", *other_target = "10.0.0.253", *stranger = "10.0.0.77";
constexpr const char *own6 = "fd00::1", *target6 = "fd00::12:3456", *solicited = "ff02::1:ff12:3456";

std::uint64_t monotonic() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1000000000U + static_cast<std::uint64_t>(t.tv_nsec);
}

// e0 active, e1 backup and suppressed; two ARP targets, one NS target; all frames validated.
struct Monitored : TwoSlaves {
    Monitored() {
        hear(XB_SLOT_HEAR_VALID);
        xb_bank &bank = path->bank();
        bank.active = 0;
        bank.monitor = {};
        bank.monitor.heard_after = ~0ULL;
        bank.monitor.n_targets4 = 2;
        bank.monitor.n_targets6 = 1;
        inet_pton(AF_INET, target, &bank.monitor.target4[0]);
        inet_pton(AF_INET, other_target, &bank.monitor.target4[1]);
        inet_pton(AF_INET6, target6, bank.monitor.target6[0]);
        const std::uint8_t one = 1;
        std::array<std::uint8_t, 16> key{};
        inet_pton(AF_INET, own, key.data());
        inet_pton(AF_INET, own, &bank.monitor.own4[0]);
        bank.monitor.n_own4 = 1;
        REQUIRE(bpf_map_update_elem(path->map_fd(XB_MAP_OWN4), key.data(), &one, BPF_ANY) == 0);
        inet_pton(AF_INET6, own6, key.data());
        REQUIRE(bpf_map_update_elem(path->map_fd(XB_MAP_OWN6), key.data(), &one, BPF_ANY) == 0);
    }

    void hear(int how) {
        path->bank().slot[0].flags = static_cast<__u8>(how);
        path->bank().slot[1].flags = static_cast<__u8>(how | XB_SLOT_BACKUP | XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP);
    }
    // What the frame stamps on a slave: "" nothing, "rx" last_rx alone, else the target's position.
    std::string stamps(const Bytes &frame, int slave, bool early = false) {
        xb_slot_stamps &place = path->stamps().slot[slave];
        place.fresh = 0; // as if a jiffy had passed
        const xb_slot_stamps before = place;
        const std::uint64_t from = monotonic();
        const RunContext &where = slave == 0 ? e0 : e1;
        (void)(early ? path->xdp(frame, where) : path->rx(frame, where));
        std::string what;
        for (int i = 0; i < XB_MAX_TARGETS; i++) {
            if (place.target_rx[i] != before.target_rx[i]) {
                CHECK(place.target_rx[i] >= from);
                CHECK(place.last_rx == place.target_rx[i]);
                what += std::to_string(i);
            }
        }
        return what.empty() && place.last_rx != before.last_rx ? "rx" : what;
    }
    // The active slave has heard something since it became active: rule (b).
    void active_heard() {
        path->bank().monitor.heard_after = 5;
        path->stamps().slot[0].last_rx = 6;
    }
};

Bytes reply(const MacAddr &to, const char *from_ip, const char *to_ip) {
    return Packet(to, gateway).arp_reply(gateway, from_ip, to, to_ip).payload(18).build();
}
Bytes request(const char *from_ip, const char *to_ip) {
    return Packet(mac_broadcast, gateway).arp_request(gateway, from_ip, to_ip).payload(18).build();
}
Bytes neighbour(const MacAddr &to, const char *from, const char *to_ip, std::uint8_t type) {
    return Packet(to, gateway).ipv6(from, to_ip).icmpv6(type, 0).payload(24).build();
}
const MacAddr group_mac{{0x33, 0x33, 0xff, 0x12, 0x34, 0x56}};

} // namespace

TEST_CASE("4.4 (a) the active slave counts what a target sends to an own address, reply or request") {
    Monitored m;
    CHECK(m.stamps(reply(mac_of("e0"), target, own), 0) == "0");
    CHECK(m.stamps(reply(mac_of("e0"), other_target, own), 0) == "1");
    CHECK(m.stamps(request(target, own), 0) == "0");
    m.path->bank().monitor.n_own4 = XB_FEW_OWN + 1; // too many for the bank: looked up
    m.path->bank().monitor.own4[0] = 0;
    CHECK(m.stamps(reply(mac_of("e0"), target, own), 0) == "0");
    CHECK(m.stamps(reply(mac_of("e0"), target, stranger), 0).empty());
}

TEST_CASE("P9 a sender that is no target, a receiver that is not ours and frames for others count nothing") {
    Monitored m;
    CHECK(m.stamps(reply(mac_of("e0"), stranger, own), 0).empty());
    CHECK(m.stamps(reply(mac_of("e0"), target, stranger), 0).empty());
    CHECK(m.stamps(reply(mac_of("e0"), "0.0.0.0", own), 0).empty());
    CHECK(m.stamps(reply(test_mac(77), target, own), 0).empty()); // otherhost
    CHECK(m.stamps(request(own, target), 0).empty());             // our own probe, heard on the active slave
    CHECK(m.stamps(request(target, target), 0).empty());          // gratuitous
}

TEST_CASE("P8 a backup counts our own flooded probe once the active slave has heard something") {
    Monitored m;
    const bool early = GENERATE(false, true);
    CHECK(m.stamps(request(own, target), 1, early).empty());
    m.active_heard();
    CHECK(m.stamps(request(own, target), 1, early) == "0");
    CHECK(m.stamps(request(own, other_target), 1, early) == "1");
    CHECK(m.stamps(request(target, own), 1, early).empty()); // the roles are swapped
    CHECK(m.stamps(request(stranger, target), 1, early).empty());
    m.path->bank().active = XB_NO_SLOT;
    CHECK(m.stamps(request(own, target), 1, early).empty());
}

TEST_CASE("P8 with arp_all_targets=all the active slave's oldest target decides") {
    Monitored m;
    m.path->bank().monitor.all_targets = 1;
    m.active_heard();
    CHECK(m.stamps(request(own, target), 1).empty());
    m.path->stamps().slot[0].target_rx[0] = 6;
    CHECK(m.stamps(request(own, target), 1).empty()); // the other target is silent
    m.path->stamps().slot[0].target_rx[1] = 6;
    CHECK(m.stamps(request(own, target), 1) == "0");
}

TEST_CASE("4.4 (c) while a candidate waits for its answer, a reply counts on any backup") {
    Monitored m;
    const Bytes flooded = Packet(mac_broadcast, gateway).arp_reply(gateway, target, mac_of("e0"), own).build();
    CHECK(m.stamps(flooded, 1).empty());
    m.path->bank().monitor.probe_from = monotonic() - 1000000;
    m.path->bank().monitor.probe_until = monotonic() + 60000000000ULL;
    CHECK(m.stamps(flooded, 1) == "0");
    CHECK(m.stamps(flooded, 1, true) == "0");
    CHECK(m.stamps(reply(mac_of("e1"), target, own), 1) == "0");
    CHECK(m.stamps(request(target, own), 1).empty()); // replies only
    m.path->bank().monitor.probe_until = monotonic();
    CHECK(m.stamps(flooded, 1).empty());
}

TEST_CASE("4.4 edge: 0.0.0.0 is an own address while the bond has none") {
    Monitored m;
    CHECK(m.stamps(reply(mac_of("e0"), target, "0.0.0.0"), 0).empty());
    m.path->bank().monitor.any_own4 = 1;
    CHECK(m.stamps(reply(mac_of("e0"), target, "0.0.0.0"), 0) == "0");
    CHECK(m.stamps(reply(mac_of("e0"), target, stranger), 0).empty());
}

TEST_CASE("P9 malformed ARP counts nothing, and no cut of it is read beyond its end") {
    Monitored m;
    const Bytes good = reply(mac_of("e0"), target, own);
    for (const auto &[at, value] : {std::pair<std::size_t, int>{15, 6}, {17, 1}, {18, 8}, {19, 6}}) {
        Bytes bad = good;
        bad[at] = static_cast<std::uint8_t>(value);
        INFO("byte " << at);
        CHECK(m.stamps(bad, 0).empty());
    }
    for (std::size_t size = 14; size < 14 + 28; size++) {
        INFO("size " << size);
        CHECK(m.stamps(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)), 0).empty());
    }
    CHECK(m.stamps(Bytes(good.begin(), good.begin() + 14 + 28), 0) == "0");
}

TEST_CASE("P10 none counts any frame, filter any ARP and any IPv6 frame") {
    Monitored m;
    const Bytes udp = Packet(mac_of("e0"), gateway).ipv4("10.0.0.9", own).udp(1, 2).payload(20).build();
    const Bytes strangers_arp = request(stranger, stranger);
    const Bytes v6 = Packet(mac_of("e0"), gateway).ipv6("fd00::9", own6).udp(1, 2).payload(20).build();
    const Bytes lldp = Packet(mac_lldp, gateway).ethertype(0x88cc).payload(46).build();
    m.hear(0);
    CHECK(m.stamps(udp, 0).empty());
    CHECK(m.stamps(strangers_arp, 0).empty());
    m.hear(XB_SLOT_HEAR_ARP);
    CHECK(m.stamps(udp, 0).empty());
    CHECK(m.stamps(strangers_arp, 0) == "rx");
    CHECK(m.stamps(v6, 0) == "rx");
    CHECK(m.stamps(strangers_arp, 1, true) == "rx");
    m.hear(XB_SLOT_HEAR_ANY);
    for (const Bytes &frame : {udp, strangers_arp, v6, lldp}) {
        CHECK(m.stamps(frame, 0) == "rx");
    }
    CHECK(m.stamps(strangers_arp, 1, true) == "rx"); // dropped early, heard all the same
}

TEST_CASE("P11 filter_active counts a stranger's ARP on the backup, not on the active slave") {
    Monitored m;
    m.path->bank().slot[1].flags = XB_SLOT_HEAR_ARP | XB_SLOT_BACKUP | XB_SLOT_SUPPRESS;
    CHECK(m.stamps(request(stranger, stranger), 1) == "rx");
    CHECK(m.stamps(request(stranger, stranger), 0).empty());
}

TEST_CASE("4.4 neighbour advertisements and solicitations of a target count on the active slave") {
    Monitored m;
    CHECK(m.stamps(neighbour(mac_of("e0"), target6, own6, 136), 0) == "0");
    CHECK(m.stamps(neighbour(mac_of("e0"), target6, own6, 135), 0) == "0");
    CHECK(m.stamps(neighbour(MacAddr{{0x33, 0x33, 0, 0, 0, 1}}, target6, "ff02::1", 136), 0) == "0");
    CHECK(m.stamps(neighbour(mac_of("e0"), target6, own6, 134), 0).empty()); // router advertisement
    CHECK(m.stamps(neighbour(mac_of("e0"), "fd00::77", own6, 136), 0).empty());
    CHECK(m.stamps(neighbour(mac_of("e0"), target6, "fd00::77", 136), 0).empty());
    CHECK(m.stamps(neighbour(mac_of("e0"), "::", own6, 136), 0).empty());
    CHECK(m.stamps(neighbour(test_mac(77), target6, own6, 136), 0).empty());
    const Bytes good = neighbour(mac_of("e0"), target6, own6, 136);
    CHECK(m.stamps(Bytes(good.begin(), good.begin() + 14 + 40), 0).empty());
}

TEST_CASE("P15 a backup counts our solicitation to a target's solicited-node address") {
    Monitored m;
    const bool early = GENERATE(false, true);
    const Bytes ours = neighbour(group_mac, own6, solicited, 135);
    CHECK(m.stamps(ours, 1, early).empty());
    m.active_heard();
    CHECK(m.stamps(ours, 1, early) == "0");
    CHECK(m.stamps(neighbour(group_mac, "fd00::77", solicited, 135), 1, early).empty());
    CHECK(m.stamps(neighbour(group_mac, own6, "ff02::1:ff12:3457", 135), 1, early).empty());
    CHECK(m.stamps(neighbour(group_mac, own6, "ff02::2:ff12:3456", 135), 1, early).empty());
}

TEST_CASE("4.3 a tagged probe counts behind its outer tag, also where it is dropped early") {
    Monitored m;
    m.active_heard();
    const Bytes tagged = Packet(mac_broadcast, gateway).vlan(5).arp_request(gateway, own, target).payload(18).build();
    CHECK(m.stamps(tagged, 1, true) == "0");
}

TEST_CASE("4.3 a storm of answers stamps once a jiffy, and again in the next") {
    Monitored m;
    const xb_slot_stamps &place = m.path->stamps().slot[0];
    const Bytes answer = reply(mac_of("e0"), target, own);
    std::uint64_t last = 0;
    int stamped = 0, runs = 0;
    for (const std::uint64_t until = monotonic() + 50000000; monotonic() < until; runs++) {
        (void)m.path->rx(answer, m.e0);
        CHECK(place.target_rx[0] >= last);
        stamped += place.target_rx[0] != last;
        last = place.target_rx[0];
    }
    CHECK(stamped >= 2);
    CHECK(stamped < runs);
    CHECK(monotonic() - last < 40000000); // a jiffy is at most 10 ms
}

TEST_CASE("4.3 what is heard changes nothing about what is delivered") {
    Monitored m;
    const Bytes answer = reply(mac_of("e0"), target, own);
    CHECK(m.path->rx(answer, m.e0).verdict == 7);
    CHECK(m.path->rx(request(target, own), m.e1).verdict == 2);
    CHECK(m.path->counters(0).rx_packets == 1);
    CHECK(m.path->counters(1).rx_suppressed == 1);
    CHECK(m.path->events().empty()); // the controller is not woken by packets
}
