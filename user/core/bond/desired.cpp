// SPDX-License-Identifier: MIT
// The state that a bond wants of its data path and its devices.
#include <algorithm>

#include "user/core/bond/bond.h"
#include "user/core/link/arp.h"
#include "user/core/modes/mode_policy.h"

namespace xbond::core {
namespace {

Hear hear(const Options &options, const Slave &slave) { // 4.3
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

} // namespace

DesiredMonitor Bond::desired_monitor() const {
    if (options_.arp_interval_ms == 0) {
        return {};
    }
    DesiredMonitor wanted{.on = true,
                          .heard_after = std::nullopt,
                          .all_targets = options_.arp_all_targets_all,
                          .targets = options_.arp_ip_targets,
                          .targets6 = options_.ns_ip6_targets};
    if (const Slave *active = slave(active_)) {
        wanted.heard_after = active->last_link_up;
    }
    if (const Slave *candidate = slave(candidate_)) {
        // From the moment when it was chosen: an answer may be faster than the report that the probe was sent.
        const Time sent = std::max(candidate->last_tx, candidate->last_link_up);
        const monitor::ArpWindow window{sent, Ms(options_.arp_interval_ms), options_.arp_missed_max};
        wanted.probe_from = sent - window.interval;
        wanted.probe_until = window.until(sent, 1);
    }
    return wanted;
}

DesiredSlave Bond::desired_slave(const Slave &slave, SlotId fallback) const {
    const ModeTraits &traits = policy().traits();
    // Probes show their targets the address of the slave that asks (4.2): what they send to it is for the bond.
    const bool has_own_traffic = traits.balances_clients || (traits.balances_load && options_.arp_interval_ms > 0);
    return {.slot = slave.slot,
            .ifindex = slave.ifindex,
            .mac = slave.mac,
            .queue_id = slave.link == Link::up ? slave.queue_id : std::uint16_t{0}, // 1.9
            .suppress = slave.suppressed && !has_own_traffic,
            .suppress_flood = slave.suppressed && has_own_traffic,
            .promisc = slave.slot == active_ && balance_.listen_until.has_value(),
            .speed = traits.balances_load ? slave.known_speed() : 0,
            .fallback = fallback,
            .hear = hear(options_, slave),
            .backup = slave.backup,
            .ns_joins = traits.arp_on_active ? ns_joins(options_, slave) : std::vector<MacAddr>{},
            .carries_lists = !traits.has_primary || slave.slot == active_};
}

Desired Bond::desired() const {
    const ModeView seen = view();
    const FallbackTable fallback = policy().fallback(seen);
    Desired desired{.programs = {.mode = options_.mode,
                                 .policy = options_.xmit_hash_policy,
                                 .packets_per_slave = options_.packets_per_slave,
                                 .tlb_dynamic_lb = options_.tlb_dynamic_lb},
                    .balances_clients = policy().traits().balances_clients,
                    .bond_mac = mac_,
                    .carrier = carrier_,
                    .active = active_,
                    .igmp = no_slot,
                    .pick = policy().pick(seen),
                    .slaves = {},
                    .xdp = options_.xdp,
                    .visibility = options_.visibility,
                    .carrier_watch_ms = options_.carrier_watch_ms,
                    .broadcast_neighbor = options_.broadcast_neighbor,
                    .lease_ms = policy().traits().lacp ? options_.controller_lease_ms : 0,
                    .monitor = desired_monitor()};
    if (policy().traits().igmp_on_active) {
        const auto usable = usable_slots(slaves_);
        desired.igmp = active_ != no_slot || usable.empty() ? active_ : usable.front();
    }
    for (const Slave &slave : slaves_) {
        desired.slaves.push_back(desired_slave(slave, fallback.at(slave.slot)));
    }
    return desired;
}

} // namespace xbond::core
