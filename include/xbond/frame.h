// SPDX-License-Identifier: MIT
// The text that the BPF programs share, compiled for C++: `xbond explain` and tests decide with the same lines that a
// packet meets. Here a frame is bytes in memory; in bpf/lib/frame.h it is a packet.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "xbond/abi.h"
#include "xbond/packet.h"

namespace xbond::data_path {

struct xb_frame {
    std::span<const std::uint8_t> bytes;
    std::uint16_t tci; // of an accelerated VLAN tag, 0 without
};

inline const void *xb_at(const xb_frame *frame, std::uint32_t off, std::uint32_t len, void *) {
    return off <= frame->bytes.size() && len <= frame->bytes.size() - off ? frame->bytes.data() + off : nullptr;
}

inline const void *xb_copy(const xb_frame *frame, std::uint32_t off, std::uint32_t len, void *buf) {
    const void *at = xb_at(frame, off, len, nullptr);
    return at ? std::memcpy(buf, at, len) : nullptr;
}

inline const std::uint8_t *xb_frame_eth(const xb_frame *frame) {
    return static_cast<const std::uint8_t *>(xb_at(frame, 0, XB_L2_LEN, nullptr));
}

// A frame as it would be received: its protocol is the type field. Lengths of LLC frames mean nothing to the hash.
inline std::uint32_t xb_frame_protocol(const xb_frame *frame) {
    const std::uint8_t *eth = xb_frame_eth(frame);
    return eth ? xb_half(eth + 12) : 0;
}

inline std::uint32_t xb_frame_tci(const xb_frame *frame) { return frame->tci; }

struct xb_links {
    std::array<bool, XB_MAX_SLAVES> carrier{};
    std::uint32_t last_lost = XB_NO_SLOT;
};

inline int xb_link_carrier(const xb_links *links, std::uint32_t id) {
    return id < links->carrier.size() && links->carrier[id];
}

inline int xb_link_ready(const xb_links *links, std::uint32_t id) { return xb_link_carrier(links, id); }

inline void xb_link_lost(xb_links *links, std::uint32_t id) { links->last_lost = id; }

#define XB_OUTLINE XB_FN
#include "xbond/classify.h"
#include "xbond/flow_hash.h"
#include "xbond/pick.h"
#undef XB_OUTLINE

} // namespace xbond::data_path
