// SPDX-License-Identifier: MIT
// Frames out of one interface, and the memberships that keep its promiscuous, all-multicast and multicast filters.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "user/sys/fd.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::sys {

class PacketSocket {
public:
    static Result<PacketSocket> open(); // sends only: protocol 0, receives nothing
    Result<void> send(std::uint32_t ifindex, std::span<const std::uint8_t> frame) const; // PACKET_QDISC_BYPASS
private:
    Fd fd_;
};

// Memberships on one slave, held by a socket of their own: closing the object gives them back, and so does the death
// of the controller (a new one takes them again).
class FilterLease {
public:
    static Result<FilterLease> open(std::uint32_t ifindex);
    Result<void> set_promisc(bool on);
    Result<void> set_allmulti(bool on);
    Result<void> set_multicast(std::span<const MacAddr> macs); // replaces the set; diffed
private:
    Fd fd_;
    std::uint32_t ifindex_ = 0;
    bool promisc_ = false, allmulti_ = false;
    std::vector<MacAddr> multicast_;
};

// Multicast addresses joined on a device: /proc/net/dev_mcast.
std::vector<MacAddr> joined_multicast(std::string_view ifname);

} // namespace xbond::sys
