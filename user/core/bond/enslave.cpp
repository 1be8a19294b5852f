// SPDX-License-Identifier: MIT
// Enslave and release (`enslave.order`, `enslave.release`).
#include <algorithm>

#include "user/core/balance/macs.h"
#include "user/core/bond/step.h"
#include "user/core/options/text.h"

namespace xbond::core {
namespace {

// From the kernel's uapi headers, which pure code does not include.
constexpr std::uint16_t arphrd_ether = 1, arphrd_infiniband = 32, arphrd_can = 280;
constexpr std::uint32_t iff_up = 1;

// The first match wins (`enslave.refusals`).
Result<void> check_device(const DeviceFacts &device, bool has_slaves) {
    const std::string who = "interface " + core::quoted(device.name);
    if (device.arp_type == arphrd_can) {
        return fail(EPERM, who + " is a CAN device; a slave must be an Ethernet device");
    }
    if (device.is_master && !device.is_bond) {
        return fail(EPERM, who + " is a bridge, team or other master device; enslave its ports instead");
    }
    if (device.master != 0) {
        return fail(EBUSY, who + " already has a master; release it there first");
    }
    if (device.is_own_device) {
        return fail(EPERM, who + " is a bond, or the other end of its pair; neither can be a slave");
    }
    if ((device.flags & iff_up) != 0) {
        return fail(EPERM, who + " is up; set it down first");
    }
    if (device.arp_type == arphrd_infiniband && !has_slaves) {
        return fail(EOPNOTSUPP, who + " is an InfiniBand device; xbond bonds Ethernet devices only");
    }
    if (device.arp_type != arphrd_ether) {
        return fail(EINVAL, who + " has hardware type " + std::to_string(device.arp_type) +
                                "; a slave must be an Ethernet device (1)");
    }
    return {};
}

SlotId free_slot(const BondState &bond) {
    for (SlotId slot = 0; slot < XB_MAX_SLAVES; ++slot) {
        if (find_slave(bond, slot) == nullptr) {
            return slot;
        }
    }
    return no_slot;
}

std::optional<MacAddr> mac_for(const BondState &bond, const DeviceFacts &device, MacAddr bond_mac,
                               MacAddr fresh_random) {
    if (!slave_keeps_mac(bond)) {
        return bond_mac;
    }
    const bool doubles =
        bond.options.fail_over_mac == FailOverMac::follow && !bond.slaves.empty() && device.mac == bond_mac;
    return doubles ? std::optional(fresh_random) : std::nullopt;
}

// Without a monitor the link is UP for good (`enslave.link`).
void start_link(const BondState &bond, Slave &slave, Time now) {
    slave.link = Link::up;
    slave.mii = slave.arp = slave.up() ? Link::up : Link::down;
    if (slave.up() && bond.options.miimon_ms > 0 && bond.options.updelay_ticks > 0) {
        slave.mii = Link::back;
        slave.delay = bond.options.updelay_ticks;
    }
    slave.link = verdict(bond, slave);
    slave.reason = "enslaved";
    if (slave.link != Link::down) {
        slave.last_link_up = now;
    }
    start_times(bond, slave, now);
}

} // namespace

bool slave_keeps_mac(const BondState &bond) {
    return policy(bond).traits().address_follows_active && bond.options.fail_over_mac != FailOverMac::none;
}

Result<EnslavePlan> plan_enslave(const BondState &bond, const DeviceFacts &device, MacAddr fresh_random) {
    XB_TRY_VOID(check_device(device, !bond.slaves.empty()));
    EnslavePlan plan{.slot = free_slot(bond), .set_mtu = bond.mtu};
    if (bond.slaves.empty() && bond.mac_is_random) {
        plan.set_bond_mac = device.mac;
    }
    const MacAddr bond_mac = plan.set_bond_mac.value_or(bond.mac);
    plan.set_mac = mac_for(bond, device, bond_mac, fresh_random);
    if (policy(bond).traits().balances_load) {
        auto own = balance::address_for(bond.slaves, bond_mac, device.mac);
        if (!own) {
            return fail(own.error().code, "interface " + core::quoted(device.name) + ": " + own.error().message);
        }
        plan.set_mac = *own;
    }
    const bool keeps_mac = slave_keeps_mac(bond) && bond.options.fail_over_mac == FailOverMac::active;
    if (!device.can_set_mac && !keeps_mac) {
        if (!policy(bond).traits().address_follows_active || !bond.slaves.empty()) {
            return fail(EOPNOTSUPP, "interface " + core::quoted(device.name) + " cannot change its MAC address; only " +
                                        "active-backup with fail_over_mac active can use it");
        }
        plan.switch_fail_over_mac_active = true;
        plan.set_mac.reset();
    }
    if (plan.set_mac == device.mac) {
        plan.set_mac.reset();
    }
    if (plan.slot == no_slot) {
        return fail(ENOSPC, "interface " + core::quoted(device.name) + ": bond " + bond.name + " has " +
                                std::to_string(bond.slaves.size()) +
                                " slaves, which is the most it can have; release one first");
    }
    return plan;
}

Effects enslave(BondState &bond, const DeviceFacts &device, const EnslavePlan &plan, Time now) {
    Step step{now};
    if (plan.switch_fail_over_mac_active && bond.options.fail_over_mac != FailOverMac::active) {
        step.warn("slave " + device.name + " cannot change its MAC address: fail_over_mac becomes active");
        step.report("option", "", std::string(core::name(bond.options.fail_over_mac)), "active",
                    "fail_over_mac: " + device.name + " cannot change its MAC address");
        bond.options.fail_over_mac = FailOverMac::active;
    }
    if (plan.set_bond_mac) { // the daemon has set it already
        step.report("mac", "", bond.mac.str(), plan.set_bond_mac->str(), "taken from first slave " + device.name);
        bond.mac = *plan.set_bond_mac;
        bond.mac_is_random = false;
    }
    Slave fresh;
    fresh.slot = plan.slot;
    fresh.ifindex = device.ifindex;
    fresh.name = device.name;
    fresh.perm_mac = device.mac; // what it had before: to be shown and restored
    fresh.mac = plan.set_mac.value_or(device.mac);
    fresh.running = true;
    fresh.carrier = device.carrier;
    fresh.speed = device.speed;
    fresh.duplex = device.duplex;
    start_link(bond, fresh, now);
    policy(bond).on_enslave(fresh, bond.options.all_slaves_active);
    bond.slaves.push_back(fresh);
    step.report("slave", fresh.name, "released", std::string(state_text(fresh)), "enslaved");
    step.report("link", fresh.name, "", std::string(link_text(fresh.link)), "enslaved");
    if (policy(bond).traits().has_primary) {
        if (std::ranges::find(device.altnames, bond.options.primary) != device.altnames.end()) {
            bond.options.primary = fresh.name; // known by one of its other names until it came
        }
        if (fresh.name == bond.options.primary) {
            bond.primary = fresh.slot;
            bond.force_primary = true;
        }
    } else if (bond.active == no_slot && fresh.link == Link::up && !policy(bond).traits().lacp) {
        step.report("active", "", "", fresh.name, "first usable slave");
        bond.active = fresh.slot; // silently: no failover
    }
    update_carrier(bond, step, "slave " + fresh.name + " enslaved");
    if (policy(bond).traits().has_primary) {
        select(bond, step, "slave " + fresh.name + " enslaved");
    }
    sync_balance(bond, now);
    slave_came(bond, now);
    if (!bond.next_tick) {
        restart_monitor(bond, now + Ms(bond.options.miimon_ms));
    }
    if (!bond.next_arp) {
        restart_arp(bond, now);
    }
    return finish(bond, step);
}

Result<ReleasePlan> plan_release(const BondState &bond, SlotId slot, MacAddr fresh_random) {
    const Slave *leaving = find_slave(bond, slot);
    if (leaving == nullptr) {
        return fail(EINVAL, "slot " + std::to_string(slot) + " of bond " + bond.name + " holds no slave");
    }
    ReleasePlan plan;
    if (!slave_keeps_mac(bond) || bond.options.fail_over_mac != FailOverMac::active) {
        plan.restore_mac = leaving->perm_mac;
    }
    if (bond.slaves.size() == 1) {
        plan.set_bond_mac = fresh_random;
    }
    return plan;
}

Effects release(BondState &bond, SlotId slot, const ReleasePlan &plan, Time now) {
    Step step{now};
    const Slave *found = find_slave(bond, slot);
    if (found == nullptr) {
        return {};
    }
    const Slave leaving = *found;
    const bool was_active = slot == bond.active;
    const std::string cause = "slave " + leaving.name + " released";
    if (plan.restore_mac == bond.mac && bond.slaves.size() > 1) {
        step.warn("the permanent address " + bond.mac.str() + " of " + leaving.name +
                  " stays in use by the bond: give " + leaving.name + " another one to avoid conflicts");
    }
    if (slot == bond.primary) {
        bond.primary = no_slot;
    }
    if (slot == bond.candidate) {
        bond.candidate = no_slot;
    }
    if (was_active) {
        change_active(bond, step, no_slot, cause);
    }
    if (policy(bond).traits().balances_load) {
        return_address(bond, step, slot);
    }
    std::erase_if(bond.slaves, [&](const Slave &slave) { return slave.slot == slot; });
    step.report("slave", leaving.name, std::string(state_text(leaving)), "released", "released");
    if (std::ranges::any_of(bond.slaves, [](const Slave &slave) { return slave.unsteady_since.has_value(); })) {
        look_again(bond, step); // it may be the only one that is left
    }
    if (was_active) {
        select(bond, step, cause);
    }
    update_carrier(bond, step, cause);
    if (plan.set_bond_mac) { // the daemon sets it after the slave has its own address again
        step.report("mac", "", bond.mac.str(), plan.set_bond_mac->str(), "last slave released");
        bond.mac = *plan.set_bond_mac;
        bond.mac_is_random = true;
    }
    leave_lacp(bond, step, leaving);
    sync_balance(bond, now);
    if (bond.slaves.empty()) {
        restart_monitor(bond, now);
        restart_arp(bond, now);
    }
    return finish(bond, step);
}

} // namespace xbond::core
