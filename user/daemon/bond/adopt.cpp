// SPDX-License-Identifier: MIT
// A bond goes on with what an earlier controller left: device, pins, slaves.
#include <algorithm>
#include <iterator>
#include <spdlog/spdlog.h>
#include <utility>

#include "user/daemon/bond/controller.h"
#include "user/daemon/by.h"

namespace xbond::daemon {
namespace {

using Places = std::vector<loader::DataPath::Place>;

struct Wanted { // all that its data path is taken over with: a copy, for hands
    SavedBondFile file;
    loader::DataPath::Config config;
    loader::Features features;
    std::uint64_t netns_cookie;
    Places slaves, here; // as they were; those whose device is still there
};

struct Taken {
    loader::DataPath path;
    bool made_anew;
};

Places places_of(const std::vector<core::Slave> &slaves) {
    Places places;
    std::ranges::transform(slaves, std::back_inserter(places), [](const core::Slave &slave) {
        return loader::DataPath::Place{slave.slot, slave.ifindex};
    });
    return places;
}

// What is pinned is of no use: made anew beside it. The old one forwards until it has gone; if there will be no new
// one, it stays.
Result<Taken> make_beside(const Wanted &wanted, const Error &why) {
    const auto &pin_dir = wanted.config.pin_dir;
    const bool useless = why.code == ENOENT || why.code == EPROTO || why.code == ESTALE;
    if (!useless || wanted.file.netns != wanted.netns_cookie) { // or it may be of another namespace's bond
        return tl::unexpected(why);
    }
    spdlog::warn("{}: the pinned data path cannot be adopted ({}): making a new one", pin_dir.filename().string(),
                 why.message);
    XB_TRY_VOID(loader::set_pins_aside(pin_dir));
    auto made = loader::DataPath::create(wanted.config, wanted.features);
    if (!made) {
        loader::put_pins_back(pin_dir);
        return tl::unexpected(made.error());
    }
    if (const auto chained = loader::chained_aside(pin_dir)) { // comes onto the slaves with xb_xdp
        if (!made->chain(chained->get(), false, {}) && !made->chain(chained->get(), true, {})) {
            spdlog::error("{}: the chained XDP program is lost: attach it anew", pin_dir.filename().string());
        }
    }
    for (const auto at : wanted.here) {
        auto hooked =
            made->set_slot(at.slot, at.ifindex).and_then([&] { return made->attach_slave(at.slot, at.ifindex); });
        if (!hooked) {
            spdlog::error("{}: slot {}: {}", pin_dir.filename().string(), at.slot, hooked.error().message);
        }
    }
    return Taken{std::move(*made), true};
}

Result<Taken> take_path(const Wanted &wanted) {
    auto path = loader::DataPath::adopt(wanted.config, wanted.features);
    if (!path) {
        return make_beside(wanted, path.error());
    }
    // This xbondd may bring newer programs: swapped in without loss.
    if (auto renewed = path->reprogram(wanted.config.programs); !renewed) {
        spdlog::warn("{}: the pinned programs stay: {}", wanted.config.pin_dir.filename().string(),
                     renewed.error().message);
    }
    path->evict_others(wanted.slaves);
    return Taken{std::move(*path), false};
}

// A device that was caught in the middle of being enslaved or released by the crash.
void give_back(sys::Netlink &netlink, const std::string &bond, const SlaveOriginal &original) {
    spdlog::warn("{}: {} was being enslaved or released when the controller ended: given back", bond, original.name);
    auto done = restore(netlink, original, original.mac);
    if (done && original.up) {
        done = netlink.set_up(original.ifindex, true);
    }
    if (!done) {
        spdlog::error("{}: {} is not restored completely: {}", bond, original.name, done.error().message);
    }
}

struct Found {
    BondDevice device;
    std::optional<NsidEvents> events; // of where it is, if that is another network namespace
    LinkTable::Dump dump;
};

Result<Found> look_elsewhere(sys::Netlink &home, const SavedController &saved) {
    XB_TRY(events, NsidEvents::open());
    XB_TRY(device, BondDevice::find_elsewhere(home, saved.core.name, saved.peer, *saved.abode));
    XB_TRY(dump, (*device).elsewhere()->list(home));
    return Found{std::move(*device), std::move(*events), std::move(*dump)};
}

// Where it was to be moved, it may have been, or not yet.
Task<Result<Found>> find_device(Host &host, By by, SavedController saved) {
    const auto *far = host.links.find(saved.peer);
    if (far != nullptr && far->link_in_other_netns && saved.abode && !saved.abode->gone) {
        auto look = [saved](sys::Netlink &home) { return look_elsewhere(home, saved); };
        co_return co_await step(host, by, "look into another network namespace", std::move(look));
    }
    const bool may_have_come = far != nullptr && saved.abode && !saved.abode->gone;
    XB_CO_TRY(device,
              BondDevice::adopt(host.links, saved.core.name, may_have_come ? far->link : saved.ifindex, saved.peer));
    co_return Found{std::move(*device), std::nullopt, {}};
}

bool is_slave(const core::BondState &bond, const SlaveOriginal &original) {
    return std::ranges::find(bond.slaves, original.ifindex, &core::Slave::ifindex) != bond.slaves.end();
}

} // namespace

Task<Result<std::unique_ptr<BondController>>> BondController::adopt(Host &host, By by, SavedBondFile file) {
    auto where = find_device(host, by, file.bond);
    XB_CO_TRY(found, co_await where);
    auto *const device = &found->device;
    file.bond.ifindex = device->ifindex();
    const SavedController &saved = file.bond;
    const auto config = data_path_config(host.pin_root, core::restore(saved.core, saved.mtu, sys::now()), *device);
    Wanted wanted{file, config, host.features, host.netns_cookie, places_of(saved.core.slaves), {}};
    std::ranges::copy_if(wanted.slaves, std::back_inserter(wanted.here),
                         [&](auto at) { return host.links.find(at.ifindex) != nullptr; });
    auto take = [wanted](sys::Netlink &) { return take_path(wanted); };
    XB_CO_TRY(taken, co_await step(host, by, "adopt a data path", std::move(take)));
    std::unique_ptr<BondController> made(
        new BondController(host, core::restore(saved.core, saved.mtu, sys::now()), *device,
                           std::make_shared<loader::DataPath>(std::move(taken->path))));
    made->abode_ = saved.abode;
    if (device->elsewhere() || (saved.abode && !saved.abode->gone)) {
        made->take_in_netns(std::move(found->events), std::move(found->dump));
    }
    XB_CO_TRY_VOID(co_await made->go_on(by, file, taken->made_anew));
    co_return made;
}

// LACP first: it goes on where it was, and what has changed since comes to it as events.
Task<Result<void>> BondController::go_on(By by, SavedBondFile file, bool made_anew) {
    std::vector<SlaveOriginal> strays;
    std::vector<std::uint32_t> devices{ifindex(), device_.peer()};
    for (const auto &original : file.bond.originals) {
        devices.push_back(original.ifindex);
        const auto *link = host_.links.find(original.ifindex);
        if (is_slave(bond_, original)) {
            originals_.push_back(original);
        } else if (link != nullptr && is_same_device(original, *link)) {
            strays.push_back(original);
        }
        if (link != nullptr) {
            applier_.filters().adopt(original.ifindex, added_filters(original, *link));
        }
    }
    adopt_chain(file.bond.chain);
    ports_.adopt(file.bond.ports);
    applier_.set_ports(ports_.any());
    for (const auto &port : ports_.saved()) {
        devices.push_back(port.ifindex);
    }
    if (core::uses_lacp(bond_)) {
        slow_.open(bond_);
    }
    if (file.lacp) {
        adopt_lacp(*file.lacp);
    }
    for (const auto &slave : std::vector<core::Slave>(bond_.slaves)) {
        if (host_.links.find(slave.ifindex) == nullptr) {
            on_link_gone(slave.ifindex);
        }
    }
    const auto pin_dir = host_.pin_root / file.bond.core.name;
    if (made_anew || !strays.empty()) {
        auto clear = [bond = name(), strays, made_anew, pin_dir, devices](sys::Netlink &netlink) {
            for (const auto &original : strays) {
                give_back(netlink, bond, original);
            }
            if (made_anew) {
                loader::end_xdp_aside(pin_dir, devices); // the next one takes its place
            }
            return true;
        };
        (void)co_await step(host_, by, "give back devices", std::move(clear));
    }
    // In one turn with whoever awaits it: from here on events come, and what came meanwhile is in the list of links.
    if (auto still = BondDevice::adopt(host_.links, name(), device_.ifindex(), device_.peer());
        !still && !device_.elsewhere()) {
        co_return tl::unexpected(still.error());
    }
    start();
    ports_.renew();
    resync();
    host_.hands.run(
        [path = path_, made_anew, pin_dir, devices](Hands::Tools &) -> Hands::Then { // when the tables are published
            if (made_anew) {
                loader::remove_pins_aside(pin_dir, devices);
            }
            path->end_rivals(); // also of pins that were not found
            return {};
        },
        "end what was before");
    co_return Result<void>();
}

} // namespace xbond::daemon
