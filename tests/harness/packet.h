// SPDX-License-Identifier: MIT
// Builds test packets header by header. Each header sets the type field of the one before; lengths and checksums are
// filled in by build(), innermost first.
//
//   Packet(dst, src).vlan(100).ipv4("192.0.2.1", "192.0.2.2").udp(4000, 53).payload(18).build()
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "xbond/types.h"

namespace xbond::test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr MacAddr mac_broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
inline constexpr MacAddr mac_lldp{{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e}};
inline constexpr MacAddr mac_slow{{0x01, 0x80, 0xc2, 0x00, 0x00, 0x02}};

// A locally administered unicast address that differs in its last byte.
constexpr MacAddr test_mac(std::uint8_t last) { return MacAddr{{0x02, 0x00, 0x00, 0x00, 0x00, last}}; }

struct Ipv4Opts {
    std::uint16_t fragment = 0; // the flags and offset field, host order: 0x2000 is "more fragments"
    std::size_t options = 0;    // bytes of options, a multiple of 4
};

class Packet {
public:
    Packet(const MacAddr &dst, const MacAddr &src);

    Packet &ethertype(std::uint16_t type); // for payloads that no method here makes
    Packet &vlan(std::uint16_t tci);       // an in-band 802.1Q tag
    Packet &ipv4(std::string_view src, std::string_view dst, Ipv4Opts opts = {});
    Packet &ipv6(std::string_view src, std::string_view dst);
    Packet &hop_by_hop();
    Packet &ip_protocol(std::uint8_t protocol); // as ethertype(), for IP payloads
    Packet &udp(std::uint16_t sport, std::uint16_t dport);
    Packet &tcp(std::uint16_t sport, std::uint16_t dport);
    Packet &icmp(std::uint8_t type, std::uint8_t code, std::uint16_t id = 0);
    Packet &icmpv6(std::uint8_t type, std::uint8_t code, std::uint16_t id = 0);
    Packet &igmp_report(std::string_view group);
    Packet &vxlan(std::uint32_t vni);
    Packet &arp_request(const MacAddr &sender, std::string_view sender_ip, std::string_view target_ip);
    Packet &arp_reply(const MacAddr &sender, std::string_view sender_ip, const MacAddr &target,
                      std::string_view target_ip);
    Packet &payload(std::size_t size, std::uint8_t fill = 0);
    Packet &bytes(std::span<const std::uint8_t> raw);

    Bytes build() const;

private:
    void put8(std::uint8_t v) { data_.push_back(v); }
    void put16(std::uint16_t v);
    void put32(std::uint32_t v);
    void arp(std::uint16_t operation, const MacAddr &sender, std::string_view sender_ip, const MacAddr &target,
             std::string_view target_ip);
    void put_address(int family, std::string_view text);
    void next_is(std::uint16_t ethertype, std::uint8_t protocol);
    void icmp_header(std::uint8_t protocol, std::uint8_t type, std::uint8_t code, std::uint16_t id);
    void transport(std::uint8_t protocol);

    Bytes data_;
    std::size_t type_at_ = 12;      // of the field that names the next header
    bool type_is_protocol_ = false; // one byte (IP) or two (Ethernet)
    std::size_t ip_at_ = 0;         // of the innermost IP header; 0 = none
    std::vector<std::function<void(Bytes &)>> fixups_;
};

} // namespace xbond::test
