// SPDX-License-Identifier: MIT
// A bond: options, slaves, link monitor, active-slave selection, failover, LACP. Pure: no system call, no clock, no
// log. Its state is plain data. Events and commands go in with the time; effects come out in the order in which they
// must be carried out, the flip of the tables among them. What became of them comes back as events.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "user/core/balance/state.h"
#include "user/core/bond/desired.h"
#include "user/core/bond/effect.h"
#include "user/core/bond/event.h"
#include "user/core/lacp/system.h"
#include "user/core/link/slave.h"
#include "user/core/options/options.h"
#include "xbond/result.h"

namespace xbond::core {

struct BondState {
    std::string name;
    Options options{}; // `mode` is one that set_option accepts
    MacAddr mac;
    bool mac_is_random = true; // address type "random" (`address.donor`)
    std::uint32_t mtu = 1500;
    bool admin_up = false;
    bool carrier = false;
    bool aggregation_carrier = false; // what LACP makes of it
    std::vector<Slave> slaves;        // enslavement order
    SlotId active = no_slot;
    SlotId primary = no_slot;
    bool force_primary = false; // the primary takes over once, whatever primary_reselect says (`active.primary`)
    std::uint32_t pending_notif = 0;
    std::uint32_t pending_rejoin = 0;
    std::optional<Time> next_tick; // none: no monitor, bond down or no slaves
    std::optional<Time> rejoin_at;
    SlotId candidate = no_slot;   // that the ARP monitor probes (`arp.search`); only while there is no active slave
    std::optional<Time> next_arp; // as next_tick, of the ARP/NS monitor
    core::balance::State balance{};
    // Older stamps of a target slot belong to another target, or to a time before the monitor's.
    std::array<Time, XB_MAX_TARGETS> target_since{};
    std::optional<xbond::lacp::System> lacp{}; // mode 802.3ad
    std::optional<Desired> published{};        // by the last Publish
};

// ---- events ----
Effects step(BondState &, const Event &, Time now);
std::optional<Time> deadline(const BondState &); // when the next of these is due; none: nothing is pending
bool links_due(const BondState &, Time now);     // LinksObserved of all
bool balance_due(const BondState &, Time now);   // BalanceObserved
bool lacp_due(const BondState &, Time now);      // SlowFrames with `all`

// ---- commands; on error nothing has changed ----
// All-or-nothing, applied in the kernel's netlink order whatever order they were given in. active_slave and
// primary take names; "" clears.
Result<Effects> set_options(BondState &, std::span<const OptionValue>, Time now);
Result<Effects> set_slave_options(BondState &, SlotId, std::span<const OptionValue>, Time now);

struct DeviceFacts { // what the daemon found out about a device that somebody wants to enslave
    std::string name;
    std::vector<std::string> altnames;
    std::uint32_t ifindex = 0;
    std::uint16_t arp_type = 1; // ARPHRD_*
    std::uint32_t flags = 0;    // IFF_*
    std::uint32_t master = 0;   // ifindex of its master, 0 if none
    bool is_master = false;     // a bridge, team, VRF ... device (IFF_MASTER or a master-type kind)
    bool is_bond = false;       // an xbond bond, or a kernel bond
    bool is_own_device = false; // the device of an xbond bond, or the other end of its pair
    bool can_set_mac = true;
    MacAddr mac;
    std::uint32_t mtu = 1500;
    bool carrier = false; // for enslave(): this, speed and duplex as read after the device was opened
    std::uint32_t speed = speed_unknown;
    std::uint8_t duplex = duplex_unknown;
};
struct EnslavePlan { // what the daemon does to the device, in this order, before enslave()
    SlotId slot = no_slot;
    std::optional<MacAddr> set_bond_mac; // first slave lends its MAC
    std::optional<MacAddr> set_mac;
    std::uint32_t set_mtu = 1500;
    bool switch_fail_over_mac_active = false; // first slave cannot change its MAC (`enslave.refusals`)
};
struct ReleasePlan {
    std::optional<MacAddr> restore_mac;  // none: keep (fail_over_mac active)
    std::optional<MacAddr> set_bond_mac; // last slave left: a new random MAC
};

Result<EnslavePlan> plan_enslave(const BondState &, const DeviceFacts &, MacAddr fresh_random);
Effects enslave(BondState &, const DeviceFacts &before, const EnslavePlan &, Time now); // open; MAC and MTU are set
Result<ReleasePlan> plan_release(const BondState &, SlotId, MacAddr fresh_random);
// The slave leaves the tables; call before the device is touched, then detach and restore it.
Effects release(BondState &, SlotId, const ReleasePlan &, Time now);

// ---- queries ----
Desired desired(const BondState &);
const Slave *find_slave(const BondState &, SlotId);
Slave *find_slave(BondState &, SlotId);
const Slave *find_slave(const BondState &, std::string_view name);
bool uses_lacp(const BondState &);       // mode 802.3ad
bool slave_keeps_mac(const BondState &); // mode 1 with fail_over_mac: the slaves decide on the bond's address

// ---- for a successor ----
// Everything a new controller needs to go on without a visible change.
struct SavedBond {
    std::string name;
    Options options;
    MacAddr mac;
    bool mac_is_random = true; // address type "random" (`address.donor`)
    bool admin_up = false;
    std::vector<Slave> slaves; // enslavement order
    SlotId active = no_slot;
    SlotId primary = no_slot;
    bool force_primary = false;
    std::uint32_t pending_notif = 0;
    std::uint32_t pending_rejoin = 0;
    SlotId candidate = no_slot;       // of the ARP monitor's search (`arp.search`)
    bool aggregation_carrier = false; // mode 802.3ad

    bool operator==(const SavedBond &) const = default;
};

SavedBond save(const BondState &);
// No effects. The tick grid starts anew one miimon from now, so that no delay gets shorter: send LinksObserved of
// all slaves at once to act on what happened meanwhile. The ARP/NS monitor's grid starts now, and the time in which
// nobody probed is held against no slave. What saved state names but does not have is left out.
BondState restore(const SavedBond &, std::uint32_t mtu, Time now);
// LACP goes on where it was. EINVAL, and it starts anew, for a state that
// contradicts itself or is of another boot.
Result<void> restore_lacp(BondState &, lacp::SystemState saved, Time now);

} // namespace xbond::core
