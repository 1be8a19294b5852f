// SPDX-License-Identifier: MIT
// Life, commands and events of one bond. Enslaving and releasing are in enslave.cpp.
#include "user/daemon/bond/controller.h"

#include <algorithm>
#include <iterator>
#include <net/if.h>
#include <spdlog/spdlog.h>
#include <utility>

#include "user/api/protocol.h"
#include "user/daemon/traffic/balancer.h"

namespace xbond::daemon {
namespace {

constexpr std::size_t history_length = 128;

// The ARP monitor's candidates while no slave is active (`arp.search`): two steps an interval while an outage lasts.
bool is_search(const core::Transition &t) { return t.machine == "search"; }

} // namespace

BondController::BondController(Host &host, core::BondState bond, BondDevice device,
                               std::shared_ptr<loader::DataPath> path)
    : host_(host),
      bond_(std::move(bond)),
      device_(device),
      path_(std::move(path)),
      applier_(
          host_, path_, device_, [this] { settle(); }, [this](const AddedFilters &added) { note_filters(added); }),
      links_(host_, *path_, [this](SlotId slot) { on_driver_answered(slot); }),
      slow_(
          host_, path_, applier_, device_.peer(),
          [this](std::vector<core::SlowFrame> frames) { settle(core::SlowFrames{std::move(frames)}); },
          [this] { settle(); }),
      saver_(host_.files, bond_file(host_.state_dir, bond_.name)),
      ports_(host_, path_, [this] { ports_changed(); }),
      prober_(host_, [this](const core::Slave &slave, std::span<const std::uint8_t> frame) {
          auto sent = slow_.send_by_xsk(slave.slot, frame);
          return sent ? *sent : send_frame(host_, slave.ifindex, frame);
      }) {}

void BondController::start() {
    events_ = host_.loop.on_readable(
        path_->events_fd(), [this] { on_data_path_events(); }, "data path events");
    if (!events_) { // epoll's limit, or memory
        spdlog::error("{}: the data path's events cannot be watched: a lost carrier is seen at the next tick", name());
    }
    device_.take_redirected_soon(host_.hands);
}

void BondController::adopt_lacp(const lacp::SystemState &saved) {
    if (auto restored = core::restore_lacp(bond_, saved, sys::now()); !restored) {
        spdlog::warn("{}: {}: LACP starts anew", name(), restored.error().message);
    }
    settle(core::SlowFrames{});
}

// What effects give back is taken in its turn, never in the middle of others.
void BondController::settle(Work work) {
    std::vector<Work> works;
    works.push_back(std::move(work));
    settle_all(std::move(works));
}

void BondController::settle_all(std::vector<Work> works) {
    const bool at_work = !queue_.empty(); // whoever works on the first one does these, too
    if (ended_) {
        return;
    }
    std::ranges::move(works, std::back_inserter(queue_));
    if (at_work || queue_.empty()) {
        return;
    }
    Done done;
    for (; !queue_.empty(); queue_.pop_front()) {
        if (const auto *event = std::get_if<core::Event>(&queue_.front())) {
            queue_.front() = core::step(bond_, *event, sys::now());
        }
        if (addresses_stale_ && bond_.options.arp_interval_ms > 0) {
            applier_.set_own_addresses(own_addresses(device_.links(host_), device_.ifindex()));
            addresses_stale_ = false;
        }
        carry_out(std::get<core::Effects>(std::move(queue_.front())), done);
    }
    follow_up(done);
}

// What has no place in the order of effects.
void BondController::follow_up(const Done &done) {
    const auto desired = core::desired(bond_);
    if (done.devices || synced_devices_ != desired) {
        applier_.sync_devices(desired);
        synced_devices_ = desired;
    }
    slow_.follow(bond_);
    applier_.refresh();
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
        timer_ = host_.loop.at(
            *when, [this] { on_deadline(); }, "bond timer");
    }
}

