// SPDX-License-Identifier: MIT
// Enslave and release: what touches a slave's device, in the order that loses no packet. The receive hook sits before
// the device goes up and goes after it is down; tables name a slave only in between. Hands do it.
#include <algorithm>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include "user/daemon/bond/controller.h"
#include "user/sys/netns.h"

namespace xbond::daemon {

Task<Result<void>> BondController::enslave(std::string ifname) {
    struct Candidate {
        core::DeviceFacts facts;
        SlaveOriginal original;
    };
    auto look = [ifname](Hands::Tools &tools) -> Result<Candidate> {
        const auto link = tools.netlink.link(ifname);
        if (!link) {
            return fail(ENODEV, "interface " + ifname + " does not exist in this network namespace");
        }
        return Candidate{facts_of(tools.netlink, tools.ethtool, *link), capture(*link)};
    };
    XB_CO_TRY(candidate, co_await host_.hands.call("look at a device", std::move(look)));
    auto &[facts, original] = *candidate;
    facts.is_own_device = host_.is_bond_device(facts.ifindex);
    host_.catch_up(); // the device may be a moment old
    XB_CO_TRY_VOID(host_.may_be_slave(ifindex(), facts.ifindex));
    XB_CO_TRY(plan, core::plan_enslave(bond_, facts, random_mac()));
    originals_.push_back(original);
    auto done = co_await on_record();
    if (done) {
        done = co_await open_slave(original, *plan, facts);
    }
    if (!done) {
        (void)take_original(facts.ifindex);
        (void)co_await keep();
        co_return done;
    }
    settle(core::enslave(bond_, facts, *plan, sys::now()));
    if (bond_.admin_up) {
        observe_and_handle(bond_.slaves);
    }
    host_.catch_up();
    if (host_.links.find(facts.ifindex) == nullptr) { // the event of its end came before there was a slave
        on_link_gone(facts.ifindex);
        co_return fail(ENODEV, "interface " + ifname + " has gone while it was enslaved");
    }
    done = co_await on_record();
    if (!done) { // whoever comes next would take it for half taken in
        co_await give_up_slave(facts.ifindex);
    }
    co_return done;
}

Task<Result<void>> BondController::give_up_slave(std::uint32_t ifindex) {
    const auto found = std::ranges::find(bond_.slaves, ifindex, &core::Slave::ifindex);
    if (found != bond_.slaves.end()) {
        std::function<Task<Result<void>>(BondController &)> back = [slave = found->name](BondController &bond) {
            return bond.release(slave);
        };
        co_return co_await regardless(std::move(back));
    }
    co_return Result<void>();
}

namespace {

// A chained program sees a slave's first frame; other XDP comes when the rest is done.
Result<void> run_chained(loader::DataPath &path, Hands::Tools &tools, SlotId slot, const SlaveOriginal &original,
                         XdpPolicy policy) {
    if (!path.chained()) {
        return {};
    }
    if (auto set = path.set_xdp(slot, original.ifindex, policy, tools.ethtool.driver(original.ifindex)); !set) {
        return fail(set.error().code,
                    "the bond's chained XDP program cannot run on " + original.name + ": " + set.error().message);
    }
    return {};
}

} // namespace

// Everything is undone on error, the bond's borrowed address included. On success `facts` are of the opened device.
Task<Result<void>> BondController::open_slave(SlaveOriginal original, core::EnslavePlan plan,
                                              core::DeviceFacts &facts) {
    struct Opened {
        std::uint32_t flags;
        core::LinkObservation seen;
    };
    auto open = [path = path_, device = device_, bond_mac = bond_.mac, original, plan,
                 xdp = bond_.options.xdp](Hands::Tools &tools) -> Result<Opened> {
        if (plan.set_bond_mac) {
            XB_TRY_VOID(device.set_mac(tools.netlink, *plan.set_bond_mac));
        }
        auto done = path->note_original({original.ifindex, original.mac, original.mtu, original.up}).and_then([&] {
            return prepare(tools.netlink, original, plan);
        });
        if (done) {
            done = path->set_slot(plan.slot, original.ifindex)
                       .and_then([&] { return path->attach_slave(plan.slot, original.ifindex); })
                       .and_then([&] { return run_chained(*path, tools, plan.slot, original, xdp); })
                       .and_then([&] { return tools.netlink.set_up(original.ifindex, true); });
            if (!done) {
                (void)path->set_xdp(plan.slot, original.ifindex, XdpPolicy::off, "");
                path->clear_slot(plan.slot);
                (void)restore(tools.netlink, original, original.mac);
            }
        }
        if (!done) {
            path->detach_slave(plan.slot, original.ifindex);
            if (plan.set_bond_mac) {
                (void)device.set_mac(tools.netlink, bond_mac);
            }
            return tl::unexpected(done.error());
        }
        path->end_rivals();
        path->look_at_ports(); // before frames from XDP go to a slave that takes none
        const auto truth = tools.netlink.link(original.ifindex);
        Opened opened{truth ? truth->flags : 0, observe(tools.ethtool, plan.slot, original.ifindex)};
        return opened;
    };
    XB_CO_TRY(opened, co_await host_.hands.call("open a slave", std::move(open)));
    facts.flags = opened->flags;
    facts.mtu = original.mtu;
    facts.carrier = opened->seen.carrier;
    facts.speed = opened->seen.speed;
    facts.duplex = opened->seen.duplex;
    if (core::uses_lacp(bond_)) {
        slow_.add(plan.slot, original.ifindex);
    }
    co_return Result<void>();
}

Task<Result<void>> BondController::release(std::string ifname) {
    const auto *found = core::find_slave(bond_, ifname);
    if (found == nullptr) {
        co_return fail(EINVAL, ifname + " is not a slave of " + name());
    }
    const auto ifindex = found->ifindex;
    const auto slot = found->slot;
    const auto fresh = random_mac();
    const auto now = sys::now();
    XB_CO_TRY_VOID(core::plan_release(bond_, slot, fresh));
    // What it was stays on record until it has that back.
    Intent leave = [slot, fresh, now](core::BondState &bond) {
        if (const auto plan = core::plan_release(bond, slot, fresh)) {
            (void)core::release(bond, slot, *plan, now);
        }
    };
    XB_CO_TRY_VOID(co_await intend(std::move(leave)));
    intent_ = nullptr;
    const auto still = std::ranges::find(bond_.slaves, ifindex, &core::Slave::ifindex);
    if (still == bond_.slaves.end()) { // it has gone meanwhile, and left
        co_return co_await keep();
    }
    const core::Slave slave = *still;
    XB_CO_TRY(plan, core::plan_release(bond_, slave.slot, fresh));
    settle(core::release(bond_, slave.slot, *plan, sys::now()));
    co_await addresses_set(); // and shown to the switch: before the link of the one that leaves goes down
    co_await close_slave(slave, *plan);
    co_return co_await keep();
}

// The slave has left the tables; what it still holds in its queue goes out while XDP and filters are taken down. What
// it was before stays on record until that is done.
Task<Result<void>> BondController::close_slave(core::Slave slave, core::ReleasePlan plan) {
    const auto known = std::ranges::find(originals_, slave.ifindex, &SlaveOriginal::ifindex);
    SlaveOriginal original = known == originals_.end() ? SlaveOriginal{} : *known;
    applier_.slave_gone(slave.slot);
    links_.slave_gone(slave.slot);
    auto close = [path = path_, device = device_, slave, plan, original, take_filters = applier_.filters().taker(),
                  bond = name()](Hands::Tools &tools) mutable {
        (void)path->set_xdp(slave.slot, slave.ifindex, XdpPolicy::off, "");
        if (auto down = tools.netlink.set_up(slave.ifindex, false); !down) {
            spdlog::warn("{}: slave {} cannot be set down: {}", bond, slave.name, down.error().message);
        }
        path->detach_slave(slave.slot, slave.ifindex);
        path->clear_slot(slave.slot);
        original.added = take_filters(slave.ifindex);
        auto done = restore(tools.netlink, original, plan.restore_mac);
        if (!done) {
            spdlog::error("{}: slave {} is not restored completely: {}", bond, slave.name, done.error().message);
        }
        if (plan.set_bond_mac) {
            (void)device.set_mac(tools.netlink, *plan.set_bond_mac);
        }
        return done;
    };
    auto done = co_await host_.hands.call("close a slave", std::move(close));
    (void)take_original(slave.ifindex);
    co_return done;
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

// Somebody has made it a port of something else: it goes there as it was before, and up, as a port is.
Task<Result<void>> BondController::leave_to_master(std::uint32_t ifindex) {
    auto look = [ifindex](Hands::Tools &tools) { return tools.netlink.link(ifindex); };
    XB_CO_TRY(truth, co_await host_.hands.call("look at a link", std::move(look)));
    const auto found = std::ranges::find(bond_.slaves, ifindex, &core::Slave::ifindex);
    if (found == bond_.slaves.end() || truth->master == 0) {
        co_return Result<void>();
    }
    const std::string slave = found->name;
    const auto *master = host_.links.find(truth->master);
    spdlog::warn("{}: slave {} was made a port of {}: it leaves the bond", name(), slave,
                 master == nullptr ? "interface " + std::to_string(truth->master) : master->name);
    std::function<Task<Result<void>>(BondController &)> leave = [slave](BondController &bond) {
        return bond.release(slave);
    };
    auto done = co_await regardless(std::move(leave));
    if ((truth->flags & IFF_UP) != 0) {
        auto up = [ifindex](Hands::Tools &tools) { return tools.netlink.set_up(ifindex, true); };
        (void)co_await host_.hands.call("set a device", std::move(up));
    }
    co_return done;
}

namespace {

// With its own address, MTU and filters, and without our programs.
Result<void> restore_elsewhere(sys::Netlink &netlink, const sys::Elsewhere &to, loader::DataPath &path,
                               const core::Slave &slave, const SlaveOriginal &original,
                               const std::optional<MacAddr> &mac) {
    XB_TRY(there, sys::find_netns([&](int netns) {
               const auto id = netlink.nsid_of(netns);
               return id && *id == to.nsid;
           }));
    return sys::within_netns(there->get(), [&] {
        (void)path.set_xdp(slave.slot, to.ifindex, XdpPolicy::off, "");
        if (to.ifindex == slave.ifindex) {
            path.detach_slave(slave.slot, slave.ifindex);
        }
        return restore_moved(original, to.ifindex, mac);
    });
}

} // namespace

void BondController::on_link_gone(std::uint32_t ifindex, std::optional<sys::Elsewhere> moved) {
    stack_may_have_changed();
    if (ports_.on_link_gone(ifindex, name(), moved)) {
        persist_soon({.transitions = true});
        return;
    }
    const auto found = std::ranges::find(bond_.slaves, ifindex, &core::Slave::ifindex);
    if (found == bond_.slaves.end()) {
        return;
    }
    const core::Slave gone = *found;
    path_->clear_slot(gone.slot); // first of all: its net_device is being freed
    std::optional<MacAddr> bond_mac, own_mac;
    if (auto plan = core::plan_release(bond_, gone.slot, random_mac())) {
        bond_mac = plan->set_bond_mac;
        own_mac = plan->restore_mac;
        settle(core::release(bond_, gone.slot, *plan, sys::now()));
    }
    applier_.slave_gone(gone.slot);
    links_.slave_gone(gone.slot);
    host_.hands.run(
        [path = path_, device = device_, gone, moved, bond_mac, own_mac, original = take_original(ifindex),
         take_filters = applier_.filters().taker(), bond = name()](Hands::Tools &tools) mutable -> Hands::Then {
            original.added = take_filters(gone.ifindex); // the number may be another device's next
            if (moved) {
                const auto done = restore_elsewhere(tools.netlink, *moved, *path, gone, original, own_mac);
                spdlog::warn("{}: slave {} was moved into another network namespace: {}", bond, gone.name,
                             done ? "it has its own address and MTU again" : "not restored: " + done.error().message);
            }
            path->detach_slave(gone.slot, gone.ifindex);
            remove_own_vlans(tools.netlink,
                             [&gone](std::uint32_t below) { return below == 0 || below == gone.ifindex; });
            if (bond_mac) {
                (void)device.set_mac(tools.netlink, *bond_mac);
            }
            return {};
        },
        "forget a slave");
    persist_soon({.transitions = true});
}

Ms BondController::mend_hooks() {
    std::vector<loader::DataPath::XdpSlave> places;
    for (const auto &slave : bond_.slaves) {
        const auto wanted = applier_.wanted_xdp(bond_.options.xdp, bond_.options.receive);
        places.push_back({slave.slot, slave.ifindex, wanted.policy, "", wanted.needed, wanted.ports, false, ""});
    }
    applier_.look_at_receive();
    host_.hands.run(
        [path = path_, bond = name(), slaves = bond_.slaves, places](Hands::Tools &tools) -> Hands::Then {
            for (const auto &what : path->mend_hooks()) {
                spdlog::warn("{}: {}", bond, what);
            }
            for (const auto &what : path->mend_xdp(places)) {
                spdlog::warn("{}: {}", bond, what);
            }
            for (const auto &what : path->look_at_ports()) {
                spdlog::warn("{}: {}", bond, what);
            }
            for (const auto &slave : slaves) { // nobody tells of most settings
                (void)keep_quiet(tools.netlink, slave.ifindex);
            }
            return {};
        },
        "look after hooks");
    return path_->hooks_look_pause();
}

} // namespace xbond::daemon
