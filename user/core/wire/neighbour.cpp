// SPDX-License-Identifier: MIT
#include "user/core/wire/neighbour.h"

#include "user/core/wire/icmp6.h"

namespace xbond::wire {

Ipv6Addr solicited_node(const Ipv6Addr &addr) {
    return {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xff, addr[13], addr[14], addr[15]};
}

MacAddr multicast_mac(const Ipv6Addr &group) {
    return MacAddr{{0x33, 0x33, group[12], group[13], group[14], group[15]}};
}

Frame neighbour_solicitation(const MacAddr &mac, const Ipv6Addr &sender, const Ipv6Addr &target,
                             std::span<const VlanTag> tags) {
    constexpr std::uint8_t solicitation = 135, source_link_layer = 1;
    const Ipv6Addr group = solicited_node(target);
    std::vector<std::uint8_t> body{0, 0, 0, 0};
    body.insert(body.end(), target.begin(), target.end());
    if (sender != Ipv6Addr{}) {
        body.insert(body.end(), {source_link_layer, 1});
        body.insert(body.end(), mac.bytes.begin(), mac.bytes.end());
    }
    return icmp6({multicast_mac(group), mac, sender, group, tags}, solicitation, body);
}

} // namespace xbond::wire
