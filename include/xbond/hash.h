// SPDX-License-Identifier: MIT
// The data path's transmit hash for C++.
#pragma once

#include <array>

#include "xbond/frame.h"
#include "xbond/types.h"

namespace xbond {

inline constexpr std::array hash_policies{
#define XB_POLICY_OF(number, constant, name, keyword, function) HashPolicy::name,
    XB_POLICIES(XB_POLICY_OF)
#undef XB_POLICY_OF
};

// `frame` starts at the destination MAC; `vlan_tci` is the accelerated VLAN tag, 0 without.
inline std::uint32_t flow_hash(std::span<const std::uint8_t> frame, std::uint16_t vlan_tci, HashPolicy policy) {
    const data_path::xb_frame view{frame, vlan_tci};
    return data_path::xb_flow_hash(&view, static_cast<std::uint32_t>(policy));
}

} // namespace xbond
