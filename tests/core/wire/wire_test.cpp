// SPDX-License-Identifier: MIT
// Every frame against bytes and checksums worked out by hand.
#include <catch2/catch.hpp>

#include "user/core/wire/announce.h"
#include "user/core/wire/arp.h"
#include "user/core/wire/igmp.h"
#include "user/core/wire/mld.h"
#include "user/core/wire/neighbour.h"

using namespace xbond;
using namespace xbond::wire;

namespace {

const MacAddr mac{{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};
const Ipv4Addr ip{192, 0, 2, 1};

Frame padded(Frame frame) {
    frame.resize(60);
    return frame;
}

} // namespace

TEST_CASE("G3 gratuitous ARP is a broadcast request for the sender's own address") {
    const Frame expected = padded({
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x08, 0x06, // Ethernet
        0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01,                                     // request
        0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 192,  0,    2,    1,                            // sender
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 192,  0,    2,    1,                            // target
    });
    CHECK(gratuitous_arp(mac, ip, {}) == expected);
}

TEST_CASE("G3 announcements carry VLAN tags in band, outermost first") {
    const std::array<VlanTag, 2> tags{VlanTag{0x88a8, 100}, VlanTag{0x8100, 10}};
    const Frame head{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x11, 0x22, 0x33, 0x44,
                     0x55, 0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x00, 0x0a, 0x08, 0x06};
    const Frame frame = gratuitous_arp(mac, ip, tags);
    REQUIRE(frame.size() == 60);
    CHECK(Frame(frame.begin(), frame.begin() + 22) == head);

    const Frame na = unsolicited_na(mac, {0x20, 0x01}, false, std::span(tags).last(1));
    REQUIRE(na.size() == 14 + 4 + 40 + 32);
    CHECK(Frame(na.begin() + 12, na.begin() + 19) == Frame{0x81, 0x00, 0x00, 0x0a, 0x86, 0xdd, 0x60});
}

TEST_CASE("G3 unsolicited neighbour advertisement: flags, option, checksum") {
    const MacAddr short_mac{{0x02, 0, 0, 0, 0, 0x01}};
    const Ipv6Addr addr{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01};
    Frame expected{
        0x33, 0x33, 0x00, 0x00, 0x00, 0x01, 0x02, 0,    0, 0, 0, 0x01, 0x86, 0xdd, // Ethernet
        0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 58,   255,                             // IPv6, 32 bytes, hop limit 255
        0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,    0, 0, 0, 0,    0,    0,    0, 0x01, // from the address
        0xff, 0x02, 0,    0,    0,    0,    0,    0,    0, 0, 0, 0,    0,    0,    0, 0x01, // to all nodes
        136,  0,    0xf9, 0x2a, 0x20, 0,    0,    0,                                        // override alone
        0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,    0, 0, 0, 0,    0,    0,    0, 0x01, // target
        2,    1,    0x02, 0,    0,    0,    0,    0x01,                                     // link-layer address
    };
    CHECK(unsolicited_na(short_mac, addr, false, {}) == expected);

    expected[14 + 40 + 4] = 0xa0; // router and override
    expected[14 + 40 + 2] = 0x79;
    CHECK(unsolicited_na(short_mac, addr, true, {}) == expected);
}

TEST_CASE("G5 IGMPv3 report has one record per group and a router alert") {
    const std::array<Ipv4Addr, 2> groups{Ipv4Addr{239, 1, 2, 3}, Ipv4Addr{224, 5, 6, 7}};
    const Frame expected{
        0x01, 0x00, 0x5e, 0x00, 0x00, 0x16, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x08, 0x00, // Ethernet
        0x46, 0xc0, 0x00, 0x30, 0x00, 0x00, 0x40, 0x00, 0x01, 0x02, 0x41, 0xf0,             // IPv4, TTL 1
        192,  0,    2,    1,    224,  0,    0,    22,   0x94, 0x04, 0x00, 0x00,             // router alert
        0x22, 0x00, 0x02, 0xec, 0x00, 0x00, 0x00, 0x02,                                     // report, 2 records
        0x02, 0x00, 0x00, 0x00, 239,  1,    2,    3,                                        // is-exclude {}
        0x02, 0x00, 0x00, 0x00, 224,  5,    6,    7,
    };
    CHECK(igmp_v3_report(mac, ip, groups) == expected);
    CHECK(igmp_reports(3, mac, ip, groups) == std::vector<Frame>{expected});
}

TEST_CASE("G5 IGMPv2 and IGMPv1 reports go to the group itself") {
    const Ipv4Addr group{239, 129, 2, 3}; // the MAC keeps 23 bits: 129 becomes 1
    Frame expected = padded({
        0x01, 0x00, 0x5e, 0x01, 0x02, 0x03, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x08, 0x00, //
        0x46, 0xc0, 0x00, 0x20, 0x00, 0x00, 0x40, 0x00, 0x01, 0x02, 0x30, 0x92,             //
        192,  0,    2,    1,    239,  129,  2,    3,    0x94, 0x04, 0x00, 0x00,             //
        0x16, 0x00, 0xf8, 0x7a, 239,  129,  2,    3,
    });
    const std::array<Ipv4Addr, 1> groups{group};
    CHECK(igmp_reports(2, mac, ip, groups) == std::vector<Frame>{expected});
    expected[38] = 0x12;
    expected[40] = 0xfc;
    CHECK(igmp_reports(1, mac, ip, groups) == std::vector<Frame>{expected});
}

TEST_CASE("G5 many groups are split over frames that fit an MTU of 1500") {
    std::vector<Ipv4Addr> groups;
    for (std::size_t i = 0; i < igmp_v3_max_records + 1; ++i) {
        groups.push_back({239, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)});
    }
    const auto frames = igmp_reports(3, mac, ip, groups);
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].size() == 14 + 24 + 8 + 8 * igmp_v3_max_records);
    CHECK(frames[0].size() <= 14 + 1500);
    CHECK(frames[0][14 + 24 + 7] == igmp_v3_max_records);
    CHECK(frames[1][14 + 24 + 7] == 1);
    CHECK(igmp_reports(3, mac, ip, {}).empty());
}

