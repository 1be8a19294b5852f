// SPDX-License-Identifier: MIT
// Life, commands and events of one bond. Enslaving and releasing are in enslave.cpp.
#include "user/daemon/bond/controller.h"

#include <algorithm>
#include <net/if.h>
#include <spdlog/spdlog.h>
#include <utility>

#include "user/api/protocol.h"
#include "user/daemon/traffic/balancer.h"

namespace xbond::daemon {
namespace {

constexpr std::size_t history_length = 128;
constexpr Time list_sync_interval = Ms(500);

// The ARP monitor's candidates while no slave is active (4.6): two steps an interval for as long as an outage lasts.
bool is_search(const core::Transition &t) { return t.machine == "search"; }

loader::DataPath::Config data_path_config(const Host &host, const core::BondState &bond, const BondDevice &device) {
    return {host.pin_root / bond.name, device.ifindex(), device.peer(), core::desired(bond).programs};
}

} // namespace

BondController::BondController(Host &host, core::BondState bond, BondDevice device, loader::DataPath path)
    : host_(host),
      bond_(std::move(bond)),
      device_(device),
      path_(std::move(path)),
      applier_(host_, path_, device_, originals_),
      links_(host_, path_, [this](SlotId slot) { on_driver_answered(slot); }),
      slow_(host_, path_, applier_, device_.peer(),
            [this](SlotId slot) { (void)settle(core::SlowFrames{slow_.read(slot)}); }),
      saver_(host_.files, bond_file(host_.state_dir, bond_.name)),
      prober_(host_, [this](const core::Slave &slave, std::span<const std::uint8_t> frame) {
          auto sent = slow_.send_by_xsk(slave.slot, frame);
          return sent ? *sent : host_.packets.send(slave.ifindex, frame);
      }) {}

Result<std::unique_ptr<BondController>> BondController::create(Host &host, const std::string &name,
                                                               std::span<const core::OptionValue> options,
                                                               std::optional<MacAddr> address,
                                                               std::optional<std::uint32_t> mtu) {
    XB_TRY_VOID(api::check_bond_name(name));
    if (address && !address->is_valid_unicast()) {
        return fail(EADDRNOTAVAIL, "address " + address->str() + ": expected a unicast address");
    }
    core::BondState bond{
        .name = name, .mac = address.value_or(random_mac()), .mac_is_random = !address, .mtu = mtu.value_or(1500)};
    XB_TRY(effects, core::set_options(bond, options, sys::now()));
    XB_TRY(device, BondDevice::create(host, name, bond.mac, bond.mtu));
    auto path = loader::DataPath::create(data_path_config(host, bond, *device), host.features);
    if (!path) {
        (void)device->destroy();
        return tl::unexpected(path.error());
    }
    std::unique_ptr<BondController> made(new BondController(host, std::move(bond), *device, std::move(*path)));
    made->start();
    if (auto done = made->settle(std::move(*effects)); !done) {
        made->destroy();
        return tl::unexpected(done.error());
    }
    return made;
}

Result<std::unique_ptr<BondController>> BondController::adopt(Host &host, const SavedBondFile &file) {
    const SavedController &saved = file.bond;
    XB_TRY(device, BondDevice::adopt(host, saved.core.name, saved.ifindex, saved.peer));
    auto bond = core::restore(saved.core, saved.mtu, sys::now());
    const auto config = data_path_config(host, bond, *device);
    auto path = loader::DataPath::adopt(config, host.features);
    const bool adopted = path.has_value();
    if (adopted && path->programs_outdated()) { // this xbondd brings newer programs: swapped in without loss
        if (auto renewed = path->reprogram(path->programs()); !renewed) {
            spdlog::warn("{}: the pinned programs stay: {}", saved.core.name, renewed.error().message);
        }
    }
    if (!adopted) {
        spdlog::warn("{}: the pinned data path cannot be adopted ({}): making a new one", saved.core.name,
                     path.error().message);
        loader::remove_pins(config.pin_dir);
        path = loader::DataPath::create(config, host.features);
    }
    if (!path) {
        return tl::unexpected(path.error());
    }
    std::unique_ptr<BondController> made(new BondController(host, std::move(bond), *device, std::move(*path)));
    made->originals_ = saved.originals;
    // Before any slave is looked at: LACP goes on where it was, and what has changed since comes to it as events.
    if (file.lacp) {
        made->adopt_lacp(*file.lacp);
    }
    for (const auto &slave : std::vector<core::Slave>(made->bond_.slaves)) {
        if (host.links.find(slave.ifindex) == nullptr) {
            made->on_link_gone(slave.ifindex);
        } else if (!adopted) {
            auto hooked = made->path_.set_slot(slave.slot, slave.ifindex).and_then([&] {
                return made->path_.attach_slave(slave.slot, slave.ifindex);
            });
            if (!hooked) {
                spdlog::error("{}: slave {}: {}", made->name(), slave.name, hooked.error().message);
            }
        }
    }
    // A device caught in the middle of being enslaved or released by the crash: give it back.
    for (const auto &original : saved.originals) {
        bool is_slave = false;
        for (const auto &slave : made->bond_.slaves) {
            is_slave = is_slave || slave.ifindex == original.ifindex;
        }
        if (!is_slave) {
            (void)restore(host, made->take_original(original.ifindex), original.mac);
        }
    }
    made->start();
    made->resync();
    return made;
}

void BondController::start() {
    events_ = host_.loop.on_readable(path_.events_fd(), [this] { on_data_path_events(); });
}

void BondController::adopt_lacp(const lacp::SystemState &saved) {
    if (auto restored = core::restore_lacp(bond_, saved, sys::now()); !restored) {
        spdlog::warn("{}: {}: LACP starts anew", name(), restored.error().message);
    }
    (void)settle(core::SlowFrames{});
}

// What effects give back is taken in its turn, never in the middle of others.
Result<void> BondController::settle(Work work) {
    queue_.push_back(std::move(work));
    if (queue_.size() > 1) { // whoever works on the first one does this, too
        return {};
    }
    Done done;
    for (; !queue_.empty(); queue_.pop_front()) {
        if (const auto *event = std::get_if<core::Event>(&queue_.front())) {
            queue_.front() = core::step(bond_, *event, sys::now());
        }
        if (addresses_stale_ && bond_.options.arp_interval_ms > 0) {
            applier_.set_own_addresses(own_addresses(host_.links, device_.ifindex()));
            addresses_stale_ = false;
        }
        slow_.open(bond_);
        carry_out(std::get<core::Effects>(queue_.front()), done);
    }
    follow_up(done);
    return done.published;
}

// What has no place in the order of effects.
void BondController::follow_up(Done &done) {
    const auto desired = core::desired(bond_);
    if (done.devices || synced_devices_ != desired) {
        applier_.sync_devices(desired);
        synced_devices_ = desired;
    }
    slow_.follow(bond_);
    if (auto refreshed = applier_.refresh(); !refreshed) {
        spdlog::error("{}: the data path refused: {}", name(), refreshed.error().message);
        done.published = refreshed;
    }
    persist_soon(done);
    arm();
}

void BondController::note(const core::Transition &t, Done &done) {
    record(t);
    done.lacp = done.lacp || t.lacp;
    done.transitions = done.transitions || (!t.lacp && !is_search(t));
}

void BondController::record(const core::Transition &t) {
    if (is_search(t)) {
        spdlog::debug("{}/{}: {} {} -> {} ({})", name(), t.slave, t.machine, t.from, t.to, t.cause);
        return;
    }
    history_.push_back(t);
    if (history_.size() > history_length) {
        history_.pop_front();
    }
    host_.report(name(), t);
}

void BondController::arm() {
    timer_ = {};
    auto when = core::deadline(bond_);
    if (const auto save = saver_.deadline()) {
        when = std::min(when.value_or(*save), *save);
    }
    if (when) {
        timer_ = host_.loop.at(*when, [this] { on_deadline(); });
    }
}

void BondController::on_deadline() {
    const auto now = sys::now();
    const bool lacp = core::lacp_due(bond_, now) || saver_.due(now);
    const bool links = core::links_due(bond_, now) || core::balance_due(bond_, now);
    if (lacp) { // what waits on any slave counts before any deadline does
        (void)settle(core::SlowFrames{slow_.read_all(), true});
    }
    if (links) {
        look_at_all();
        if (core::balance_due(bond_, sys::now())) {
            run_balance();
        }
    }
    if (!lacp && !links) {
        arm();
    }
}

void BondController::look_at_all() {
    if (const auto now = sys::now(); now - lists_synced_ >= list_sync_interval) {
        lists_synced_ = now;
        applier_.sync_lists(core::desired(bond_));
    }
    core::LinksObserved observed;
    for (const auto &slave : bond_.slaves) {
        observed.links.push_back(links_.look(slave, LinkWatch::Ask::if_new));
    }
    handle_links(std::move(observed));
}

void BondController::observe_and_handle(std::span<const core::Slave> slaves) {
    core::LinksObserved observed;
    for (const auto &slave : slaves) {
        observed.links.push_back(links_.look(slave, LinkWatch::Ask::always));
    }
    handle_links(std::move(observed));
}

void BondController::on_driver_answered(SlotId slot) {
    if (const auto *slave = core::find_slave(bond_, slot)) {
        handle_links({{links_.look(*slave, LinkWatch::Ask::if_new)}});
    }
}

void BondController::handle_links(core::LinksObserved observed) {
    for (auto &link : observed.links) {
        link.stamps = path_.stamps(link.slot);
    }
    (void)settle(observed);
    // The data path tells once of a lost carrier; it may tell again when the carrier has been back.
    for (const auto &link : observed.links) {
        if (link.running && link.carrier) {
            path_.clear_latch(link.slot);
        }
    }
}

void BondController::on_data_path_events() {
    std::array<bool, XB_MAX_SLAVES> told{};
    bool clients = false;
    std::vector<core::balance::Client> displaced;
    path_.drain_events(
        [&](const xb_event &event) {
            clients = clients || event.type == XB_EVENT_CLIENTS;
            if (event.type != XB_EVENT_CLIENTS && event.slot < XB_MAX_SLAVES) {
                told[event.slot] = true;
            }
        },
        [&](const xb_client &client) { displaced.push_back(balance_client(client)); });
    for (const auto &client : displaced) {
        (void)settle(core::ClientDisplaced{client});
    }
    if (clients) {
        run_balance();
    }
    std::vector<core::Slave> concerned;
    for (const auto &slave : bond_.slaves) {
        if (told[slave.slot]) {
            concerned.push_back(slave);
        }
    }
    if (!concerned.empty()) {
        observe_and_handle(concerned);
    }
}

Result<void> BondController::set_options(std::span<const core::OptionValue> options) {
    core::BondState trial = bond_;
    XB_TRY(effects, core::set_options(trial, options, sys::now()));
    // What the kernel may refuse is tried before the change is taken over.
    const auto before = core::desired(bond_);
    const auto after = core::desired(trial);
    if (after.xdp != before.xdp) {
        XB_TRY_VOID(applier_.try_xdp(before, after.xdp));
    }
    if (after.programs != path_.programs()) {
        if (auto done = path_.reprogram(after.programs); !done) {
            (void)applier_.try_xdp(before, before.xdp);
            return done;
        }
    }
    bond_ = std::move(trial);
    auto settled = settle(std::move(*effects));
    return settled.and_then([&] { return persist(); });
}

Result<void> BondController::set_slave_options(std::string_view slave, std::span<const core::OptionValue> options) {
    const auto *found = core::find_slave(bond_, slave);
    if (found == nullptr) {
        return fail(ENODEV, std::string(slave) + " is not a slave of " + name());
    }
    XB_TRY(effects, core::set_slave_options(bond_, found->slot, options, sys::now()));
    return settle(std::move(*effects)).and_then([&] { return persist(); });
}

Result<void> BondController::set_address(MacAddr mac) {
    if (!mac.is_valid_unicast()) {
        return fail(EADDRNOTAVAIL, "address " + mac.str() + ": expected a unicast address");
    }
    auto settled = settle(core::BondMacSet{mac});
    if (bond_.mac != mac && !core::slave_keeps_mac(bond_)) { // put back
        return fail(EOPNOTSUPP, "address " + mac.str() + ": a slave of " + name() + " refused it; nothing was changed");
    }
    return settled.and_then([&] { return persist(); });
}

Result<void> BondController::set_mtu(std::uint32_t mtu) {
    XB_TRY_VOID(device_.set_mtu(mtu));
    const auto old = bond_.mtu;
    push_mtu(mtu);
    if (bond_.mtu == old && mtu != old) {
        return fail(EINVAL,
                    "mtu " + std::to_string(mtu) + ": a slave of " + name() + " refused it; nothing was changed");
    }
    return {};
}

// 1.7: to every slave in order; on a refusal the changed ones and the bond itself go back.
void BondController::push_mtu(std::uint32_t mtu) {
    const auto old = bond_.mtu;
    std::vector<std::uint32_t> changed;
    for (const auto &slave : bond_.slaves) {
        if (auto done = host_.netlink.set_mtu(slave.ifindex, mtu); !done) {
            spdlog::error("{}: slave {} refuses mtu {}: {}", name(), slave.name, mtu, done.error().message);
            for (auto ifindex : changed) {
                (void)host_.netlink.set_mtu(ifindex, old);
            }
            (void)device_.set_mtu(old);
            return;
        }
        changed.push_back(slave.ifindex);
    }
    (void)device_.set_peer_mtu(mtu);
    bond_.mtu = mtu;
    (void)persist();
}

Result<void> BondController::set_up(bool up) {
    XB_TRY_VOID(device_.set_up(up));
    refresh_own_device();
    return {};
}

// Events may be older than what was done since: ask for the truth.
void BondController::refresh_own_device() {
    if (auto truth = host_.netlink.link(device_.ifindex())) {
        host_.links.update(*truth);
        own_device_changed(*truth);
    }
}

void BondController::own_device_changed(const sys::LinkInfo &link) {
    if (const bool up = (link.flags & IFF_UP) != 0; up != bond_.admin_up) {
        (void)settle(core::BondAdmin{up});
        observe_and_handle(bond_.slaves);
    }
    if (link.mac != bond_.mac) {
        if (auto done = set_address(link.mac); !done) {
            spdlog::error("{}: {}", name(), done.error().message);
            (void)device_.set_mac(bond_.mac);
        } else if (bond_.mac != link.mac) {
            (void)device_.set_mac(bond_.mac); // fail_over_mac: accepted and ignored (1.6)
        }
    }
    if (link.mtu != bond_.mtu) {
        push_mtu(link.mtu);
    }
    // Promiscuity may have changed: visibility and the slaves' filters follow it.
    synced_devices_.reset();
    (void)settle();
}

void BondController::on_addresses_changed() {
    addresses_stale_ = true;
    (void)settle();
}

// An event may be older than what was done since: what differs from what the bond has is asked for anew.
void BondController::on_link_changed(const sys::LinkInfo &told) {
    addresses_stale_ = true; // what is stacked on the bond may have changed
    if (told.ifindex == device_.ifindex()) {
        const bool up = (told.flags & IFF_UP) != 0;
        if (up != bond_.admin_up || told.mac != bond_.mac || told.mtu != bond_.mtu) {
            ask_truth(told.ifindex);
        } else {
            own_device_changed(told);
        }
        return;
    }
    const auto found = std::ranges::find(bond_.slaves, told.ifindex, &core::Slave::ifindex);
    if (found == bond_.slaves.end()) {
        return;
    }
    const core::Slave slave = *found;
    if (slave.name != told.name) {
        (void)settle(core::SlaveRenamed{slave.slot, told.name});
    }
    if (slave.mac != told.mac) {
        ask_truth(told.ifindex);
    }
    if (const auto *now = core::find_slave(bond_, slave.slot)) {
        const core::Slave copy = *now;
        observe_and_handle({&copy, 1});
    }
}

void BondController::ask_truth(std::uint32_t ifindex) {
    auto back = alive_.guard([this](const sys::LinkInfo &truth) { on_truth(truth); });
    host_.hands.run([ifindex, back](Hands::Tools &tools) -> Hands::Then {
        const auto truth = tools.netlink.link(ifindex);
        if (!truth) {
            return {}; // it has gone: an event tells
        }
        return [back, truth = *truth]() mutable { back(truth); };
    });
}

void BondController::on_truth(const sys::LinkInfo &truth) {
    host_.links.update(truth);
    if (truth.ifindex == device_.ifindex()) {
        own_device_changed(truth);
        return;
    }
    const auto slave = std::ranges::find(bond_.slaves, truth.ifindex, &core::Slave::ifindex);
    if (slave != bond_.slaves.end() && slave->mac != truth.mac) {
        (void)settle(core::SlaveMacSet{slave->slot, truth.mac});
    }
}

void BondController::resync() {
    for (const auto &slave : std::vector<core::Slave>(bond_.slaves)) {
        if (const auto *link = host_.links.find(slave.ifindex)) {
            on_link_changed(sys::LinkInfo(*link));
        } else {
            on_link_gone(slave.ifindex);
        }
    }
    if (const auto *link = host_.links.find(device_.ifindex())) {
        on_link_changed(sys::LinkInfo(*link));
    }
    observe_and_handle(bond_.slaves);
}

SavedBondFile BondController::save() const {
    return {boot_id(),
            {core::save(bond_), device_.ifindex(), device_.peer(), bond_.mtu, originals_},
            bond_.lacp ? std::optional(bond_.lacp->save()) : std::nullopt};
}

Result<void> BondController::persist() { return saver_.now(save()); }

void BondController::persist_soon(const Done &done) {
    saver_.lacp_is(bond_.lacp ? std::optional(bond_.lacp->save()) : std::nullopt);
    if (done.transitions || done.lacp || saver_.due(sys::now())) {
        saver_.soon(save(), done.transitions ? sys::Durable::yes : sys::Durable::no);
    }
}

} // namespace xbond::daemon
