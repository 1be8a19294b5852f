// SPDX-License-Identifier: MIT
// The broadcast ARP request that announcements and probes are, and the unicast reply that tells one neighbour of an
// address. Pure.
#pragma once

#include "user/core/wire/frame.h"

namespace xbond::wire {

// Target MAC zero.
Frame arp_request(const MacAddr &mac, const Ipv4Addr &sender, const Ipv4Addr &target, std::span<const VlanTag> tags);

struct ArpParty {
    MacAddr mac;
    Ipv4Addr addr;
};
Frame arp_reply(const ArpParty &sender, const ArpParty &target, std::span<const VlanTag> tags);

} // namespace xbond::wire
