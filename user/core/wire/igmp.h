// SPDX-License-Identifier: MIT
// IGMP membership reports, for the re-join after a failover: switches that snoop learn at once where the groups
// went. Pure.
#pragma once

#include "user/core/wire/frame.h"

namespace xbond::wire {

// Version 3 (RFC 3376 section 4.2): one frame to 224.0.0.22 with a MODE_IS_EXCLUDE record without sources per group,
// as the kernel sends for a plain join. Source-specific joins are thus reported as joins from any source.
// At most igmp_v3_max_records groups fit.
inline constexpr std::size_t igmp_v3_max_records = 183; // 1500 - 24 (IP with router alert) - 8, by 8
Frame igmp_v3_report(const MacAddr &src_mac, const Ipv4Addr &src_ip, std::span<const Ipv4Addr> groups,
                     std::span<const VlanTag> tags = {});

// Everything that a re-join sends for one device, in the IGMP version that the kernel speaks there (1..3);
// versions 1 and 2 take one frame per group, sent to the group.
std::vector<Frame> igmp_reports(std::uint8_t version, const MacAddr &src_mac, const Ipv4Addr &src_ip,
                                std::span<const Ipv4Addr> groups, std::span<const VlanTag> tags = {});

} // namespace xbond::wire
