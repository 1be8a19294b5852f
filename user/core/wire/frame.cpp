// SPDX-License-Identifier: MIT
#include "user/core/wire/frame.h"

#include <algorithm>

namespace xbond::wire {

namespace {
constexpr std::size_t min_frame_bytes = 60; // without the frame check sequence
}

FrameWriter::FrameWriter(const MacAddr &dst, const MacAddr &src, std::span<const VlanTag> tags,
                         std::uint16_t ethertype) {
    bytes(dst.bytes).bytes(src.bytes);
    for (const auto &tag : tags) {
        u16(tag.proto).u16(tag.id & 0x0fff);
    }
    u16(ethertype);
}

FrameWriter &FrameWriter::u8(std::uint8_t v) {
    frame_.push_back(v);
    return *this;
}

FrameWriter &FrameWriter::u16(std::uint16_t v) {
    return u8(static_cast<std::uint8_t>(v >> 8)).u8(static_cast<std::uint8_t>(v));
}

FrameWriter &FrameWriter::bytes(std::span<const std::uint8_t> v) {
    frame_.insert(frame_.end(), v.begin(), v.end());
    return *this;
}

void FrameWriter::put16(std::size_t offset, std::uint16_t v) {
    frame_.at(offset) = static_cast<std::uint8_t>(v >> 8);
    frame_.at(offset + 1) = static_cast<std::uint8_t>(v);
}

Frame FrameWriter::finish() && {
    frame_.resize(std::max(frame_.size(), min_frame_bytes));
    return std::move(frame_);
}

std::uint16_t internet_checksum(std::initializer_list<std::span<const std::uint8_t>> parts) {
    std::uint64_t sum = 0;
    for (const auto part : parts) {
        for (std::size_t i = 0; i < part.size(); ++i) {
            sum += static_cast<std::uint64_t>(part[i]) << (i % 2 == 0 ? 8 : 0);
        }
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

} // namespace xbond::wire
