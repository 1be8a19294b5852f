// SPDX-License-Identifier: MIT
// Announcements after a failover (`announce.frames`): they teach switches and neighbours the new way to an address.
#pragma once

#include "user/core/wire/frame.h"

namespace xbond::wire {

// Gratuitous ARP: a broadcast request with sender IP = target IP = `addr`, target MAC zero.
Frame gratuitous_arp(const MacAddr &mac, const Ipv4Addr &addr, std::span<const VlanTag> tags);

// Unsolicited neighbour advertisement to ff02::1 with override set and a target link-layer address option. `router`:
// whether the device forwards (sysctl ipv6/conf/DEV/forwarding).
Frame unsolicited_na(const MacAddr &mac, const Ipv6Addr &addr, bool router, std::span<const VlanTag> tags);

} // namespace xbond::wire
