// SPDX-License-Identifier: MIT
// The neighbour solicitation that a probe of the NS monitor is (`arp.probe`). Pure.
#pragma once

#include "user/core/wire/frame.h"

namespace xbond::wire {

// RFC 4291 2.7.1, and the Ethernet group behind it.
Ipv6Addr solicited_node(const Ipv6Addr &addr);
MacAddr multicast_mac(const Ipv6Addr &group);

// To the target's solicited-node address; from `::` without the option that names our MAC, which RFC 4861 4.3 forbids
// there.
Frame neighbour_solicitation(const MacAddr &mac, const Ipv6Addr &sender, const Ipv6Addr &target,
                             std::span<const VlanTag> tags);

} // namespace xbond::wire
