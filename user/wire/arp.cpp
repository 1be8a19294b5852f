// SPDX-License-Identifier: MIT
#include "user/wire/arp.h"

namespace xbond::wire {

Frame arp_request(const MacAddr &mac, const Ipv4Addr &sender, const Ipv4Addr &target, std::span<const VlanTag> tags) {
    constexpr std::uint16_t ethertype_arp = 0x0806, hardware_ethernet = 1, protocol_ipv4 = 0x0800, request = 1;
    constexpr MacAddr broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    FrameWriter w(broadcast, mac, tags, ethertype_arp);
    w.u16(hardware_ethernet).u16(protocol_ipv4).u8(6).u8(4).u16(request);
    w.bytes(mac.bytes).bytes(sender).bytes(MacAddr{}.bytes).bytes(target);
    return std::move(w).finish();
}

} // namespace xbond::wire
