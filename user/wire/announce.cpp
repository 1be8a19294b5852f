// SPDX-License-Identifier: MIT
#include "user/wire/announce.h"

namespace xbond::wire {

namespace {
constexpr std::uint16_t ethertype_arp = 0x0806, ethertype_ipv6 = 0x86dd;
constexpr MacAddr broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr MacAddr all_nodes_mac{{0x33, 0x33, 0x00, 0x00, 0x00, 0x01}};
constexpr Ipv6Addr all_nodes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01};
} // namespace

Frame gratuitous_arp(const MacAddr &mac, const Ipv4Addr &addr, std::span<const VlanTag> tags) {
    constexpr std::uint16_t hardware_ethernet = 1, protocol_ipv4 = 0x0800, request = 1;
    FrameWriter w(broadcast, mac, tags, ethertype_arp);
    w.u16(hardware_ethernet).u16(protocol_ipv4).u8(6).u8(4).u16(request);
    w.bytes(mac.bytes).bytes(addr).bytes(MacAddr{}.bytes).bytes(addr);
    return std::move(w).finish();
}

Frame unsolicited_na(const MacAddr &mac, const Ipv6Addr &addr, bool router, std::span<const VlanTag> tags) {
    constexpr std::uint8_t icmpv6 = 58, hop_limit = 255, neighbour_advertisement = 136;
    constexpr std::uint8_t router_flag = 0x80, override_flag = 0x20, target_link_layer = 2;
    constexpr std::uint16_t icmp_bytes = 32; // 24 and an option of 8

    FrameWriter w(all_nodes_mac, mac, tags, ethertype_ipv6);
    w.u16(0x6000).u16(0).u16(icmp_bytes).u8(icmpv6).u8(hop_limit); // version 6, no traffic class, no flow label
    w.bytes(addr).bytes(all_nodes);
    const std::size_t icmp = w.size();
    w.u8(neighbour_advertisement).u8(0).u16(0);
    w.u8(override_flag | (router ? router_flag : 0)).u8(0).u16(0);
    w.bytes(addr);
    w.u8(target_link_layer).u8(1).bytes(mac.bytes);

    const std::array<std::uint8_t, 8> pseudo_tail{0, 0, 0, icmp_bytes, 0, 0, 0, icmpv6};
    w.put16(icmp + 2, internet_checksum({addr, all_nodes, pseudo_tail, w.from(icmp)}));
    return std::move(w).finish();
}

} // namespace xbond::wire
