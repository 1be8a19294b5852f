// SPDX-License-Identifier: MIT
#include "user/core/wire/mld.h"

#include <algorithm>

namespace xbond::wire {
namespace {

constexpr std::uint8_t report_v1 = 131, report_v2 = 143;

MacAddr multicast_mac(const Ipv6Addr &group) { return {{0x33, 0x33, group[12], group[13], group[14], group[15]}}; }

// With a router alert option, so that routers look into it, and hop limit 1.
Frame report(std::uint8_t type, const MacAddr &src_mac, const Ipv6Addr &src, const Ipv6Addr &dst,
             std::span<const std::uint8_t> body, std::span<const VlanTag> tags) {
    constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
    constexpr std::uint8_t hop_by_hop = 0, icmpv6 = 58, hop_limit = 1;
    constexpr std::array<std::uint8_t, 8> router_alert{icmpv6, 0, 5, 2, 0, 0, 1, 0};
    const auto bytes = static_cast<std::uint16_t>(4 + body.size());

    FrameWriter w(multicast_mac(dst), src_mac, tags, ethertype_ipv6);
    w.u16(0x6000).u16(0).u16(static_cast<std::uint16_t>(router_alert.size() + bytes)).u8(hop_by_hop).u8(hop_limit);
    w.bytes(src).bytes(dst).bytes(router_alert);
    const std::size_t icmp = w.size();
    w.u8(type).u8(0).u16(0).bytes(body);
    const std::array<std::uint8_t, 8> pseudo_tail{
        0, 0, static_cast<std::uint8_t>(bytes >> 8), static_cast<std::uint8_t>(bytes), 0, 0, 0, icmpv6};
    w.put16(icmp + 2, internet_checksum({src, dst, pseudo_tail, w.from(icmp)}));
    return std::move(w).finish();
}

std::vector<std::uint8_t> records(std::span<const Ipv6Addr> groups) {
    constexpr std::uint8_t mode_is_exclude = 2;
    std::vector<std::uint8_t> body{0, 0, static_cast<std::uint8_t>(groups.size() >> 8),
                                   static_cast<std::uint8_t>(groups.size())};
    for (const auto &group : groups) {
        body.insert(body.end(), {mode_is_exclude, 0, 0, 0});
        body.insert(body.end(), group.begin(), group.end());
    }
    return body;
}

} // namespace

std::vector<Frame> mld_reports(std::uint8_t version, const MacAddr &src_mac, const Ipv6Addr &src,
                               std::span<const Ipv6Addr> groups, std::span<const VlanTag> tags) {
    constexpr Ipv6Addr mld_routers{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16};
    std::vector<Frame> frames;
    if (version == 1) {
        for (const auto &group : groups) {
            std::vector<std::uint8_t> body(4);
            body.insert(body.end(), group.begin(), group.end());
            frames.push_back(report(report_v1, src_mac, src, group, body, tags));
        }
        return frames;
    }
    while (!groups.empty()) {
        const auto part = groups.first(std::min(groups.size(), mld_v2_max_records));
        frames.push_back(report(report_v2, src_mac, src, mld_routers, records(part), tags));
        groups = groups.subspan(part.size());
    }
    return frames;
}

} // namespace xbond::wire
