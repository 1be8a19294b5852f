// SPDX-License-Identifier: MIT
#include "user/core/wire/icmp6.h"

namespace xbond::wire {

Frame icmp6(const Icmp6Way &way, std::uint8_t type, std::span<const std::uint8_t> body) {
    constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
    constexpr std::uint8_t icmpv6 = 58, hop_limit = 255;
    const auto bytes = static_cast<std::uint16_t>(4 + body.size());

    FrameWriter w(way.dst_mac, way.src_mac, way.tags, ethertype_ipv6);
    w.u16(0x6000).u16(0).u16(bytes).u8(icmpv6).u8(hop_limit); // version 6, no traffic class, no flow label
    w.bytes(way.src).bytes(way.dst);
    const std::size_t icmp = w.size();
    w.u8(type).u8(0).u16(0).bytes(body);

    const std::array<std::uint8_t, 8> pseudo_tail{
        0, 0, static_cast<std::uint8_t>(bytes >> 8), static_cast<std::uint8_t>(bytes), 0, 0, 0, icmpv6};
    w.put16(icmp + 2, internet_checksum({way.src, way.dst, pseudo_tail, w.from(icmp)}));
    return std::move(w).finish();
}

} // namespace xbond::wire
