// SPDX-License-Identifier: MIT
// Rules for the AF_XDP sockets of applications in the data path's words. PURE, as bond/encode.h.
#pragma once

#include <span>
#include <vector>

#include "user/core/options/xsk_rules.h"
#include "xbond/abi.h"

namespace xbond::daemon {

xb_xsk_rule encode(const core::XskRule &);
std::vector<xb_xsk_rule> encode(std::span<const core::XskRule>);

} // namespace xbond::daemon
