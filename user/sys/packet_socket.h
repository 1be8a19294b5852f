// SPDX-License-Identifier: MIT
// Frames out of one interface.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::sys {

// How a frame leaves a device: with everybody else's, so that captures, filters and qdiscs there see it; or past them.
// For up to a second after the carrier has come the kernel leaves a qdisc there that eats frames and says they were
// sent: then only the second way leads out.
enum class SendWay : std::uint8_t { ordinary, past_qdisc };

class PacketSocket {
public:
    static Result<PacketSocket> open(); // sends only: protocol 0, receives nothing
    // A whole frame, tags in band, with priority TC_PRIO_CONTROL; never waits. ENOBUFS, EAGAIN: the device's queue is
    // full, nothing was sent.
    Result<void> send(std::uint32_t ifindex, std::span<const std::uint8_t> frame,
                      SendWay way = SendWay::ordinary) const;

private:
    Fd ordinary_, past_qdisc_;
};

// IPv4 groups joined on a device, for membership reports (`announce.rejoin`): only those that the kernel would report
// (never 224.0.0.1; 224.0.0.x unless net.ipv4.igmp_link_local_mcast_reports is 0).
struct Ipv4Groups {
    std::uint8_t igmp_version = 3; // 1..3, what the kernel speaks there now (queriers heard, force_igmp_version)
    std::vector<std::array<std::uint8_t, 4>> groups;
};
Ipv4Groups joined_ipv4_groups(std::string_view ifname);

// The same for IPv6: never ff02::1, and nothing of a scope that stays on the host or the interface.
using Ipv6Groups = std::vector<Ipv6Addr>;

// Of all devices, by name; one without groups may be missing.
struct JoinedGroups {
    std::map<std::string, Ipv4Groups, std::less<>> v4;
    std::map<std::string, Ipv6Groups, std::less<>> v6;
};
JoinedGroups joined_groups();

} // namespace xbond::sys
