// SPDX-License-Identifier: MIT
// MLD listener reports: what igmp.h is for IPv4. Switches that snoop forward IPv6's own groups, those of neighbour
// discovery included, only to where somebody has said so. Pure.
#pragma once

#include "user/core/wire/frame.h"

namespace xbond::wire {

// Everything that a re-join sends for one device. Version 2 (RFC 3810): frames to ff02::16 with a MODE_IS_EXCLUDE
// record without sources per group; version 1 (RFC 2710): one frame per group, sent to the group. `src`: the device's
// link-local address, or :: while it has none.
inline constexpr std::size_t mld_v2_max_records = 72; // 1500 - 40 - 8 (router alert) - 8, by 20
std::vector<Frame> mld_reports(std::uint8_t version, const MacAddr &src_mac, const Ipv6Addr &src,
                               std::span<const Ipv6Addr> groups, std::span<const VlanTag> tags = {});

} // namespace xbond::wire
