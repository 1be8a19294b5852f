// SPDX-License-Identifier: MIT
// Enslave and release (1.5, 1.6).
#include "user/core/balance/macs.h"
#include "user/core/bond/step.h"
#include "user/core/options/text.h"

namespace xbond::core {
namespace {

// From the kernel's uapi headers, which pure code does not include.
constexpr std::uint16_t arphrd_ether = 1, arphrd_infiniband = 32, arphrd_can = 280;
constexpr std::uint32_t iff_up = 1;

// 1.5: first match wins.
Result<void> check_device(const DeviceFacts &device, bool has_slaves) {
    const std::string who = "interface " + quoted(device.name);
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

} // namespace

SlotId Bond::free_slot() const {
    for (SlotId slot = 0; slot < XB_MAX_SLAVES; ++slot) {
        if (slave(slot) == nullptr) {
            return slot;
        }
    }
    return no_slot;
}

bool Bond::slave_keeps_mac() const {
    return policy().traits().address_follows_active && options_.fail_over_mac != FailOverMac::none;
}

std::optional<MacAddr> Bond::mac_for(const DeviceFacts &device, MacAddr bond_mac, MacAddr fresh_random) const {
    if (!slave_keeps_mac()) {
        return bond_mac;
    }
    const bool doubles = options_.fail_over_mac == FailOverMac::follow && !slaves_.empty() && device.mac == bond_mac;
    return doubles ? std::optional(fresh_random) : std::nullopt;
}

Result<EnslavePlan> Bond::plan_enslave(const DeviceFacts &device, MacAddr fresh_random) const {
    XB_TRY_VOID(check_device(device, !slaves_.empty()));
    EnslavePlan plan{.slot = free_slot(), .set_mtu = mtu_};
    if (slaves_.empty() && mac_is_random_) {
        plan.set_bond_mac = device.mac;
    }
    const MacAddr bond_mac = plan.set_bond_mac.value_or(mac_);
    plan.set_mac = mac_for(device, bond_mac, fresh_random);
    if (policy().traits().balances_load) {
        auto own = balance::address_for(slaves_, bond_mac, device.mac);
        if (!own) {
            return fail(own.error().code, "interface " + quoted(device.name) + ": " + own.error().message);
        }
        plan.set_mac = *own;
    }
    const bool keeps_mac = slave_keeps_mac() && options_.fail_over_mac == FailOverMac::active;
    if (!device.can_set_mac && !keeps_mac) {
        if (!policy().traits().address_follows_active || !slaves_.empty()) {
            return fail(EOPNOTSUPP, "interface " + quoted(device.name) + " cannot change its MAC address; only " +
                                        "active-backup with fail_over_mac active can use it");
        }
        plan.switch_fail_over_mac_active = true;
        plan.set_mac.reset();
    }
    if (plan.set_mac == device.mac) {
        plan.set_mac.reset();
    }
    if (plan.slot == no_slot) {
        return fail(ENOSPC, "interface " + quoted(device.name) + ": bond " + name_ + " has " +
                                std::to_string(slaves_.size()) +
                                " slaves, which is the most it can have; release one first");
    }
    return plan;
}

// 1.5; without a monitor the link is UP for good.
void Bond::start_link(Slave &slave, Time now) const {
    slave.link = Link::up;
    slave.mii = slave.arp = slave.up() ? Link::up : Link::down;
    if (slave.up() && options_.miimon_ms > 0 && options_.updelay_ticks > 0) {
        slave.mii = Link::back;
        slave.delay = options_.updelay_ticks;
    }
    slave.link = verdict(slave);
    slave.reason = "enslaved";
    if (slave.link != Link::down) {
        slave.last_link_up = now;
    }
    start_times(slave, now);
}

Effects Bond::enslave(const DeviceFacts &device, const EnslavePlan &plan, Time now) {
    Step step{now, {}};
    if (plan.switch_fail_over_mac_active && options_.fail_over_mac != FailOverMac::active) {
        step.warn("slave " + device.name + " cannot change its MAC address: fail_over_mac becomes active");
        step.report("option", "", std::string(core::name(options_.fail_over_mac)), "active",
                    "fail_over_mac: " + device.name + " cannot change its MAC address");
        options_.fail_over_mac = FailOverMac::active;
    }
    if (plan.set_bond_mac) { // the daemon has set it already
        step.report("mac", "", mac_.str(), plan.set_bond_mac->str(), "taken from first slave " + device.name);
        mac_ = *plan.set_bond_mac;
        mac_is_random_ = false;
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
    start_link(fresh, now);
    policy().on_enslave(fresh, options_.all_slaves_active);
    slaves_.push_back(fresh);
    step.report("slave", fresh.name, "released", std::string(state_text(fresh)), "enslaved");
    step.report("link", fresh.name, "", std::string(link_text(fresh.link)), "enslaved");
    if (policy().traits().has_primary) {
        if (fresh.name == options_.primary) {
            primary_ = fresh.slot;
            force_primary_ = true;
        }
    } else if (active_ == no_slot && fresh.link == Link::up && !policy().traits().lacp) {
        step.report("active", "", "", fresh.name, "first usable slave");
        active_ = fresh.slot; // silently: no failover (1.5)
    }
    update_carrier(step, "slave " + fresh.name + " enslaved");
    if (policy().traits().has_primary) {
        select(step, "slave " + fresh.name + " enslaved");
    }
    sync_balance(now);
    slave_came(now);
    if (!next_tick_) {
        restart_monitor(now + Ms(options_.miimon_ms));
    }
    if (!next_arp_) {
        restart_arp(now);
    }
    return std::move(step.effects);
}

Result<ReleasePlan> Bond::plan_release(SlotId slot, MacAddr fresh_random) const {
    const Slave *leaving = slave(slot);
    if (leaving == nullptr) {
        return fail(EINVAL, "slot " + std::to_string(slot) + " of bond " + name_ + " holds no slave");
    }
    ReleasePlan plan;
    if (!slave_keeps_mac() || options_.fail_over_mac != FailOverMac::active) {
        plan.restore_mac = leaving->perm_mac;
    }
    if (slaves_.size() == 1) {
        plan.set_bond_mac = fresh_random;
    }
    return plan;
}

Effects Bond::release(SlotId slot, const ReleasePlan &plan, Time now) {
    Step step{now, {}};
    const Slave *found = slave(slot);
    if (found == nullptr) {
        return {};
    }
    const Slave leaving = *found;
    const bool was_active = slot == active_;
    const std::string cause = "slave " + leaving.name + " released";
    if (plan.restore_mac == mac_ && slaves_.size() > 1) {
        step.warn("the permanent address " + mac_.str() + " of " + leaving.name + " stays in use by the bond: give " +
                  leaving.name + " another one to avoid conflicts");
    }
    if (slot == primary_) {
        primary_ = no_slot;
    }
    if (slot == candidate_) {
        candidate_ = no_slot;
    }
    if (was_active) {
        change_active(step, no_slot, cause);
    }
    if (policy().traits().balances_load) {
        return_address(step, slot);
    }
    std::erase_if(slaves_, [&](const Slave &slave) { return slave.slot == slot; });
    step.report("slave", leaving.name, std::string(state_text(leaving)), "released", "released");
    if (was_active) {
        select(step, cause);
    }
    update_carrier(step, cause);
    if (plan.set_bond_mac) { // the daemon sets it after the slave has its own address again
        step.report("mac", "", mac_.str(), plan.set_bond_mac->str(), "last slave released");
        mac_ = *plan.set_bond_mac;
        mac_is_random_ = true;
    }
    sync_balance(now);
    if (slaves_.empty()) {
        restart_monitor(now);
        restart_arp(now);
    }
    return std::move(step.effects);
}

} // namespace xbond::core
