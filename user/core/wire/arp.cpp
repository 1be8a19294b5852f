// SPDX-License-Identifier: MIT
#include "user/core/wire/arp.h"

namespace xbond::wire {

namespace {

Frame arp(const MacAddr &dst, std::uint16_t operation, const ArpParty &sender, const ArpParty &target,
          std::span<const VlanTag> tags) {
    constexpr std::uint16_t ethertype_arp = 0x0806, hardware_ethernet = 1, protocol_ipv4 = 0x0800;
    FrameWriter w(dst, sender.mac, tags, ethertype_arp);
    w.u16(hardware_ethernet).u16(protocol_ipv4).u8(6).u8(4).u16(operation);
    w.bytes(sender.mac.bytes).bytes(sender.addr).bytes(target.mac.bytes).bytes(target.addr);
    return std::move(w).finish();
}

} // namespace

Frame arp_request(const MacAddr &mac, const Ipv4Addr &sender, const Ipv4Addr &target, std::span<const VlanTag> tags) {
    constexpr MacAddr broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    return arp(broadcast, 1, {mac, sender}, {MacAddr{}, target}, tags);
}

Frame arp_reply(const ArpParty &sender, const ArpParty &target, std::span<const VlanTag> tags) {
    return arp(target.mac, 2, sender, target, tags);
}

} // namespace xbond::wire
