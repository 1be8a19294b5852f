// SPDX-License-Identifier: MIT
// What requests do to a bond: its making and its end, options, address, MTU, up and down. Each is checked by the core,
// what may sleep is done by hands, and meanwhile events go on; so what was decided before is looked at again after.
// Enslaving and releasing are in enslave.cpp.
#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include "loader/xdp/foreign.h"
#include "user/api/protocol.h"
#include "user/daemon/bond/controller.h"

namespace xbond::daemon {

loader::DataPath::Config data_path_config(const std::filesystem::path &pin_root, const core::BondState &bond,
                                          const BondDevice &device) {
    return {pin_root / bond.name, device.here(), device.peer(), core::desired(bond).programs};
}

namespace {

// What the core cannot know.
Result<void> check_kernel(const loader::Features &features, const core::Options &options) {
    if (features.af_xdp || (options.xsk_allow.empty() && options.lacp_channel != core::LacpChannel::af_xdp)) {
        return {};
    }
    return fail(EOPNOTSUPP, std::string(options.xsk_allow.empty() ? "lacp_channel af_xdp" : "xsk_allow") +
                                ": this kernel has no AF_XDP (see xbond doctor)");
}

} // namespace

Task<Result<std::unique_ptr<BondController>>> BondController::create(Host &host, std::string name,
                                                                     std::vector<core::OptionValue> options,
                                                                     std::optional<MacAddr> address,
                                                                     std::optional<std::uint32_t> mtu) {
    XB_CO_TRY_VOID(api::check_bond_name(name));
    if (address && !address->is_valid_unicast()) {
        co_return fail(EADDRNOTAVAIL, "address " + address->str() + ": expected a unicast address");
    }
    core::BondState bond{
        .name = name, .mac = address.value_or(random_mac()), .mac_is_random = !address, .mtu = mtu.value_or(1500)};
    XB_CO_TRY(effects, core::set_options(bond, options, sys::now()));
    XB_CO_TRY_VOID(check_kernel(host.features, bond.options));
    struct Made {
        BondDevice device;
        std::shared_ptr<loader::DataPath> path;
    };
    auto make = [bond, pin_root = host.pin_root, features = host.features](Hands::Tools &tools) -> Result<Made> {
        XB_TRY(device, BondDevice::create(tools.netlink, bond.name, bond.mac, bond.mtu));
        auto path = loader::DataPath::create(data_path_config(pin_root, bond, *device), features);
        if (!path) {
            (void)device->destroy(tools.netlink);
            return tl::unexpected(path.error());
        }
        return Made{*device, std::make_shared<loader::DataPath>(std::move(*path))};
    };
    XB_CO_TRY(parts, co_await host.hands.call("make a bond", std::move(make)));
    host.catch_up();
    std::unique_ptr<BondController> made(
        new BondController(host, std::move(bond), parts->device, std::move(parts->path)));
    made->start();
    made->settle(std::move(*effects));
    co_return made;
}

Task<Result<void>> BondController::release_all() {
    const bool before = std::exchange(regardless_, true);
    while (!bond_.slaves.empty()) {
        const std::string last = bond_.slaves.back().name;
        if (auto done = co_await release(last); !done) {
            spdlog::error("{}: releasing {}: {}", name(), last, done.error().message);
            if (core::find_slave(bond_, last) != nullptr) {
                regardless_ = before;
                co_return done;
            }
        }
    }
    regardless_ = before;
    co_return Result<void>();
}

Task<Result<void>> BondController::destroy() {
    ended_ = true;
    timer_ = {};
    events_ = {};
    slow_.clear();
    if (host_.published) {
        host_.published(device_.peer());
    }
    auto end = [path = path_, device = device_, end_ports = ports_.ender(),
                pin = chain_ ? chain_->pin : std::string()](Hands::Tools &tools) mutable {
        end_ports(tools);
        if (const auto chained = path->chained()) {
            loader::remove_map_pins(pin, chained->map_ids, {});
        }
        path->teardown();
        return device.destroy(tools.netlink);
    };
    auto done = co_await host_.hands.call("delete a bond", std::move(end));
    auto forgotten = co_await saver_.forget();  // last: what a successor would have to clear away
    if (!done && done.error().code == ENODEV) { // somebody was faster
        done = {};
    }
    if (done && !forgotten) {
        done = fail(forgotten.error().code, name() +
                                                " is deleted, but what was saved of it is still there until the "
                                                "disk lets it go: " +
                                                forgotten.error().message);
    }
    if (!done) {
        spdlog::error("{}: {}", name(), done.error().message);
    }
    co_return done;
}

bool BondController::has_address(const MacAddr &mac, std::uint32_t but) const {
    const auto ports = ports_.saved();
    return mac == bond_.mac || std::ranges::find(bond_.slaves, mac, &core::Slave::mac) != bond_.slaves.end() ||
           std::ranges::any_of(ports, [&](const SavedPort &port) { return port.ifindex != but && port.mac == mac; });
}

Task<Result<void>> BondController::add_port(SavedPort wanted) {
    const std::string port = wanted.name;
    if (wanted.mac && has_address(*wanted.mac, wanted.ifindex)) {
        co_return fail(EADDRINUSE, "mac " + wanted.mac->str() + ": the bond, a slave or another port has it");
    }
    XB_CO_TRY_VOID(co_await ports_.intend(std::move(wanted)));
    auto done = co_await on_record();
    if (done) {
        done = co_await ports_.add();
    }
    ports_.drop_intent();
    (void)co_await keep();
    if (done) {
        spdlog::info("{}: {} is a port", name(), port);
    }
    co_return done;
}

Task<Result<void>> BondController::remove_port(std::string ifname) {
    XB_CO_TRY_VOID(ports_.intend_end(ifname));
    auto done = co_await on_record();
    if (done) {
        done = co_await ports_.remove();
    }
    ports_.drop_intent();
    (void)co_await keep();
    if (done) {
        spdlog::info("{}: {} is a port no longer", name(), ifname);
    }
    co_return done;
}

// What the kernel may refuse is tried before the change is taken over, and put back if it is not.
Task<Result<void>> BondController::set_options(std::vector<core::OptionValue> options) {
    core::BondState trial = bond_;
    XB_CO_TRY_VOID(core::set_options(trial, options, sys::now()));
    XB_CO_TRY_VOID(check_kernel(host_.features, trial.options));
    const auto before = core::desired(bond_);
    const auto after = core::desired(trial);
    if (after.xdp == XdpPolicy::off && chain_) {
        co_return fail(EBUSY, "xdp off: XDP program '" + chain_->program + "' is chained: 'xbond xdp detach " + name() +
                                  "' first");
    }
    if (after.xdp != before.xdp || after.receive != before.receive) {
        XB_CO_TRY_VOID(co_await applier_.try_xdp(before, after.xdp, after.receive));
    }
    auto done = co_await reprogram(after.programs);
    if (done) {
        const auto now = sys::now();
        Intent set = [options, now](core::BondState &bond) { (void)core::set_options(bond, options, now); };
        done = co_await intend(std::move(set));
        if (done) {
            intent_ = nullptr;
            if (auto effects = core::set_options(bond_, options, now)) {
                settle(std::move(*effects));
                co_return co_await keep();
            } else { // what has happened meanwhile forbids it
                done = tl::unexpected(effects.error());
                (void)co_await keep();
            }
        }
        (void)co_await reprogram(before.programs);
    }
    (void)co_await applier_.try_xdp(before, before.xdp, before.receive);
    co_return done;
}

Task<Result<void>> BondController::reprogram(ProgramSet programs) {
    auto job = [path = path_, programs](Hands::Tools &) { return path->reprogram(programs); };
    co_return co_await host_.hands.call("load programs", std::move(job));
}

Task<Result<void>> BondController::set_slave_options(std::string slave, std::vector<core::OptionValue> options) {
    const auto *found = core::find_slave(bond_, slave);
    if (found == nullptr) {
        co_return fail(ENODEV, slave + " is not a slave of " + name());
    }
    core::BondState trial = bond_;
    const auto slot = found->slot;
    const auto now = sys::now();
    XB_CO_TRY_VOID(core::set_slave_options(trial, slot, options, now));
    Intent set = [slot, options, now](core::BondState &bond) {
        (void)core::set_slave_options(bond, slot, options, now);
    };
    XB_CO_TRY_VOID(co_await intend(std::move(set)));
    intent_ = nullptr;
    const auto *still = core::find_slave(bond_, slave);
    auto effects = still != nullptr ? core::set_slave_options(bond_, still->slot, options, now)
                                    : Result<core::Effects>(fail(ENODEV, slave + " has gone"));
    if (effects) {
        settle(std::move(*effects));
    }
    (void)co_await keep();
    co_return effects ? Result<void>() : tl::unexpected(effects.error());
}

Task<Result<void>> BondController::set_address(MacAddr mac) {
    if (!mac.is_valid_unicast()) {
        co_return fail(EADDRNOTAVAIL, "address " + mac.str() + ": expected a unicast address");
    }
    settle(core::BondMacSet{mac});
    co_await addresses_set();
    if (bond_.mac != mac && !core::slave_keeps_mac(bond_)) { // put back
        co_return fail(EOPNOTSUPP,
                       "address " + mac.str() + ": a slave of " + name() + " refused it; nothing was changed");
    }
    co_return co_await keep(); // its device has it
}

// What settle() gave to hands is done, and what waited for it: addresses may come in more than one go.
Task<Result<void>> BondController::addresses_set() {
    do {
        auto nothing = [](Hands::Tools &) { return Result<void>(); };
        XB_CO_TRY_VOID(co_await host_.hands.call("addresses", std::move(nothing)));
    } while (setting_ > 0);
    co_return Result<void>();
}

// Somebody has set the device's address or MTU. What it is when this comes to its turn counts: it may have been set
// again meanwhile.
Task<Result<void>> BondController::follow_device() {
    following_ = false; // what is told from here on is looked at again
    auto look = [device = device_](Hands::Tools &tools) { return device.look(tools.netlink); };
    XB_CO_TRY(truth, co_await host_.hands.call("look at a link", std::move(look)));
    Result<void> done;
    if (truth->mac != bond_.mac) {
        done = co_await follow_address(truth->mac);
    }
    if (truth->mtu != bond_.mtu) {
        done = co_await set_mtu(truth->mtu);
    }
    co_return done;
}

// The slaves follow, or the device goes back.
Task<Result<void>> BondController::follow_address(MacAddr mac) {
    auto done = co_await set_address(mac);
    if (!done) {
        spdlog::error("{}: {}", name(), done.error().message);
    }
    if (bond_.mac != mac) { // refused; or fail_over_mac: accepted and ignored
        auto back = [device = device_, old = bond_.mac](Hands::Tools &tools) {
            return device.set_mac(tools.netlink, old);
        };
        (void)co_await host_.hands.call("address of the bond", std::move(back));
    }
    co_return done;
}

// To both ends of the bond's device and to every slave in order; on a refusal all that were changed go back.
Task<Result<void>> BondController::set_mtu(std::uint32_t mtu) {
    const auto old = bond_.mtu;
    std::vector<core::Slave> slaves = bond_.slaves;
    auto job = [device = device_, slaves, mtu, old, bond = name()](Hands::Tools &tools) -> Result<void> {
        XB_TRY_VOID(device.set_mtu(tools.netlink, mtu));
        for (std::size_t i = 0; i < slaves.size(); ++i) {
            if (auto done = tools.netlink.set_mtu(slaves[i].ifindex, mtu); !done) {
                while (i-- > 0) {
                    (void)tools.netlink.set_mtu(slaves[i].ifindex, old);
                }
                (void)device.set_mtu(tools.netlink, old);
                return fail(done.error().code, "mtu " + std::to_string(mtu) + ": a slave of " + bond +
                                                   " refused it; nothing was changed: " + done.error().message);
            }
        }
        return {};
    };
    auto done = co_await host_.hands.call("MTU", std::move(job));
    if (!done) {
        spdlog::error("{}: {}", name(), done.error().message);
        co_return done;
    }
    bond_.mtu = mtu;
    co_return co_await keep(); // its device has it
}

// Whoever is killed in between leaves what recover.cpp follows by the device's number.
Task<Result<void>> BondController::follow_name(std::string next) {
    auto rename = [path = path_, device = device_, next,
                   dir = host_.pin_root / next](Hands::Tools &tools) -> Result<void> {
        XB_TRY_VOID(path->move_pins(dir));
        (void)device.mark_whole(tools.netlink, next);
        if (auto done = device.rename_peer(tools.netlink, next); !done) { // before Linux 6.2, while it is up
            spdlog::warn("{}: the other end of its device keeps its name: {}", next, done.error().message);
        }
        return {};
    };
    XB_CO_TRY_VOID(co_await host_.hands.call("rename a bond", std::move(rename)));
    const auto before = std::exchange(bond_.name, next);
    auto old_file = std::exchange(saver_, BondSaver(host_.files, bond_file(host_.state_dir, next)));
    if (co_await persist()) {
        (void)co_await old_file.forget();
    } else {
        (void)co_await keep(); // until then the old one tells by the device's number
    }
    core::Transition renamed{.when = sys::now(),
                             .machine = "name",
                             .slave = "",
                             .from = before,
                             .to = next,
                             .cause = "its device was renamed"};
    record(renamed);
    co_return Result<void>();
}

// Both files are there then, and the device's name tells which of them holds.
Task<Result<void>> BondController::intend_name(std::string next) {
    auto file = save();
    file.bond.core.name = next;
    auto text = [file = std::move(file)] { return text_of(file); };
    auto done = co_await host_.files.whole(bond_file(host_.state_dir, next), std::move(text), sys::Durable::yes);
    if (!done) {
        drop_name(next);
        co_return fail(done.error().code, "nothing was changed: " + done.error().message);
    }
    co_return done;
}

void BondController::drop_name(const std::string &next) { host_.files.remove(bond_file(host_.state_dir, next)); }

Task<Result<void>> BondController::come_home(bool up) {
    spdlog::warn("{}: its device was moved into another network namespace and is put back: addresses and routes on it "
                 "went with the move",
                 name());
    host_.catch_up();
    device_.carrier_is(false);
    synced_devices_.reset();
    addresses_stale_ = true;
    settle();
    resync();
    if (up) {
        co_return co_await set_up(true);
    }
    co_return Result<void>();
}

Task<Result<void>> BondController::set_up(bool up) {
    auto job = [device = device_, up](Hands::Tools &tools) -> Result<sys::LinkInfo> {
        XB_TRY_VOID(device.set_up(tools.netlink, up));
        return device.look(tools.netlink);
    };
    XB_CO_TRY(truth, co_await host_.hands.call("set the bond up or down", std::move(job)));
    (device_.elsewhere() ? device_.elsewhere()->links : host_.links)
        .update(*truth); // its event may be older than what is done next
    own_device_changed(*truth);
    co_return Result<void>();
}

} // namespace xbond::daemon
