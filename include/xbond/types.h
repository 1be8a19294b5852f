// SPDX-License-Identifier: MIT
// The few value types that every layer shares.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "xbond/numbers.h"

namespace xbond {

// Monotonic time since boot. Pure code gets it as an argument; only user/sys reads a clock (CLOCK_MONOTONIC).
using Time = std::chrono::nanoseconds;
using Ms = std::chrono::milliseconds;

// Index of a slave in the bond's tables: stable from enslave to release, 0..XB_MAX_SLAVES-1.
using SlotId = std::uint8_t;
inline constexpr SlotId no_slot = XB_NO_SLOT;

struct MacAddr {
    std::array<std::uint8_t, 6> bytes{};

    auto operator<=>(const MacAddr &) const = default;
    bool is_zero() const { return *this == MacAddr{}; }
    bool is_multicast() const { return (bytes[0] & 1) != 0; }
    bool is_valid_unicast() const { return !is_zero() && !is_multicast(); }
    std::string str() const;                                    // aa:bb:cc:dd:ee:ff
    static std::optional<MacAddr> parse(std::string_view text); // the same form, either case
};

// In network order.
using Ipv4Addr = std::array<std::uint8_t, 4>;
using Ipv6Addr = std::array<std::uint8_t, 16>;

enum class Mode : std::uint8_t {
#define XB_MODE_NAME(number, constant, name) name = (constant),
    XB_MODES(XB_MODE_NAME)
#undef XB_MODE_NAME
};

enum class HashPolicy : std::uint8_t {
#define XB_POLICY_NAME(number, constant, name, keyword, function) name = (constant),
    XB_POLICIES(XB_POLICY_NAME)
#undef XB_POLICY_NAME
};

// When a slave last heard something that counts for the ARP/NS monitor (CLOCK_MONOTONIC); zero: never. ARP target i and
// NS target i share a stamp.
struct Stamps {
    Time last_rx{};
    std::array<Time, XB_MAX_TARGETS> target_rx{};
};

struct Feature {      // of the running kernel, probed
    std::string name; // "tcx", "carrier_kfunc", "carrier_probe_read", "bpf_timer", "freplace", "af_xdp", ...
    bool available = false;
    std::string detail; // the kernel's answer, or what is used instead
};

struct ProgramSet { // what is frozen into the programs' read-only data
    Mode mode = Mode::round_robin;
    HashPolicy policy = HashPolicy::layer2;
    std::uint32_t packets_per_slave = 1;
    bool tlb_dynamic_lb = true;
    bool operator==(const ProgramSet &) const = default;
};

enum class XdpPolicy : std::uint8_t { automatic, native, generic, off };
enum class Visibility : std::uint8_t { automatic, fast, full };

} // namespace xbond
