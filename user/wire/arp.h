// SPDX-License-Identifier: MIT
// The broadcast ARP request that announcements and probes are. Pure.
#pragma once

#include "user/wire/frame.h"

namespace xbond::wire {

// Target MAC zero.
Frame arp_request(const MacAddr &mac, const Ipv4Addr &sender, const Ipv4Addr &target, std::span<const VlanTag> tags);

} // namespace xbond::wire
