// SPDX-License-Identifier: MIT
// ICMPv6 messages of neighbour discovery: hop limit 255, checksum filled in. Pure.
#pragma once

#include "user/core/wire/frame.h"

namespace xbond::wire {

struct Icmp6Way {
    MacAddr dst_mac, src_mac;
    Ipv6Addr src, dst;
    std::span<const VlanTag> tags;
};

// `body`: what follows type, code 0 and checksum; an even number of bytes.
Frame icmp6(const Icmp6Way &way, std::uint8_t type, std::span<const std::uint8_t> body);

} // namespace xbond::wire
