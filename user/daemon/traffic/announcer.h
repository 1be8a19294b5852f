// SPDX-License-Identifier: MIT
// What nobody does for a veth: after a failover the controller itself tells the network where the bond's addresses now
// are, and raises membership reports, for bond0 and every VLAN, macvlan and bridge on top of it (`announce.frames`).
#pragma once

#include <cstdint>
#include <span>

#include "user/daemon/bond/bond_device.h"
#include "user/daemon/upper_devices.h"

namespace xbond::daemon {

// `unicast`: addresses of devices above, known or not. Of a device in another namespace (a container's macvlan) this is
// all that is known here: switches are shown where its address is now, by a learning packet.
void announce(Host &, const BondDevice &, const MacAddr &bond_mac, std::uint32_t slave_ifindex,
              std::span<const MacAddr> unicast);
// Of IGMP and of MLD.
void rejoin_groups(Host &, const BondDevice &, const MacAddr &bond_mac, std::uint32_t slave_ifindex);

} // namespace xbond::daemon
