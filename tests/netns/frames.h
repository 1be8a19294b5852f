// SPDX-License-Identifier: MIT
// The few frames that the netns tests send, each with a number in it where tests follow single frames.
#pragma once

#include <cstdint>
#include <optional>

#include "tests/harness/packet.h"
#include "tests/harness/traffic/sniffer.h"
#include "xbond/types.h"

namespace xbond::harness {

inline constexpr MacAddr station_mac = test::test_mac(0xfe); // somebody behind the switch

struct Addresses {
    MacAddr to = station_mac;
    MacAddr from = test::test_mac(1);
};

Bytes udp_frame(std::uint64_t number, Addresses = {}); // 10.99.0.1 -> 10.99.0.2, to a port where nobody listens
std::optional<std::uint64_t> number_of(const Frame &); // of a udp_frame
FrameMatch numbered_udp();                             // any udp_frame
FrameMatch same_as(const Bytes &frame);
Bytes igmp_report_frame(); // IGMPv2, to 224.0.0.22's MAC
Bytes mld_report_frame();  // IPv6 hop-by-hop, ICMPv6 143
Bytes lldp_frame(const MacAddr &from);
Bytes arp_request_frame(const MacAddr &from, const std::string &sender_ip, const std::string &target_ip);
Bytes echo_request_frame(Addresses, const std::string &from_ip, const std::string &to_ip); // ICMP echo

struct ArpView { // of a frame that is an ARP packet, tag in front or in the metadata
    std::uint16_t operation = 0;
    MacAddr ethernet_source, ethernet_target, sender_mac, target_mac;
    std::uint32_t sender_ip = 0, target_ip = 0; // host order
    std::optional<std::uint16_t> vlan;
    bool gratuitous() const { return operation == 1 && sender_ip == target_ip; }
};
std::optional<ArpView> as_arp(const Frame &);

} // namespace xbond::harness
