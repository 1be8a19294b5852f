// SPDX-License-Identifier: MIT
// A bond's device goes into another network namespace, from one to the next, and home. Its other end and the slaves
// stay. From before it goes until after it is back both directions run through the pair, wherever it is, so that no
// frame of the slaves is lost to the move; what the host itself has on the device goes, as the kernel moves devices.
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <utility>

#include "user/daemon/bond/controller.h"
#include "user/sys/netns.h"

namespace xbond::daemon {

struct BondController::Moved { // where it is now
    BondDevice device;
    std::optional<NsidEvents> events; // none: at home
    LinkTable::Dump dump;             // of there, else
};

namespace {

using Path = std::shared_ptr<loader::DataPath>;

// Programs, and what is known, of a device that has just been moved, to wherever.
template <typename Moved>
Result<Moved> arrive(sys::Netlink &home, const Path &path, const std::string &bond, std::uint32_t peer,
                     const Abode &abode, bool up) {
    XB_TRY(far, home.link(peer));
    Moved moved{BondDevice{}, std::nullopt, {}};
    if (far->link_in_other_netns) {
        XB_TRY(events, NsidEvents::open());
        XB_TRY(device, BondDevice::find_elsewhere(home, bond, peer, abode));
        moved.events = std::move(*events);
        moved.device = std::move(*device);
    } else {
        XB_TRY(near, home.link(far->link));
        XB_TRY(device, BondDevice::of_pair(*near, *far));
        moved.device = std::move(*device);
    }
    if (up) { // before programs are loaded, which takes its time: it works without
        XB_TRY_VOID(moved.device.set_up(home, true));
    }
    if (moved.events) {
        XB_TRY(dump, moved.device.elsewhere()->list(home));
        moved.dump = std::move(*dump);
        XB_TRY_VOID(path->set_bond(0));
    } else if (auto done = path->set_bond(moved.device.ifindex()); !done) {
        spdlog::warn("{}: {}", bond, done.error().message); // all goes through the pair, then
    }
    return moved;
}

Result<bool> is_own(int netns) {
    struct stat st {};
    XB_TRY(own, sys::netns_inode());
    if (::fstat(netns, &st) != 0) {
        const int code = errno;
        return fail(code, "the descriptor of a network namespace cannot be read");
    }
    return st.st_ino == *own;
}

std::string place(const std::shared_ptr<OtherNetns> &where) {
    return where == nullptr ? "home" : "network namespace " + where->abode().text();
}

} // namespace

Task<Result<void>> BondController::move_to(std::shared_ptr<const Fd> netns, std::string where) {
    if (!netns) {
        co_return fail(EBADF, "no descriptor of a network namespace came with the request");
    }
    auto ask = [netns, device = device_](Hands::Tools &tools) -> Result<std::pair<bool, bool>> {
        XB_TRY(home, is_own(netns->get()));
        const auto id = tools.netlink.nsid_of(netns->get());
        const bool there = device.elsewhere() ? id && *id == device.elsewhere()->nsid() : *home;
        return std::pair(*home, there);
    };
    XB_CO_TRY(target, co_await host_.hands.call("look at a network namespace", std::move(ask)));
    const auto [to_home, is_there] = *target;
    if (is_there) {
        if (!device_.elsewhere()) {
            abode_.reset(); // the one that had gone
        }
        co_return co_await keep();
    }
    const auto before = abode_;
    const Abode wanted = to_home ? before.value_or(Abode{}) : Abode{.name = where, .cookie = 0, .gone = false};
    abode_ = wanted;
    if (auto noted = co_await on_record(); !noted) {
        abode_ = before;
        (void)co_await keep();
        co_return noted;
    }
    device_.leaving(true);
    settle(); // full visibility
    auto move = [path = path_, device = device_, netns, bond = name(), wanted,
                 up = bond_.admin_up](Hands::Tools &tools) -> Result<Moved> {
        XB_TRY_VOID(path->set_bond(loader::DataPath::moving));
        const auto go = [&](sys::Netlink &there) { return there.move(device.ifindex(), netns->get(), bond, 0); };
        auto done = device.at_device(tools.netlink, go);
        if (!done) {
            (void)path->set_bond(device.elsewhere() ? 0 : device.ifindex());
            return tl::unexpected(done.error());
        }
        auto arrived = arrive<Moved>(tools.netlink, path, bond, device.peer(), wanted, up);
        if (!arrived && !device.elsewhere() &&
            BondDevice::bring_home(tools.netlink, {device.ifindex(), device.peer()}, bond)) {
            (void)path->set_bond(device.ifindex());
            (void)device.set_up(tools.netlink, up);
        }
        return arrived;
    };
    auto moved = co_await host_.hands.call("move the bond's device", std::move(move));
    device_.leaving(false);
    if (!moved) {
        abode_ = before;
        applier_.device_moved();
        settle();
        (void)co_await keep();
        co_return tl::unexpected(moved.error());
    }
    co_return co_await settle_in(std::move(*moved));
}

Task<Result<void>> BondController::follow_move() {
    if (!device_.elsewhere()) { // it was asked for
        co_return Result<void>();
    }
    auto look = [path = path_, device = device_, bond = name(),
                 up = bond_.admin_up](Hands::Tools &tools) -> Result<std::optional<Moved>> {
        XB_TRY(far, tools.netlink.link(device.peer())); // ENODEV: both ends have gone, another event tells
        const auto &known = device.elsewhere();
        if (known && far->link_in_other_netns && far->link_netnsid == known->nsid() && far->link == device.ifindex()) {
            return std::nullopt;
        }
        XB_TRY(moved, arrive<Moved>(tools.netlink, path, bond, device.peer(), {}, up));
        return std::optional(std::move(*moved));
    };
    XB_CO_TRY(moved, co_await host_.hands.call("look for the bond's device", std::move(look)));
    if (!*moved) {
        co_return Result<void>();
    }
    spdlog::warn("{}: somebody has moved its device", name());
    co_return co_await settle_in(std::move(**moved));
}

Task<Result<void>> BondController::settle_in(Moved moved) {
    const std::string from = place(device_.elsewhere());
    device_ = std::move(moved.device);
    record({.when = sys::now(),
            .machine = "device",
            .slave = "",
            .from = from,
            .to = place(device_.elsewhere()),
            .cause = "it was moved"});
    take_in_netns(std::move(moved.events), std::move(moved.dump));
    host_.catch_up();
    applier_.device_moved();
    synced_devices_.reset();
    addresses_stale_ = true;
    settle();
    ask_own_truth();
    co_return co_await keep(); // where it may be was on record before
}

// What is known of where the device is, and who keeps it true.
void BondController::take_in_netns(std::optional<NsidEvents> events, LinkTable::Dump dump) {
    netns_watch_.reset();
    const auto &where = device_.elsewhere();
    if (!where) {
        abode_.reset();
        return;
    }
    abode_ = where->abode();
    where->links.replace(std::move(dump));
    if (!events) {
        return;
    }
    NetnsWatch::Listener listener{
        .link =
            [this](const sys::LinkInfo &link) {
                addresses_stale_ = true;
                if (link.ifindex == device_.ifindex()) {
                    own_device_told(link);
                }
                stack_may_have_changed();
            },
        .gone =
            [this](std::uint32_t ifindex) {
                stack_may_have_changed();
                if (ifindex == device_.ifindex()) {
                    host_.change_later(name(), [](BondController &bond) { return bond.follow_move(); });
                }
            },
        .addresses =
            [this] {
                if (const auto *own = device_.links(host_).find(device_.ifindex())) {
                    own_device_told(sys::LinkInfo(*own));
                } else {
                    host_.change_later(name(), [](BondController &bond) { return bond.follow_move(); });
                }
                on_addresses_changed();
                stack_may_have_changed();
            },
        .told =
            [this] {
                applier_.follow_stack();
                settle();
            },
        .questions =
            [this] {
                return OtherNetns::Targets{device_.ifindex(), bond_.options.arp_ip_targets,
                                           bond_.options.ns_ip6_targets};
            }};
    netns_watch_ = std::make_unique<NetnsWatch>(host_, where, std::move(*events), std::move(listener));
}

void BondController::catch_up() {
    host_.catch_up();
    if (netns_watch_) {
        netns_watch_->catch_up();
    }
}

} // namespace xbond::daemon
