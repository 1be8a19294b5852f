// SPDX-License-Identifier: MIT
// LACPDUs and marker PDUs on the wire. Wire input is classified and counted, never asserted on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "user/core/lacp/counters.h"
#include "user/core/wire/frame.h"
#include "xbond/types.h"

namespace xbond::lacp {

inline constexpr MacAddr slow_protocols_group{{0x01, 0x80, 0xc2, 0x00, 0x00, 0x02}};
inline constexpr std::uint16_t slow_protocols_ethertype = 0x8809;

// Bits of the actor and partner state octets (`lacp.pdu`).
namespace flag {
inline constexpr std::uint8_t activity = 0x01; // 1: active
inline constexpr std::uint8_t timeout = 0x02;  // 1: short
inline constexpr std::uint8_t aggregation = 0x04;
inline constexpr std::uint8_t synchronization = 0x08;
inline constexpr std::uint8_t collecting = 0x10;
inline constexpr std::uint8_t distributing = 0x20;
inline constexpr std::uint8_t defaulted = 0x40;
inline constexpr std::uint8_t expired = 0x80;
} // namespace flag

// One end of a link: the actor's or the partner's block of an LACPDU, and the operational values of a port.
struct PortInfo {
    std::uint16_t system_priority = 0;
    MacAddr system;
    std::uint16_t key = 0;
    std::uint16_t port_priority = 0;
    std::uint16_t port = 0;
    std::uint8_t state = 0;

    bool operator==(const PortInfo &) const = default;
    bool has(std::uint8_t flags) const { return (state & flags) == flags; }
    void set(std::uint8_t flags, bool on) { state = static_cast<std::uint8_t>(on ? state | flags : state & ~flags); }
    bool same_id(const PortInfo &other) const; // all but the state
};

struct Lacpdu {
    std::uint8_t version = 1;
    PortInfo actor;
    PortInfo partner;
    std::uint16_t collector_max_delay = 0; // units of 10 us

    bool operator==(const Lacpdu &) const = default;
};

enum class Verdict : std::uint8_t {
    pass,           // not ours: the stack of the slave gets it
    drop,           // ours and useless
    lacpdu,         // for the receive machine
    loopback,       // an LACPDU of our own system
    marker_request, // to be answered
};

struct Classified {
    Verdict verdict = Verdict::pass;
    Counter counter = nullptr;             // what to count; null for pass
    std::span<const std::uint8_t> payload; // from the subtype octet on; points into the frame
    Lacpdu pdu;                            // of lacpdu and loopback
};
// Passes what is not for LACP: other groups, what came in a VLAN, and subtypes 3 to 10, which belong to others.
Classified classify(std::span<const std::uint8_t> frame, const MacAddr &own_system);

wire::Frame encode(const Lacpdu &, const MacAddr &source);
// The whole request comes back, only its TLV type is another; its lengths are not looked at.
wire::Frame marker_response(std::span<const std::uint8_t> request_payload, const MacAddr &source);

// What follows the collector information, for diagnostics only: up to and including the terminator, or the TLV
// that makes no sense.
struct Tlv {
    std::size_t offset = 0; // from the subtype octet
    std::uint8_t type = 0;
    std::uint8_t length = 0;

    bool operator==(const Tlv &) const = default;
};
std::vector<Tlv> trailing_tlvs(std::span<const std::uint8_t> payload);

} // namespace xbond::lacp
