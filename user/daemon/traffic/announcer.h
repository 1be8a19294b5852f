// SPDX-License-Identifier: MIT
// What nobody does for a veth: after a failover the controller itself tells the network where the bond's addresses now
// are (1.11) and raises membership reports (1.12), for bond0 and every VLAN, macvlan and bridge on top of it.
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

std::vector<UpperDevice> devices_on_top(const LinkTable &, std::uint32_t bond_ifindex);

void announce(Host &, std::uint32_t bond_ifindex, const MacAddr &bond_mac, std::uint32_t slave_ifindex);
void rejoin_groups(Host &, std::uint32_t bond_ifindex, std::uint32_t slave_ifindex);

} // namespace xbond::daemon
