// SPDX-License-Identifier: MIT
// The ethtool ioctls that a link monitor needs. One socket, synchronous.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/fd.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::sys {

struct SpeedDuplex {
    std::uint32_t speed = 0xffffffff; // Mb/s, all ones = unknown
    std::uint8_t duplex = 255;        // 0 half, 1 full, 255 unknown
};

class Ethtool {
public:
    static Result<Ethtool> open();
    // ETHTOOL_GLINK: asks the driver now and flushes the kernel's pending link event, up to a second late.
    Result<bool> carrier(std::string_view ifname) const;
    Result<bool> running(std::string_view ifname) const; // IFF_UP by SIOCGIFFLAGS
    SpeedDuplex speed(std::string_view ifname) const;    // unknown where the driver cannot tell
    Result<MacAddr> permanent_mac(std::string_view ifname) const;
    std::string driver(std::string_view ifname) const; // "" if unknown
    Result<void> set_gro(std::string_view ifname, bool on) const;

private:
    Fd fd_;
};

} // namespace xbond::sys
