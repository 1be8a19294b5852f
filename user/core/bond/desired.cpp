// SPDX-License-Identifier: MIT
// The state that a bond wants of its data path and its devices.
#include <algorithm>

#include "user/core/bond/step.h"
#include "user/core/link/arp.h"
#include "user/core/modes/mode_policy.h"

namespace xbond::core {
namespace {

Hear hear(const Options &options, const Slave &slave) { // `arp.validate`
    constexpr unsigned on_active = 1, on_backup = 2, filter = 4;
    if (options.arp_interval_ms == 0) {
        return Hear::nothing;
    }
    const auto bits = static_cast<unsigned>(options.arp_validate);
    if ((bits & (slave.backup ? on_backup : on_active)) != 0) {
        return Hear::valid;
    }
    return (bits & filter) != 0 ? Hear::arp : Hear::any;
}

// So that a backup hears the active slave's solicitations: the multicast addresses that they go to.
std::vector<MacAddr> ns_joins(const Options &options, const Slave &slave) {
    std::vector<MacAddr> joins;
    if (options.arp_validate == ArpValidate::none || !slave.backup) {
        return joins;
    }
    for (const Ipv6Addr &target : options.ns_ip6_targets) {
        const MacAddr mac{{0x33, 0x33, 0xff, target[13], target[14], target[15]}};
        if (std::ranges::find(joins, mac) == joins.end()) {
            joins.push_back(mac);
        }
    }
    return joins;
}

DesiredMonitor desired_monitor(const BondState &bond) {
    if (bond.options.arp_interval_ms == 0) {
        return {};
    }
    DesiredMonitor wanted{.on = true,
                          .heard_after = std::nullopt,
                          .all_targets = bond.options.arp_all_targets_all,
                          .targets = bond.options.arp_ip_targets,
                          .targets6 = bond.options.ns_ip6_targets};
    if (const Slave *active = find_slave(bond, bond.active)) {
        wanted.heard_after = active->last_link_up;
    }
    if (const Slave *candidate = find_slave(bond, bond.candidate)) {
        // From the moment when it was chosen: an answer may be faster than the report that the probe was sent.
        const Time sent = std::max(candidate->last_tx, candidate->last_link_up);
        const monitor::ArpWindow window{sent, Ms(bond.options.arp_interval_ms), bond.options.arp_missed_max};
        wanted.probe_from = sent - window.interval;
        wanted.probe_until = window.until(sent, 1);
    }
    return wanted;
}

DesiredSlave desired_slave(const BondState &bond, const Slave &slave, SlotId fallback) {
    const ModeTraits &traits = policy(bond).traits();
    // Probes show their targets the address of the slave that asks (`arp.probe`): what they send to it is for the bond.
    const bool has_own_traffic = traits.balances_clients || (traits.balances_load && bond.options.arp_interval_ms > 0);
    return {.slot = slave.slot,
            .ifindex = slave.ifindex,
            .mac = slave.mac,
            .queue_id = slave.link == Link::up ? slave.queue_id : std::uint16_t{0}, // `select.queue`
            .suppress = slave.suppressed && !has_own_traffic,
            .suppress_flood = slave.suppressed && has_own_traffic,
            .promisc = slave.slot == bond.active && bond.balance.listen_until.has_value(),
            .speed = traits.balances_load ? slave.known_speed() : 0,
            .fallback = fallback,
            .hear = hear(bond.options, slave),
            .backup = slave.backup,
            .ns_joins = traits.arp_on_active ? ns_joins(bond.options, slave) : std::vector<MacAddr>{},
            .carries_lists = !traits.has_primary || slave.slot == bond.active};
}

} // namespace

Desired desired(const BondState &bond) {
    const ModeView seen = view(bond);
    const FallbackTable fallback = policy(bond).fallback(seen);
    Desired desired{.programs = {.mode = bond.options.mode,
                                 .policy = bond.options.xmit_hash_policy,
                                 .packets_per_slave = bond.options.packets_per_slave,
                                 .tlb_dynamic_lb = bond.options.tlb_dynamic_lb},
                    .balances_clients = policy(bond).traits().balances_clients,
                    .bond_mac = bond.mac,
                    .carrier = bond.carrier,
                    .active = bond.active,
                    .igmp = no_slot,
                    .pick = policy(bond).pick(seen),
                    .slaves = {},
                    .xdp = bond.options.xdp,
                    .xsk_allow = bond.options.xsk_allow,
                    .visibility = bond.options.visibility,
                    .receive = bond.options.receive,
                    .carrier_watch_ms = bond.admin_up && !bond.slaves.empty() ? bond.options.carrier_watch_ms : 0,
                    .broadcast_neighbor = bond.options.broadcast_neighbor,
                    .lease_ms = policy(bond).traits().lacp ? bond.options.controller_lease_ms : 0,
                    .monitor = desired_monitor(bond)};
    if (policy(bond).traits().igmp_on_active) {
        const auto usable = usable_slots(bond.slaves);
        desired.igmp = bond.active != no_slot || usable.empty() ? bond.active : usable.front();
    }
    for (const Slave &slave : bond.slaves) {
        desired.slaves.push_back(desired_slave(bond, slave, fallback.at(slave.slot)));
    }
    return desired;
}

} // namespace xbond::core
