// SPDX-License-Identifier: MIT
// `receive xdp`: what xb_xdp gives to the bond, and what it leaves to xb_rx.
#include <catch2/catch.hpp>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <algorithm>

#include "tests/bpf/two_slaves.h"

using namespace xbond;
using namespace xbond::harness;
using namespace xbond::test;

namespace {

const MacAddr bond_mac = test_mac(1), own_mac = test_mac(2), stranger = test_mac(9);

struct Bond : TwoSlaves {
    Bond() {
        std::ranges::copy(bond_mac.bytes, path->bank().bond_mac);
        slave(0, bond_mac, XB_SLOT_BY_XDP);
        const std::uint32_t key = 0, peer = ifindex("bond0p");
        REQUIRE(bpf_map_update_elem(path->map_fd(XB_MAP_ENTER), &key, &peer, BPF_ANY) == 0);
    }
    void slave(int slot, const MacAddr &mac, int flags) {
        std::ranges::copy(mac.bytes, path->bank().slot[slot].mac);
        path->bank().slot[slot].flags = static_cast<__u16>(flags);
    }
    Run run(const Bytes &frame) { return path->xdp(frame, e0); }
    int verdict(const Bytes &frame) { return run(frame).verdict; }
};

Packet to(const MacAddr &mac) { return {mac, stranger}; }
Bytes udp(const MacAddr &mac) { return to(mac).ipv4("10.0.0.9", "10.0.0.1").udp(1, 2).payload(20).build(); }

} // namespace

TEST_CASE("receive xdp: unicast IP for the bond is redirected and counted as xb_rx counts it") {
    Bond bond;
    const Bytes ip = udp(bond_mac);
    const Bytes ip6 = to(bond_mac).ipv6("fd00::9", "fd00::1").udp(1, 2).payload(20).build();
    const Bytes tagged = to(bond_mac).vlan(7).ipv4("10.0.0.9", "10.0.0.1").udp(1, 2).payload(20).build();
    CHECK(bond.verdict(ip) == XDP_REDIRECT);
    CHECK(bond.path->counters(0).rx_bytes == ip.size());
    CHECK(bond.verdict(ip6) == XDP_REDIRECT);
    CHECK(bond.path->counters(0).rx_bytes == ip.size() + ip6.size());
    const auto run = bond.run(tagged);
    CHECK(run.verdict == XDP_REDIRECT);
    CHECK(run.frame == tagged); // the tag goes along
    CHECK(bond.path->counters(0).rx_bytes == ip.size() + ip6.size() + tagged.size() - 4);
    CHECK(bond.path->counters(0).rx_packets == 3);
}

TEST_CASE("receive xdp: what needs a second look is xb_rx's, as it came") {
    Bond bond;
    const Bytes frames[] = {
        udp(mac_broadcast),
        udp(MacAddr{{1, 0, 0x5e, 1, 1, 1}}),
        udp(test_mac(0x33)),
        to(bond_mac).arp_request(stranger, "10.0.0.9", "10.0.0.1").payload(18).build(),
        to(bond_mac).ethertype(0x88cc).payload(46).build(),
        to(bond_mac).vlan(7).vlan(8).ipv4("10.0.0.9", "10.0.0.1").udp(1, 2).payload(20).build(),
        to(mac_slow).ethertype(0x8809).payload(110).build(),
    };
    for (const Bytes &frame : frames) {
        const auto run = bond.run(frame);
        CHECK(run.verdict == XDP_PASS);
        CHECK(run.frame == frame);
    }
    CHECK(bond.path->counters(0).rx_packets == 0);
}

TEST_CASE("receive xdp: a slave that is suppressed, or not told to, gives nothing") {
    Bond bond;
    for (const int flags : {0, XB_SLOT_SUPPRESS | XB_SLOT_BY_XDP}) {
        bond.slave(0, bond_mac, flags);
        CHECK(bond.verdict(udp(bond_mac)) == XDP_PASS);
    }
    bond.slave(0, bond_mac, XB_SLOT_SUPPRESS_FLOOD | XB_SLOT_BY_XDP);
    CHECK(bond.verdict(udp(bond_mac)) == XDP_REDIRECT);
}

TEST_CASE(
    "receive xdp: a slave's own address becomes the bond's, and a pair that has gone leaves the frame as it was") {
    Bond bond;
    bond.slave(0, own_mac, XB_SLOT_BY_XDP | XB_SLOT_REWRITE_DST);
    const auto run = bond.run(udp(own_mac));
    CHECK(run.verdict == XDP_REDIRECT);
    CHECK(run.frame == udp(bond_mac));
    bond.slave(0, own_mac, XB_SLOT_BY_XDP); // somebody else's, then
    CHECK(bond.verdict(udp(own_mac)) == XDP_PASS);
    bond.slave(0, own_mac, XB_SLOT_BY_XDP | XB_SLOT_REWRITE_DST);
    const std::uint32_t key = 0;
    REQUIRE(bpf_map_delete_elem(bond.path->map_fd(XB_MAP_ENTER), &key) == 0);
    const auto left = bond.run(udp(own_mac));
    CHECK(left.verdict == XDP_PASS);
    CHECK(left.frame == udp(own_mac));
    CHECK(bond.path->counters(0).rx_packets == 1);
}

TEST_CASE("receive xdp: the monitor counts what xb_rx does not see, and a checksum left to a NIC is made whole") {
    Bond bond;
    bond.slave(0, bond_mac, XB_SLOT_BY_XDP | XB_SLOT_HEAR_ANY | XB_SLOT_UNSUMMED);
    const Bytes whole = udp(bond_mac);
    Bytes unsummed = whole;
    // The sum of the pseudo header, as the sender's stack leaves it: addresses, protocol, length.
    std::uint32_t sum = 17 + 28;
    for (std::size_t at = 26; at < 34; at += 2) {
        sum += static_cast<std::uint32_t>(whole[at] << 8 | whole[at + 1]);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    unsummed[40] = static_cast<std::uint8_t>(sum >> 8);
    unsummed[41] = static_cast<std::uint8_t>(sum);
    const auto run = bond.run(unsummed);
    CHECK(run.verdict == XDP_REDIRECT);
    CHECK(run.frame != unsummed);
    std::uint32_t total = 17 + 28; // of a whole checksum: all ones
    for (std::size_t at = 26; at < run.frame.size(); at += 2) {
        total += static_cast<std::uint32_t>(run.frame[at] << 8 | (at + 1 < run.frame.size() ? run.frame[at + 1] : 0));
    }
    total = (total & 0xffff) + (total >> 16);
    CHECK((total & 0xffff) + (total >> 16) == 0xffff);
    CHECK(bond.path->stamps().slot[0].last_rx > 0);
}
