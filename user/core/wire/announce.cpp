// SPDX-License-Identifier: MIT
#include "user/core/wire/announce.h"

#include "user/core/wire/arp.h"
#include "user/core/wire/icmp6.h"

namespace xbond::wire {

namespace {
constexpr MacAddr all_nodes_mac{{0x33, 0x33, 0x00, 0x00, 0x00, 0x01}};
constexpr Ipv6Addr all_nodes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01};
} // namespace

Frame gratuitous_arp(const MacAddr &mac, const Ipv4Addr &addr, std::span<const VlanTag> tags) {
    return arp_request(mac, addr, addr, tags);
}

Frame unsolicited_na(const MacAddr &mac, const Ipv6Addr &addr, bool router, std::span<const VlanTag> tags) {
    constexpr std::uint8_t neighbour_advertisement = 136;
    constexpr std::uint8_t router_flag = 0x80, override_flag = 0x20, target_link_layer = 2;
    std::vector<std::uint8_t> body{static_cast<std::uint8_t>(override_flag | (router ? router_flag : 0)), 0, 0, 0};
    body.insert(body.end(), addr.begin(), addr.end());
    body.insert(body.end(), {target_link_layer, 1});
    body.insert(body.end(), mac.bytes.begin(), mac.bytes.end());
    return icmp6({all_nodes_mac, mac, addr, all_nodes, tags}, neighbour_advertisement, body);
}

} // namespace xbond::wire