void BondController::on_deadline() {
    const auto now = sys::now();
    const bool lacp = core::lacp_due(bond_, now) || saver_.due(now);
    const bool links = core::links_due(bond_, now) || core::balance_due(bond_, now);
    if (lacp) { // what waits on any slave counts before any deadline does
        settle(core::SlowFrames{slow_.read_all(), true});
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

void BondController::look_at_all() { handle_links(links_.look(bond_.slaves, LinkWatch::Ask::if_new)); }

void BondController::observe_and_handle(std::span<const core::Slave> slaves) {
    handle_links(links_.look(slaves, LinkWatch::Ask::always));
}

void BondController::on_driver_answered(SlotId slot) {
    if (const auto *slave = core::find_slave(bond_, slot)) {
        handle_links(links_.look({slave, 1}, LinkWatch::Ask::if_new));
    }
}

// Its own device has been told to be down, and it is not made sure of yet.
bool BondController::may_be_down() const {
    const auto *own = device_.links(host_).find(device_.ifindex());
    return bond_.admin_up && own != nullptr && (own->flags & IFF_UP) == 0;
}

// Slaves that go down together with their bond are not failed over from: losses wait until it is sure.
void BondController::handle_links(core::LinksObserved observed) {
    if (may_be_down()) {
        held_back_ |= std::erase_if(observed.links, [](const auto &link) { return !link.carrier; }) > 0;
    }
    for (auto &link : observed.links) {
        link.stamps = path_->stamps(link.slot);
        link.lost = link.running && link.carrier && path_->latched(link.slot);
    }
    settle(observed);
    // The data path keeps away from a slot that lost its carrier. From here on the published tables do.
    for (const auto &link : observed.links) {
        if (link.lost) {
            path_->clear_latch(link.slot);
        }
    }
}

void BondController::on_data_path_events() {
    catch_up(); // the bond may have been set down before its slaves
    std::array<bool, XB_MAX_SLAVES> told{};
    bool clients = false;
    std::vector<Work> displaced; // up to the ring's fill in a storm of ARP
    path_->drain_events(
        [&](const xb_event &event) {
            clients = clients || event.type == XB_EVENT_CLIENTS;
            if (event.type == XB_EVENT_GROUPS) {
                host_.groups.kernel_told();
            }
            if (event.type != XB_EVENT_CLIENTS && event.slot < XB_MAX_SLAVES) {
                told[event.slot] = true;
            }
        },
        [&](const xb_client &client) { displaced.emplace_back(core::ClientDisplaced{balance_client(client)}); });
    settle_all(std::move(displaced));
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

void BondController::own_device_changed(const sys::LinkInfo &link) {
    const bool up = (link.flags & IFF_UP) != 0, changed = up != bond_.admin_up;
    if (changed) {
        settle(core::BondAdmin{up});
    }
    if (std::exchange(held_back_, false) || changed) {
        observe_and_handle(bond_.slaves);
    }
    if ((link.mac != bond_.mac || link.mtu != bond_.mtu) && !std::exchange(following_, true)) {
        host_.change_later(name(), [](BondController &bond) { return bond.follow_device(); });
    }
    // Promiscuity or an XDP program may have changed: visibility and the slaves' filters follow.
    applier_.look_at_onlookers();
    applier_.look_at_receive();
    synced_devices_.reset();
    settle();
}

void BondController::on_traffic_control_changed(std::uint32_t ifindex) {
    if (ifindex == device_.here()) {
        applier_.look_at_onlookers();
    }
}

void BondController::on_addresses_changed() {
    addresses_stale_ = true;
    settle();
}

// An event may be older than what was done since: what differs from what the bond has is asked for anew.
void BondController::on_link_changed(const sys::LinkInfo &told) {
    addresses_stale_ = true; // what is stacked on the bond may have changed
    if (told.ifindex == device_.peer() && ((told.flags & IFF_UP) != 0) != core::desired(bond_).carrier) {
        ask_truth(told.ifindex);
    } else if (told.ifindex == device_.peer()) {
        settle(); // received frames may take the way through the pair, or may not
    }
    if (told.ifindex == device_.here()) {
        if (told.name != bond_.name) {
            host_.renamed(bond_.name);
        }
        own_device_told(told);
        return;
    }
    stack_may_have_changed();
    ports_.on_link_changed(told);
    const auto found = std::ranges::find(bond_.slaves, told.ifindex, &core::Slave::ifindex);
    if (found == bond_.slaves.end()) {
        return;
    }
    applier_.filters().on_flags(told.ifindex, told.flags);
    applier_.filters().look_at_nic(told.ifindex);
    applier_.look_at_receive(told.ifindex);
    const core::Slave slave = *found;
    if (slave.name != told.name) {
        settle(core::SlaveRenamed{slave.slot, told.name});
    }
    if (slave.mac != told.mac) {
        ask_truth(told.ifindex);
    }
    if (told.master != 0) {
        host_.change_later(name(),
                           [ifindex = told.ifindex](BondController &bond) { return bond.leave_to_master(ifindex); });
    }
    if (const auto *now = core::find_slave(bond_, slave.slot)) {
        const core::Slave copy = *now;
        observe_and_handle({&copy, 1});
    }
}

// Where links come and go by the thousand, it is looked at once for many.
void BondController::stack_may_have_changed() {
    constexpr Ms pause(10);
    if (!stack_timer_) {
        stack_timer_ = host_.loop.at(
            sys::now() + pause,
            [this] {
                stack_timer_ = {};
                applier_.follow_stack();
            },
            "what stands on a bond");
    }
}

void BondController::own_device_told(const sys::LinkInfo &told) {
    if (is_as_own(told)) {
        own_device_changed(told);
    } else {
        ask_own_truth();
    }
}

constexpr int enough_answers = 5; // where messages were lost, what was told last may be wrong

void BondController::ask_own_truth(int times) {
    using Truth = std::optional<sys::LinkInfo>; // none: nobody lets us in, and what was told last counts
    auto back = alive_.guard([this, times](const BondDevice &asked, Truth truth) {
        if (asked.elsewhere() != device_.elsewhere() || asked.ifindex() != device_.ifindex()) {
            return; // it was moved meanwhile
        }
        auto &links = asked.elsewhere() ? asked.elsewhere()->links : host_.links;
        const auto *told = links.find(asked.ifindex());
        if (!truth && told != nullptr) {
            truth = *told;
        }
        if (truth && times < enough_answers && !is_as_own(*truth) && may_be_old(*truth, links)) {
            ask_own_truth(times + 1);
        } else if (truth) {
            links.update(*truth);
            own_device_changed(*truth);
        }
    });
    host_.hands.run(
        [device = device_, back](Hands::Tools &tools) -> Hands::Then {
            const auto seen = device.look(tools.netlink);
            if (!seen && !(device.elsewhere() && seen.error().code == ENOENT)) {
                return {}; // it has gone: an event tells
            }
            return [back, device, truth = seen ? Truth(*seen) : Truth()]() mutable { back(device, truth); };
        },
        "look at the bond's device");
}

void BondController::ask_truth(std::uint32_t ifindex, int times) {
    auto back = alive_.guard([this, times](const sys::LinkInfo &truth) {
        if (times < enough_answers && !is_as_known(truth) && may_be_old(truth, host_.links)) {
            ask_truth(truth.ifindex, times + 1);
        } else {
            on_truth(truth);
        }
    });
    host_.hands.run(
        [ifindex, back](Hands::Tools &tools) -> Hands::Then {
            const auto truth = tools.netlink.link(ifindex);
            if (!truth) {
                return {}; // it has gone: an event tells
            }
            return [back, truth = *truth]() mutable { back(truth); };
        },
        "look at a link");
}

bool BondController::is_as_own(const sys::LinkInfo &truth) const {
    return ((truth.flags & IFF_UP) != 0) == bond_.admin_up && truth.mac == bond_.mac && truth.mtu == bond_.mtu;
}

bool BondController::is_as_known(const sys::LinkInfo &truth) const {
    const auto slave = std::ranges::find(bond_.slaves, truth.ifindex, &core::Slave::ifindex);
    return slave == bond_.slaves.end() || slave->mac == truth.mac;
}

// Hands may have looked before the bond set an address, or before the message that was read meanwhile.
bool BondController::may_be_old(const sys::LinkInfo &truth, const LinkTable &where) const {
    const auto *told = where.find(truth.ifindex);
    return setting_ > 0 || (told != nullptr && (((told->flags ^ truth.flags) & IFF_UP) != 0 || told->mac != truth.mac ||
                                                told->mtu != truth.mtu));
}

void BondController::on_truth(const sys::LinkInfo &truth) {
    host_.links.update(truth);
    if (truth.ifindex == device_.peer()) {
        peer_is((truth.flags & IFF_UP) != 0);
        return;
    }
    const auto slave = std::ranges::find(bond_.slaves, truth.ifindex, &core::Slave::ifindex);
    if (slave != bond_.slaves.end() && slave->mac != truth.mac) {
        settle(core::SlaveMacSet{slave->slot, truth.mac});
    }
}

// Its state is the bond's carrier, and ours to set.
void BondController::peer_is(bool up) {
    device_.carrier_is(up);
    if (up != core::desired(bond_).carrier) {
        spdlog::warn("{}: somebody has set the other end of its device {}: put back", name(), up ? "up" : "down");
    }
    synced_devices_.reset();
    settle();
}

void BondController::on_ipv6_changed(std::uint32_t ifindex) {
    if (std::ranges::find(bond_.slaves, ifindex, &core::Slave::ifindex) != bond_.slaves.end()) {
        host_.hands.run(
            [ifindex](Hands::Tools &tools) -> Hands::Then {
                (void)keep_quiet(tools.netlink, ifindex);
                return {};
            },
            "keep a slave quiet");
    }
}

void BondController::on_resume(Time away) {
    observe_and_handle(bond_.slaves);
    settle(core::Resumed{away});
}

// The tables say so, and slaves let in what is for others.
void BondController::ports_changed() {
    if (applier_.ports() != ports_.any()) {
        applier_.set_ports(ports_.any());
        synced_devices_.reset();
    }
    settle();
    persist_soon({.transitions = true});
}

void BondController::resync() {
    for (const auto &port : ports_.saved()) {
        if (const auto *link = host_.links.find(port.ifindex)) {
            ports_.on_link_changed(*link);
        } else {
            on_link_gone(port.ifindex);
        }
    }
    if (const auto *peer = host_.links.find(device_.peer())) {
        on_link_changed(sys::LinkInfo(*peer));
    }
    for (const auto &slave : std::vector<core::Slave>(bond_.slaves)) {
        if (const auto *link = host_.links.find(slave.ifindex)) {
            on_link_changed(sys::LinkInfo(*link));
        } else {
            on_link_gone(slave.ifindex);
        }
    }
    if (const auto *link = device_.links(host_).find(device_.ifindex()); link != nullptr && device_.elsewhere()) {
        own_device_told(sys::LinkInfo(*link));
    } else if (link != nullptr) {
        on_link_changed(sys::LinkInfo(*link));
    }
    observe_and_handle(bond_.slaves);
}

std::function<void()> BondController::take_leave() {
    settle(core::ControllerEnds{});
    ended_ = true;
    return slow_.closer();
}

} // namespace xbond::daemon