TEST_CASE("G5 MLDv2 report has one record per group, a router alert and a checksum") {
    const Ipv6Addr source{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55};
    const Ipv6Addr group{0xff, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x42, 0x42};
    const auto frames = mld_reports(2, mac, source, std::array<Ipv6Addr, 1>{group});
    REQUIRE(frames.size() == 1);
    const Frame &frame = frames.front();
    CHECK(frame.size() == 14 + 40 + 8 + 8 + 20);
    CHECK(Frame(frame.begin(), frame.begin() + 6) == Frame{0x33, 0x33, 0, 0, 0, 0x16});
    CHECK(Frame(frame.begin() + 14, frame.begin() + 22) == Frame{0x60, 0, 0, 0, 0, 36, 0, 1});
    CHECK(Frame(frame.begin() + 54, frame.begin() + 62) == Frame{58, 0, 5, 2, 0, 0, 1, 0});
    CHECK(frame[62] == 143);
    CHECK(Frame(frame.begin() + 66, frame.begin() + 74) == Frame{0, 0, 0, 1, 2, 0, 0, 0});
    CHECK(std::equal(group.begin(), group.end(), frame.begin() + 74));
    // A checksum over all that it covers, itself included, comes to zero.
    const std::array<std::uint8_t, 8> pseudo_tail{0, 0, 0, 28, 0, 0, 0, 58};
    CHECK(internet_checksum({std::span(frame).subspan(22, 32), pseudo_tail, std::span(frame).subspan(62)}) == 0);
}

TEST_CASE("G5 MLDv1 reports go to the group itself, and many groups are split over frames") {
    std::vector<Ipv6Addr> groups(mld_v2_max_records + 1,
                                 Ipv6Addr{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 1, 2, 3});
    const auto single = mld_reports(1, mac, {}, std::span(groups).first(1), std::array{VlanTag{.id = 7}});
    REQUIRE(single.size() == 1);
    CHECK(Frame(single[0].begin(), single[0].begin() + 6) == Frame{0x33, 0x33, 0xff, 1, 2, 3});
    CHECK(Frame(single[0].begin() + 12, single[0].begin() + 18) == Frame{0x81, 0, 0, 7, 0x86, 0xdd});
    CHECK(single[0][18 + 40 + 8] == 131);
    const auto split = mld_reports(2, mac, {}, groups);
    REQUIRE(split.size() == 2);
    CHECK(split[0].size() <= 14 + 1500);
    CHECK(mld_reports(2, mac, {}, {}).empty());
}

TEST_CASE("internet checksum of the example in RFC 1071") {
    const std::array<std::uint8_t, 8> words{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    CHECK(internet_checksum({words}) == 0x220d); // ~0xddf2
    CHECK(internet_checksum({std::span(words).first(4), std::span(words).last(4)}) == 0x220d);
    CHECK(internet_checksum({std::span(words).first(3)}) == static_cast<std::uint16_t>(~0xf201));
}

TEST_CASE("4.2 an ARP probe is a broadcast request with the slave's MAC") {
    const Frame expected = padded({
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x08, 0x06, // Ethernet
        0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01,                                     // request
        0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 192,  0,    2,    1,                            // sender
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 192,  0,    2,    254,                          // target
    });
    CHECK(arp_request(mac, ip, {192, 0, 2, 254}, {}) == expected);
}

TEST_CASE("4.2 an NS probe goes to the solicited-node group, with our MAC unless it comes from ::") {
    const MacAddr short_mac{{0x02, 0, 0, 0, 0, 0x01}};
    const Ipv6Addr source{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01};
    const Ipv6Addr target{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56};
    const Frame frame = neighbour_solicitation(short_mac, source, target, {});
    REQUIRE(frame.size() == 14 + 40 + 32);
    CHECK(Frame(frame.begin(), frame.begin() + 6) == Frame{0x33, 0x33, 0xff, 0x12, 0x34, 0x56});
    CHECK(Frame(frame.begin() + 38, frame.begin() + 54) ==
          Frame{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x12, 0x34, 0x56});
    CHECK(frame[54] == 135);
    CHECK(Frame(frame.begin() + 62, frame.begin() + 78) == Frame(target.begin(), target.end()));
    CHECK(Frame(frame.begin() + 78, frame.end()) == Frame{1, 1, 0x02, 0, 0, 0, 0, 0x01});
    // A checksum is right when the sum over it is zero.
    const std::span<const std::uint8_t> all(frame);
    const std::array<std::uint8_t, 8> tail{0, 0, 0, 32, 0, 0, 0, 58};
    CHECK(internet_checksum({all.subspan(22, 32), tail, all.subspan(54)}) == 0);

    const Frame unspecified = neighbour_solicitation(short_mac, {}, target, {});
    CHECK(unspecified.size() == 14 + 40 + 24);
    CHECK(unspecified[19] == 24); // no option
}
