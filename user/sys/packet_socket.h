// SPDX-License-Identifier: MIT
// Frames out of one interface.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::sys {

class PacketSocket {
public:
    static Result<PacketSocket> open(); // sends only: protocol 0, receives nothing
    // A whole frame, tags in band. ENOBUFS: the device's queue is full, nothing was sent.
    Result<void> send(std::uint32_t ifindex, std::span<const std::uint8_t> frame) const; // PACKET_QDISC_BYPASS
private:
    Fd fd_;
};

// IPv4 groups joined on a device, for the membership reports of 1.12: only those that the kernel itself would report
// (never 224.0.0.1; 224.0.0.x unless net.ipv4.igmp_link_local_mcast_reports is 0).
struct Ipv4Groups {
    std::uint8_t igmp_version = 3; // 1..3, what the kernel speaks there now (queriers heard, force_igmp_version)
    std::vector<std::array<std::uint8_t, 4>> groups;
};
Ipv4Groups joined_ipv4_groups(std::string_view ifname);

} // namespace xbond::sys
