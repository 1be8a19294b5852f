// SPDX-License-Identifier: MIT
// The ethtool ioctls that a link monitor needs, of devices of this network namespace. One socket, synchronous: all of
// it waits for RTNL. The kernel takes names; what it answers while a device is renamed is asked again, so that each
// answer is of the device that was meant. ENODEV: it has gone.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::sys {

struct SpeedDuplex {
    std::uint32_t speed = 0xffffffff; // Mb/s, all ones = unknown
    std::uint8_t duplex = 255;        // 0 half, 1 full, 255 unknown
};

// An offload of a NIC, as `ethtool -k` shows it.
struct Offload {
    bool on = false;
    bool changeable = false; // not "[fixed]"
    bool operator==(const Offload &) const = default;
};

class Ethtool {
public:
    static Result<Ethtool> open();
    // ETHTOOL_GLINK: asks the driver now and flushes the kernel's pending link event, up to a second late.
    Result<bool> carrier(std::uint32_t ifindex) const;
    Result<bool> running(std::uint32_t ifindex) const; // IFF_UP by SIOCGIFFLAGS
    SpeedDuplex speed(std::uint32_t ifindex) const;    // unknown where the driver cannot tell
    Result<MacAddr> permanent_mac(std::uint32_t ifindex) const;
    std::string driver(std::uint32_t ifindex) const; // "" if unknown
    std::string bus(std::uint32_t ifindex) const;    // "0000:03:00.0"; "" if unknown

    // By the kernel's names ("rx-vlan-filter"), one for each; off and fixed where the kernel does not know the name.
    Result<std::vector<Offload>> offloads(std::uint32_t ifindex, std::span<const std::string_view> names) const;
    // An error, too, when the driver keeps it as it was.
    Result<void> set_offload(std::uint32_t ifindex, std::string_view name, bool on) const;
    Result<void> set_gro(std::uint32_t ifindex, bool on) const;

private:
    Result<std::size_t> offload_bit(std::uint32_t ifindex, std::string_view name) const; // ENOENT: no such name

    Fd fd_;
    mutable std::vector<std::string> offload_names_; // the kernel's, by bit; asked for once
};

} // namespace xbond::sys
