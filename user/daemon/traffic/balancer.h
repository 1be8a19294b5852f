// SPDX-License-Identifier: MIT
// Between core and data path in modes balance-tlb and balance-alb: the tables, and the frames that balancing sends.
#pragma once

#include <vector>

#include "loader/datapath.h"
#include "user/core/bond/bond.h"
#include "user/daemon/bond/bond_device.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

core::balance::Table balance_table(const loader::DataPath &);
core::balance::Client balance_client(const xb_client &);
void apply(loader::DataPath &, const core::balance::Changes &);

// VLAN ids whose tag is the only one, which is what the client table knows.
std::vector<std::uint16_t> single_vlan_ids(const LinkTable &, std::uint32_t bond_ifindex);
// Addresses of bridges above the bond, in network order: their ARP is left alone.
std::vector<Ipv4Addr> bridge_addresses(const LinkTable &, std::uint32_t bond_ifindex);

// Untagged, and tagged for each VLAN device directly above the bond. Devices with an address of their own are
// shown on the active slave only, or the switch would see it on every port.
void send_learning(Host &, const BondDevice &, const core::Slave &, const MacAddr &mac, bool is_active);
void send_update(Host &, std::uint32_t slave_ifindex, const core::balance::Update &);

} // namespace xbond::daemon
