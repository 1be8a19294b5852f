// SPDX-License-Identifier: MIT
// What stands on a bond: VLANs, macvlans and bridges, at any depth, and with which tags its frames come to the bond.
#pragma once

#include <cstdint>
#include <vector>

#include "user/core/wire/frame.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

struct UpperDevice { // the bond itself or a device stacked on it
    const sys::LinkInfo *link;
    std::vector<wire::VlanTag> tags; // outermost first
};

std::vector<UpperDevice> devices_on_top(const LinkTable &, std::uint32_t bond_ifindex); // the bond comes first

} // namespace xbond::daemon
