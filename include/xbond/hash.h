// SPDX-License-Identifier: MIT
// The data path's transmit hash for C++: `xbond explain` and tests compute with the same text that the BPF programs
// run.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "xbond/abi.h"
#include "xbond/types.h"

namespace xbond {

inline constexpr std::array hash_policies{
#define XB_POLICY_OF(number, constant, name, keyword, function) HashPolicy::name,
    XB_POLICIES(XB_POLICY_OF)
#undef XB_POLICY_OF
};

namespace flow_hash_detail {

struct xb_frame {
    std::span<const std::uint8_t> bytes;
    std::uint16_t tci;
};

inline const void *xb_at(const xb_frame *frame, std::uint32_t off, std::uint32_t len, void *) {
    return off <= frame->bytes.size() && len <= frame->bytes.size() - off ? frame->bytes.data() + off : nullptr;
}

inline const void *xb_copy(const xb_frame *frame, std::uint32_t off, std::uint32_t len, void *buf) {
    return xb_at(frame, off, len, buf);
}

// A frame as it would be received: its protocol is the type field. Lengths of LLC frames mean nothing to the hash.
inline std::uint32_t xb_frame_protocol(const xb_frame *frame) {
    std::uint16_t type = 0;
    if (const void *at = xb_at(frame, 12, sizeof(type), nullptr))
        std::memcpy(&type, at, sizeof(type));
    return type;
}

inline std::uint32_t xb_frame_tci(const xb_frame *frame) { return frame->tci; }

#include "xbond/flow_hash.h"

} // namespace flow_hash_detail

// `frame` starts at the destination MAC; `vlan_tci` is the accelerated VLAN tag, 0 without (reference 2.1, 2.3).
inline std::uint32_t flow_hash(std::span<const std::uint8_t> frame, std::uint16_t vlan_tci, HashPolicy policy) {
    const flow_hash_detail::xb_frame view{frame, vlan_tci};
    return flow_hash_detail::xb_flow_hash(&view, static_cast<std::uint32_t>(policy));
}

} // namespace xbond
