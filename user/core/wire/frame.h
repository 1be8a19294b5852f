// SPDX-License-Identifier: MIT
// Building blocks of the frames that xbond itself sends. Pure.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "xbond/types.h"

namespace xbond::wire {

using Frame = std::vector<std::uint8_t>;

struct VlanTag {
    std::uint16_t proto = 0x8100; // or 0x88a8
    std::uint16_t id = 0;         // 1..4094
    auto operator<=>(const VlanTag &) const = default;
};

// Appends to a frame, numbers in network order.
class FrameWriter {
public:
    // Ethernet header, the tags in band, outermost first.
    FrameWriter(const MacAddr &dst, const MacAddr &src, std::span<const VlanTag> tags, std::uint16_t ethertype);

    FrameWriter &u8(std::uint8_t v);
    FrameWriter &u16(std::uint16_t v);
    FrameWriter &bytes(std::span<const std::uint8_t> v);

    std::size_t size() const { return frame_.size(); }
    std::span<const std::uint8_t> from(std::size_t offset) const { return std::span(frame_).subspan(offset); }
    void put16(std::size_t offset, std::uint16_t v); // into what is written already

    Frame finish() &&; // padded with zeros to the 60 bytes that Ethernet asks for

private:
    Frame frame_;
};

// The Internet checksum (RFC 1071) over the parts one after the other; each but the last has an even length.
std::uint16_t internet_checksum(std::initializer_list<std::span<const std::uint8_t>> parts);

} // namespace xbond::wire
