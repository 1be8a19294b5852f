// SPDX-License-Identifier: MIT
#include "user/core/wire/igmp.h"

#include <algorithm>

namespace xbond::wire {
namespace {

constexpr std::uint8_t report_v1 = 0x12, report_v2 = 0x16, report_v3 = 0x22;
constexpr Ipv4Addr igmp_routers{224, 0, 0, 22};

MacAddr multicast_mac(const Ipv4Addr &group) {
    return {{0x01, 0x00, 0x5e, static_cast<std::uint8_t>(group[1] & 0x7f), group[2], group[3]}};
}

// Ethernet and IP header: router alert option, TTL 1, internetwork control, don't fragment.
FrameWriter start(const MacAddr &src_mac, const Ipv4Addr &src, const Ipv4Addr &dst, std::size_t igmp_bytes,
                  std::span<const VlanTag> tags) {
    constexpr std::uint16_t ethertype_ipv4 = 0x0800, header_bytes = 24, dont_fragment = 0x4000;
    constexpr std::uint8_t ttl = 1, igmp = 2;
    FrameWriter w(multicast_mac(dst), src_mac, tags, ethertype_ipv4);
    const std::size_t ip = w.size();
    w.u8(0x46).u8(0xc0).u16(static_cast<std::uint16_t>(header_bytes + igmp_bytes)).u16(0).u16(dont_fragment);
    w.u8(ttl).u8(igmp).u16(0).bytes(src).bytes(dst);
    w.u8(0x94).u8(4).u16(0); // router alert
    w.put16(ip + 10, internet_checksum({w.from(ip)}));
    return w;
}

Frame finish(FrameWriter w, std::size_t igmp) {
    w.put16(igmp + 2, internet_checksum({w.from(igmp)}));
    return std::move(w).finish();
}

Frame group_report(std::uint8_t type, const MacAddr &src_mac, const Ipv4Addr &src_ip, const Ipv4Addr &group,
                   std::span<const VlanTag> tags) {
    auto w = start(src_mac, src_ip, group, 8, tags);
    const std::size_t igmp = w.size();
    w.u8(type).u8(0).u16(0).bytes(group);
    return finish(std::move(w), igmp);
}

} // namespace

Frame igmp_v3_report(const MacAddr &src_mac, const Ipv4Addr &src_ip, std::span<const Ipv4Addr> groups,
                     std::span<const VlanTag> tags) {
    constexpr std::uint8_t mode_is_exclude = 2;
    groups = groups.first(std::min(groups.size(), igmp_v3_max_records));
    auto w = start(src_mac, src_ip, igmp_routers, 8 + 8 * groups.size(), tags);
    const std::size_t igmp = w.size();
    w.u8(report_v3).u8(0).u16(0).u16(0).u16(static_cast<std::uint16_t>(groups.size()));
    for (const auto &group : groups) {
        w.u8(mode_is_exclude).u8(0).u16(0).bytes(group);
    }
    return finish(std::move(w), igmp);
}

std::vector<Frame> igmp_reports(std::uint8_t version, const MacAddr &src_mac, const Ipv4Addr &src_ip,
                                std::span<const Ipv4Addr> groups, std::span<const VlanTag> tags) {
    std::vector<Frame> frames;
    if (version < 3) {
        for (const auto &group : groups) {
            frames.push_back(group_report(version == 1 ? report_v1 : report_v2, src_mac, src_ip, group, tags));
        }
        return frames;
    }
    while (!groups.empty()) {
        const auto part = groups.first(std::min(groups.size(), igmp_v3_max_records));
        frames.push_back(igmp_v3_report(src_mac, src_ip, part, tags));
        groups = groups.subspan(part.size());
    }
    return frames;
}

} // namespace xbond::wire
