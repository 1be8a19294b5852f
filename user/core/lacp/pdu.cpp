// SPDX-License-Identifier: MIT
#include "user/core/lacp/pdu.h"

#include <algorithm>
#include <array>

namespace xbond::lacp {
namespace {

using Octets = std::span<const std::uint8_t>;

constexpr std::size_t ethernet_header = 14, vlan_tag = 4, pdu_octets = 110;
constexpr std::uint8_t subtype_lacp = 1, subtype_marker = 2, last_legal_subtype = 10;
constexpr std::uint8_t marker_information = 1, marker_response_information = 2;
// Offsets in the payload (`lacp.pdu`, `lacp.marker`).
constexpr std::size_t at_version = 1, at_actor = 2, at_partner = 22, at_collector = 42, at_trailing = 58;
constexpr std::size_t at_marker_type = 2;
constexpr std::uint8_t info_length = 20, collector_length = 16;

std::uint16_t u16(Octets octets, std::size_t at) {
    return static_cast<std::uint16_t>(octets[at] << 8 | octets[at + 1]);
}

MacAddr mac(Octets octets, std::size_t at) {
    MacAddr address;
    std::ranges::copy(octets.subspan(at, address.bytes.size()), address.bytes.begin());
    return address;
}

bool is_tag(std::uint16_t ethertype) { return ethertype == 0x8100 || ethertype == 0x88a8; }

// The payload of a slow protocol frame for us, possibly empty; none for a frame of somebody else.
std::optional<Octets> slow_protocol_payload(Octets frame) {
    if (frame.size() < ethernet_header || mac(frame, 0) != slow_protocols_group) {
        return std::nullopt;
    }
    std::size_t header = ethernet_header;
    if (is_tag(u16(frame, 12))) {
        header += vlan_tag;
        if (frame.size() < header || (u16(frame, 14) & 0x0fff) != 0) {
            return std::nullopt;
        }
    }
    if (u16(frame, header - 2) != slow_protocols_ethertype) {
        return std::nullopt;
    }
    return frame.subspan(header);
}

PortInfo port_info(Octets payload, std::size_t at_tlv) {
    return {u16(payload, at_tlv + 2),  mac(payload, at_tlv + 4),  u16(payload, at_tlv + 10),
            u16(payload, at_tlv + 12), u16(payload, at_tlv + 14), payload[at_tlv + 16]};
}

Classified classify_lacpdu(Octets payload, const MacAddr &own_system) {
    Classified result{Verdict::drop, &Counters::lacpdu_illegal_rx, payload, {}};
    const auto actor = port_info(payload, at_actor);
    if (payload[at_actor + 1] != info_length || payload[at_partner + 1] != info_length || actor.system.is_zero()) {
        return result;
    }
    const bool looped = actor.system == own_system;
    result.verdict = looped ? Verdict::loopback : Verdict::lacpdu;
    result.counter = looped ? &Counters::lacpdu_loopback_rx : &Counters::lacpdu_rx;
    result.pdu = {payload[at_version], actor, port_info(payload, at_partner), u16(payload, at_collector + 2)};
    return result;
}

Classified classify_marker(Octets payload) {
    switch (payload[at_marker_type]) {
    case marker_information:
        return {Verdict::marker_request, &Counters::marker_rx, payload, {}};
    case marker_response_information: // never asked for
        return {Verdict::drop, &Counters::marker_resp_rx, payload, {}};
    default:
        return {Verdict::drop, &Counters::marker_unknown_rx, payload, {}};
    }
}

void put_info(wire::FrameWriter &writer, std::uint8_t type, const PortInfo &info) {
    constexpr std::array<std::uint8_t, 3> reserved{};
    writer.u8(type).u8(info_length).u16(info.system_priority).bytes(info.system.bytes).u16(info.key);
    writer.u16(info.port_priority).u16(info.port).u8(info.state).bytes(reserved);
}

} // namespace

bool PortInfo::same_id(const PortInfo &other) const {
    auto copy = other;
    copy.state = state;
    return *this == copy;
}

Classified classify(Octets frame, const MacAddr &own_system) {
    const auto payload = slow_protocol_payload(frame);
    if (!payload) {
        return {};
    }
    if (payload->empty()) {
        return {Verdict::drop, &Counters::lacpdu_illegal_rx, *payload, {}};
    }
    const auto subtype = payload->front();
    if (subtype == 0 || subtype > last_legal_subtype) {
        return {Verdict::drop, &Counters::lacpdu_unknown_rx, *payload, {}};
    }
    if (subtype > subtype_marker) {
        return {};
    }
    if (payload->size() < pdu_octets) {
        return {Verdict::drop, &Counters::lacpdu_illegal_rx, *payload, {}};
    }
    return subtype == subtype_lacp ? classify_lacpdu(*payload, own_system) : classify_marker(*payload);
}

wire::Frame encode(const Lacpdu &pdu, const MacAddr &source) {
    wire::FrameWriter writer(slow_protocols_group, source, {}, slow_protocols_ethertype);
    writer.u8(subtype_lacp).u8(pdu.version);
    put_info(writer, 1, pdu.actor);
    put_info(writer, 2, pdu.partner);
    writer.u8(3).u8(collector_length).u16(pdu.collector_max_delay);
    auto frame = std::move(writer).finish();
    frame.resize(ethernet_header + pdu_octets); // reserved octets, terminator and pad are zero
    return frame;
}

wire::Frame marker_response(Octets request_payload, const MacAddr &source) {
    wire::FrameWriter writer(slow_protocols_group, source, {}, slow_protocols_ethertype);
    writer.bytes(request_payload.first(pdu_octets));
    auto frame = std::move(writer).finish();
    frame[ethernet_header + at_marker_type] = marker_response_information;
    return frame;
}

std::vector<Tlv> trailing_tlvs(Octets payload) {
    std::vector<Tlv> tlvs;
    for (std::size_t at = at_trailing; at + 1 < payload.size(); at += tlvs.back().length) {
        tlvs.push_back({at, payload[at], payload[at + 1]});
        if (tlvs.back().type == 0 || tlvs.back().length < 2) {
            break;
        }
    }
    return tlvs;
}

} // namespace xbond::lacp
