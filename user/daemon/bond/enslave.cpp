// SPDX-License-Identifier: MIT
// Enslave, release and the end of a bond (1.5): what touches a slave's device, in the order that loses no packet. The
// receive hook sits before the device goes up and goes after it is down; tables name a slave only in between.
#include <net/if.h>
#include <spdlog/spdlog.h>

#include "user/daemon/bond/controller.h"

namespace xbond::daemon {

Result<void> BondController::enslave(const std::string &ifname) {
    auto link = host_.netlink.link(ifname);
    if (!link) {
        return fail(ENODEV, "interface " + ifname + " does not exist in this network namespace");
    }
    auto facts = facts_of(host_, *link);
    facts.is_own_device = host_.is_bond_device(link->ifindex);
    XB_TRY(plan, core::plan_enslave(bond_, facts, random_mac()));
    const auto original = capture(*link);
    originals_.push_back(original);
    if (auto saved = persist(); !saved) {
        originals_.pop_back();
        return saved;
    }
    if (auto opened = open_slave(*link, original, *plan); !opened) {
        originals_.pop_back();
        (void)persist();
        return opened;
    }
    if (auto truth = host_.netlink.link(link->ifindex)) {
        host_.links.update(*truth);
        facts.flags = truth->flags;
        facts.mtu = original.mtu;
    }
    const auto seen = observe(host_, plan->slot, ifname);
    facts.carrier = seen.carrier;
    facts.speed = seen.speed;
    facts.duplex = seen.duplex;
    auto settled = settle(core::enslave(bond_, facts, *plan, sys::now()));
    if (bond_.admin_up) {
        observe_and_handle(bond_.slaves);
    }
    return settled.and_then([&] { return persist(); });
}

// Everything is undone on error, the bond's borrowed address included.
Result<void> BondController::open_slave(const sys::LinkInfo &link, const SlaveOriginal &original,
                                        const core::EnslavePlan &plan) {
    const MacAddr bond_mac = bond_.mac;
    if (plan.set_bond_mac) {
        XB_TRY_VOID(device_.set_mac(*plan.set_bond_mac));
    }
    auto done = prepare(host_, original, plan);
    if (done) {
        done = path_.set_slot(plan.slot, link.ifindex)
                   .and_then([&] { return path_.attach_slave(plan.slot, link.ifindex); })
                   .and_then([&] { return host_.netlink.set_up(link.ifindex, true); });
        if (!done) {
            path_.detach_slave(plan.slot, link.ifindex);
            path_.clear_slot(plan.slot);
            (void)restore(host_, original, original.mac);
        }
    }
    if (!done && plan.set_bond_mac) {
        (void)device_.set_mac(bond_mac);
    }
    return done;
}

Result<void> BondController::release(std::string_view ifname) {
    const auto *found = core::find_slave(bond_, ifname);
    if (found == nullptr) {
        return fail(EINVAL, std::string(ifname) + " is not a slave of " + name());
    }
    const core::Slave slave = *found;
    XB_TRY(plan, core::plan_release(bond_, slave.slot, random_mac()));
    auto settled = settle(core::release(bond_, slave.slot, *plan, sys::now()));
    close_slave(slave, plan->restore_mac);
    if (plan->set_bond_mac) {
        (void)device_.set_mac(*plan->set_bond_mac);
    }
    return settled.and_then([&] { return persist(); });
}

// The slave has left the tables; what it still holds in its queue goes out while XDP and filters are taken down.
void BondController::close_slave(const core::Slave &slave, const std::optional<MacAddr> &mac) {
    const auto original = take_original(slave.ifindex);
    (void)path_.set_xdp(slave.slot, slave.ifindex, XdpPolicy::off, "");
    applier_.slave_gone(slave.slot);
    links_.slave_gone(slave.slot);
    if (auto down = host_.netlink.set_up(slave.ifindex, false); !down) {
        spdlog::warn("{}: slave {} cannot be set down: {}", name(), slave.name, down.error().message);
    }
    path_.detach_slave(slave.slot, slave.ifindex);
    path_.clear_slot(slave.slot);
    if (auto done = restore(host_, original, mac); !done) {
        spdlog::error("{}: slave {} is not restored completely: {}", name(), slave.name, done.error().message);
    }
}

SlaveOriginal BondController::take_original(std::uint32_t ifindex) {
    for (auto it = originals_.begin(); it != originals_.end(); ++it) {
        if (it->ifindex == ifindex) {
            SlaveOriginal original = *it;
            originals_.erase(it);
            return original;
        }
    }
    return {};
}

void BondController::on_link_gone(std::uint32_t ifindex) {
    for (const auto &slave : bond_.slaves) {
        if (slave.ifindex != ifindex) {
            continue;
        }
        const core::Slave gone = slave;
        path_.clear_slot(gone.slot); // first of all: its net_device is being freed
        auto plan = core::plan_release(bond_, gone.slot, random_mac());
        if (plan) {
            (void)settle(core::release(bond_, gone.slot, *plan, sys::now()));
            if (plan->set_bond_mac) {
                (void)device_.set_mac(*plan->set_bond_mac);
            }
        }
        path_.detach_slave(gone.slot, ifindex);
        applier_.slave_gone(gone.slot);
        links_.slave_gone(gone.slot);
        (void)take_original(ifindex);
        persist_soon({.transitions = true});
        return;
    }
}

void BondController::destroy() {
    while (!bond_.slaves.empty()) {
        const std::string last = bond_.slaves.back().name;
        if (auto done = release(last); !done) {
            spdlog::error("{}: releasing {}: {}", name(), last, done.error().message);
            if (core::find_slave(bond_, last) != nullptr) {
                break;
            }
        }
    }
    timer_ = {};
    events_ = {};
    slow_.clear();
    saver_.forget();
    path_.teardown();
    if (auto done = device_.destroy(); !done && done.error().code != ENODEV) {
        spdlog::error("{}: {}", name(), done.error().message);
    }
}

} // namespace xbond::daemon
