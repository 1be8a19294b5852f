// SPDX-License-Identifier: MIT
#include "tests/netns/frames.h"

#include <algorithm>
#include <array>

#include "tests/harness/traffic/udp_stream.h"

namespace xbond::harness {

using test::Packet;
using test::test_mac;
namespace {

constexpr std::uint32_t frame_stream = 0xf0;
constexpr std::size_t udp_payload = 14 + 20 + 8;

unsigned get16(const Bytes &frame, std::size_t at) { return unsigned{frame[at]} << 8 | frame[at + 1]; }

MacAddr mac_at(const Bytes &frame, std::size_t at) {
    MacAddr mac;
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), 6, mac.bytes.begin());
    return mac;
}

} // namespace

Bytes udp_frame(std::uint64_t number, Addresses addresses) {
    std::array<std::uint8_t, StreamHeader::bytes> payload{};
    StreamHeader{frame_stream, number}.write(payload);
    return Packet(addresses.to, addresses.from).ipv4("10.99.0.1", "10.99.0.2").udp(40000, 40001).bytes(payload).build();
}

std::optional<std::uint64_t> number_of(const Frame &frame) {
    if (frame.bytes.size() < udp_payload) {
        return std::nullopt;
    }
    const auto header = StreamHeader::read(std::span(frame.bytes).subspan(udp_payload));
    return header && header->stream == frame_stream ? std::optional(header->sequence) : std::nullopt;
}

FrameMatch numbered_udp() {
    return [](const Frame &frame) { return number_of(frame).has_value(); };
}

FrameMatch same_as(const Bytes &frame) {
    return [frame](const Frame &seen) { return seen.bytes == frame; };
}

Bytes igmp_report_frame() {
    return Packet({{0x01, 0, 0x5e, 1, 1, 1}}, test_mac(1))
        .ipv4("10.99.0.1", "239.1.1.1")
        .igmp_report("239.1.1.1")
        .build();
}

Bytes mld_report_frame() {
    return Packet({{0x33, 0x33, 0, 0, 0, 0x16}}, test_mac(1))
        .ipv6("fe80::1", "ff02::16")
        .hop_by_hop()
        .icmpv6(143, 0)
        .build();
}

Bytes lldp_frame(const MacAddr &from) {
    return Packet(test::mac_lldp, from).ethertype(0x88cc).payload(46, 0x77).build();
}

Bytes arp_request_frame(const MacAddr &from, const std::string &sender_ip, const std::string &target_ip) {
    return Packet(test::mac_broadcast, from).arp_request(from, sender_ip, target_ip).build();
}

Bytes echo_request_frame(Addresses addresses, const std::string &from_ip, const std::string &to_ip) {
    return Packet(addresses.to, addresses.from).ipv4(from_ip, to_ip).icmp(8, 0, 0x1234).payload(16).build();
}

std::optional<ArpView> as_arp(const Frame &frame) {
    ArpView arp;
    std::size_t at = 12;
    arp.vlan = frame.vlan_tci;
    if (frame.bytes.size() >= 18 && get16(frame.bytes, at) == 0x8100) {
        arp.vlan = static_cast<std::uint16_t>(get16(frame.bytes, 14));
        at += 4;
    }
    if (frame.bytes.size() < at + 30 || get16(frame.bytes, at) != 0x0806) {
        return std::nullopt;
    }
    arp.operation = static_cast<std::uint16_t>(get16(frame.bytes, at + 8));
    arp.ethernet_target = mac_at(frame.bytes, 0);
    arp.ethernet_source = mac_at(frame.bytes, 6);
    arp.sender_mac = mac_at(frame.bytes, at + 10);
    arp.target_mac = mac_at(frame.bytes, at + 20);
    arp.sender_ip = get16(frame.bytes, at + 16) << 16 | get16(frame.bytes, at + 18);
    arp.target_ip = get16(frame.bytes, at + 26) << 16 | get16(frame.bytes, at + 28);
    return arp;
}

} // namespace xbond::harness
