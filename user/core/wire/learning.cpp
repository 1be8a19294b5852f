// SPDX-License-Identifier: MIT
#include "user/core/wire/learning.h"

namespace xbond::wire {

Frame learning_packet(const MacAddr &mac, std::span<const VlanTag> tags) {
    constexpr std::uint16_t ethertype_loopback = 0x9000;
    return FrameWriter(mac, mac, tags, ethertype_loopback).finish();
}

} // namespace xbond::wire
