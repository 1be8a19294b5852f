// SPDX-License-Identifier: MIT
// Start, netlink events and the end of the daemon. What an earlier one left is in recover.cpp, requests are in
// requests.cpp, the config in apply_config.cpp.
#include "user/daemon/daemon.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <grp.h>
#include <nlohmann/json.hpp>
#include <ranges>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "common/netns_cookie.h"
#include "loader/hook/hook.h"
#include "user/daemon/by.h"
#include "user/daemon/sweep.h"
#include "user/show/render.h"
#include "user/sys/directory.h"
#include "user/sys/netns.h"

namespace xbond::daemon {
namespace {

constexpr Ms first_look_for_dead(500), last_look_for_dead(60'000);

} // namespace

// In a directory that nobody else could have made; the name of an abstract socket can be taken by anybody.
std::filesystem::path Daemon::lock_path() const { return sys::default_socket(settings_.netns).parent_path() / "lock"; }

Result<void> Daemon::open() {
    auto lock = sys::lock_file(lock_path(), "another xbondd");
    if (!lock) {
        return fail(lock.error().code, lock.error().message + ": one of them serves a network namespace");
    }
    instance_lock_ = std::move(*lock);
    auto loop = sys::EventLoop::create();
    auto netlink = sys::Netlink::open();
    auto ethtool = sys::Ethtool::open();
    auto packets = sys::PacketSocket::open();
    for (const Error *error : {loop ? nullptr : &loop.error(), netlink ? nullptr : &netlink.error(),
                               ethtool ? nullptr : &ethtool.error(), packets ? nullptr : &packets.error()}) {
        if (error != nullptr) {
            return tl::unexpected(*error);
        }
    }
    loop_ = std::move(*loop);
    netlink_ = std::move(*netlink);
    ethtool_ = std::move(*ethtool);
    packets_ = std::move(*packets);
    XB_TRY(hands, Hands::open(*loop_));
    hands_ = std::move(*hands);
    files_.emplace(*loop_);
    groups_.emplace(*loop_, *hands_);
    XB_TRY(slow, SlowReceiver::open(*loop_, *hands_));
    slow_ = std::move(*slow);
    desk_.emplace(*loop_);
    XB_TRY(features, loader::detect_features());
    features_ = std::move(*features);
    if (settings_.carrier_check) {
        features_.carrier = std::max(features_.carrier, *settings_.carrier_check);
    }
    host_ = std::make_unique<Host>(
        Host{*loop_, *netlink_, *ethtool_, *packets_, features_, *hands_, *files_, *groups_, *slow_});
    host_->state_dir = settings_.state_dir;
    host_->boot_id = boot_id();
    host_->netns_cookie = netns_cookie();
    host_->pin_root = settings_.bpffs / "xbond" / std::to_string(settings_.netns);
    host_->change_later = [this](const std::string &name, BondStep step) {
        auto change = on_bond(name, "", std::move(step), {}).carry_out; // not at once: the bond may be coming to be
        loop_->post([this, change = std::move(change)] { changes_.add(change); }, "change");
    };
    host_->catch_up = [this] { catch_up(); };
    host_->is_bond_device = [this](std::uint32_t ifindex) {
        return std::any_of(bonds_.begin(), bonds_.end(), [&](const auto &bond) {
            return bond.second->ifindex() == ifindex || bond.second->peer() == ifindex;
        });
    };
    host_->published = [this](std::uint32_t bond) { tell_listeners(bond); };
    host_->renamed = [this](const std::string &name) {
        loop_->post([this, name] { changes_.add([this, name] { return follow_name(name); }); }, "renamed");
    };
    host_->may_be_slave = [this](std::uint32_t bond, std::uint32_t ifindex) { return may_be_slave(bond, ifindex); };
    host_->report = [this](const std::string &bond, const core::Transition &t) {
        spdlog::info("{}{}{}: {} {} -> {} ({})", bond, t.slave.empty() ? "" : "/", t.slave, t.machine, t.from, t.to,
                     t.cause);
        if (server_) {
            using Json = nlohmann::ordered_json; // a device's name may be any bytes
            server_->broadcast(show::transition_json(bond, t).dump(-1, ' ', true, Json::error_handler_t::replace) +
                               "\n");
        }
    };
    return list_links();
}

// Waits for RTNL: while no loop runs.
Result<void> Daemon::list_links() {
    XB_TRY(dump, LinkTable::dump(*netlink_));
    host_->links.replace(std::move(*dump));
    return {};
}

Result<int> Daemon::run() {
    started_ = sys::now();
    XB_TRY_VOID(open());
    std::optional<api::Config> config;
    std::optional<gid_t> writers;
    if (settings_.config) { // a broken file changes nothing, not even by adopting
        XB_TRY(parsed, read_config());
        config = std::move(*parsed);
        if (config->group) {
            const auto *group = ::getgrnam(config->group->c_str());
            if (group == nullptr) {
                return fail(EINVAL, settings_.config->string() + ": group: no such group '" + *config->group + "'");
            }
            writers = group->gr_gid;
        }
    }
    sigterm_ = loop_->on_signal(SIGTERM, [this] { loop_->stop(0); });
    sigint_ = loop_->on_signal(SIGINT, [this] { loop_->stop(0); });
    sighup_ = loop_->on_signal(SIGHUP, [this] { reread_config(); });
    XB_TRY_VOID(recover());
    load_applied();
    netlink_source_ = loop_->on_readable(
        netlink_->event_fd(),
        [this] {
            read_netlink();
            handle_netlink();
        },
        "netlink");
    constexpr Ms long_turn(10); // LACP and probes wait for as long
    loop_->on_long_turn(long_turn, [](std::string_view what, Time took) {
        spdlog::warn("a turn of the loop took {} ms: {}", std::chrono::duration_cast<Ms>(took).count(), what);
    });
    const auto watched = loop_->on_resume([this](Time away) {
        spdlog::warn("the machine was suspended for {} ms", std::chrono::duration_cast<Ms>(away).count());
        for (auto &[name, controller] : bonds_) {
            controller->on_resume(away);
        }
    });
    if (!watched) {
        spdlog::warn("{}: the end of a suspend is noticed late", watched.error().message);
    }
    // LACP and probes keep time on a busy host, too. Only this thread: the others have begun, and may wait.
    constexpr int ahead = -15;
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), ahead);
    changes_.add([this, config, writers] { return start_serving(config, writers); });
    try_again_later();
    look_after_hooks();
    look_for_dead(first_look_for_dead);
    const int code = loop_->run();
    if (failed_) {
        return tl::unexpected(*failed_);
    }
    (void)hands_->drain(Ms(500)); // what is in work is finished, unless it waits for somebody
    (void)files_->drain(Ms(500));
    if (bonds_.empty() && left_alone_.empty()) {
        remove_leftovers();
    }
    take_leave();
    return code;
}

// Every partner's patience starts anew, what a successor needs is on disk, and sockets are closed many at a time: the
// kernel takes some 10 ms for one of AF_XDP, and a successor waits for the end of this program.
void Daemon::take_leave() {
    constexpr std::size_t closers = 16;
    std::vector<std::function<void()>> ends;
    for (auto &[name, controller] : bonds_) {
        ends.push_back(controller->take_leave());
        if (auto saved = controller->persist_now(); !saved) {
            spdlog::error("{}: not saved: {}", name, saved.error().message);
        }
    }
    std::vector<std::thread> threads;
    std::atomic<std::size_t> next = 0;
    while (threads.size() < std::min(closers, ends.size())) {
        threads.emplace_back([&] {
            for (std::size_t i = next++; i < ends.size(); i = next++) {
                ends[i]();
            }
        });
    }
    for (auto &thread : threads) {
        thread.join();
    }
}

// The bonds that were there are served already; clients are when what their adoption set in motion is done, so that
// nobody sees half of it, and the config is applied.
Task<Result<void>> Daemon::start_serving(std::optional<api::Config> config, std::optional<gid_t> writers) {
    auto nothing = [](Hands::Tools &) { return true; };
    (void)co_await hands_->call("adoption", std::move(nothing));
    (void)co_await finish_unfinished();
    Result<void> done;
    if (config) {
        done = co_await apply_at_start(*config);
    } else {
        take_in_soon();
    }
    if (done) {
        auto server = ControlServer::listen(*loop_, settings_.socket,
                                            [this](const api::Request &request, Fd passed, ControlServer::Reply reply) {
                                                on_request(request, std::move(passed), std::move(reply));
                                            });
        if (server) {
            server_ = std::move(*server);
            server_->set_group(writers);
            server_->set_open([this](const api::StateOpen &request, const sys::Peer &peer, auto answer) {
                on_open(request, peer, std::move(answer));
            });
            server_->set_left([this](std::uint32_t ifindex) {
                auto *const bond = bond_of_device(ifindex);
                if (bond != nullptr && opens_.at_rest()) { // or the next one is just coming
                    bond->applications().nobody_looks();
                }
            });
            spdlog::info("xbondd {} serves {}", XBOND_VERSION, settings_.socket.string());
            loop_->notify_ready();
            co_return done;
        }
        done = tl::unexpected(server.error());
    }
    failed_ = done.error();
    loop_->stop(1);
    co_return done;
}

// Nobody tells of a program that is taken away, or put behind ours.
void Daemon::look_after_hooks() {
    Ms pause(2000);
    for (auto &[name, controller] : bonds_) {
        pause = std::min(pause, controller->mend_hooks());
    }
    hooks_again_ = loop_->at(
        sys::now() + pause, [this] { look_after_hooks(); }, "hooks");
}

// The kernel takes its time to end a namespace, and others may end later: they are looked for again, less and less
// often unless one is about to go.
void Daemon::look_for_dead(Ms pause) {
    const auto sweep = [this, pause] {
        hands_->run(
            [this, pause, root = host_->pin_root.parent_path(), own = settings_.netns](Hands::Tools &) -> Hands::Then {
                const bool more = sweep_dead_netns(root, own);
                const Ms next = more ? std::min(pause * 3 / 2, last_look_for_dead) : last_look_for_dead;
                return [this, next] { look_for_dead(next); };
            },
            "look for dead network namespaces");
    };
    dead_again_ = loop_->at(sys::now() + pause, sweep, "dead network namespaces");
}

void Daemon::reread_config() {
    changes_.add([this] { return try_again(); });
    if (!settings_.config) {
        spdlog::info("SIGHUP: there is no config file to read again");
        return;
    }
    changes_.add([this] { return apply_file(); });
}

// The table first and whole, so that what a message leads to knows all that has happened; then the bonds, in order.
void Daemon::read_netlink() {
    netlink_->drain([this](sys::NetlinkEvent &&event) {
        host_->links.update(event);
        events_lost_ = events_lost_ || std::holds_alternative<sys::Overrun>(event);
        if (resyncing_) {
            resyncing_->push_back(event);
        }
        told_.push_back(std::move(event));
    });
}

void Daemon::catch_up() {
    const bool at_rest = told_.empty();
    read_netlink();
    if (at_rest && !told_.empty()) {
        loop_->post([this] { handle_netlink(); }, "netlink");
    }
}

// What concerns all bonds is done once, however many messages there are.
void Daemon::handle_netlink() {
    for (; !told_.empty(); told_.pop_front()) {
        on_netlink(told_.front());
    }
    resync();
    if (std::exchange(addresses_changed_, false)) {
        for (auto &[name, controller] : bonds_) {
            controller->on_addresses_changed();
        }
    }
}

void Daemon::on_netlink(const sys::NetlinkEvent &event) {
    if (const auto *changed = std::get_if<sys::LinkChanged>(&event)) {
        for (auto &[name, controller] : bonds_) {
            controller->on_link_changed(changed->link);
        }
        if (may_be_wanted(changed->link)) {
            take_in_soon();
        }
    } else if (const auto *gone = std::get_if<sys::LinkGone>(&event)) {
        on_link_gone(*gone);
    } else if (const auto *forwarding = std::get_if<sys::ForwardingChanged>(&event)) {
        for (auto &[name, controller] : bonds_) {
            controller->on_forwarding_changed(forwarding->ifindex);
        }
    } else if (std::holds_alternative<sys::BridgeVlansChanged>(event)) {
        for (auto &[name, controller] : bonds_) {
            controller->stack_may_have_changed();
        }
    } else if (const auto *groups = std::get_if<sys::GroupsChanged>(&event)) {
        const auto *link = host_->links.find(groups->ifindex); // of a bond, or of what hands its groups down
        if (host_->is_bond_device(groups->ifindex) ||
            (link != nullptr && (link->kind == "vlan" || link->kind == "macvlan"))) {
            groups_->kernel_told();
        }
    } else if (const auto *ipv6 = std::get_if<sys::Ipv6Changed>(&event)) {
        for (auto &[name, controller] : bonds_) {
            controller->on_ipv6_changed(ipv6->ifindex);
        }
    } else if (const auto *control = std::get_if<sys::TrafficControlChanged>(&event)) {
        for (auto &[name, controller] : bonds_) {
            controller->on_traffic_control_changed(control->ifindex);
        }
    } else if (!std::holds_alternative<sys::Overrun>(event)) { // for resync()
        addresses_changed_ = true;
    }
}

// After lost messages, by hands. What is told while they read may be newer than what they have read: it counts once
// more. Lists that kept changing while they were read are read again a little later.
void Daemon::resync() {
    if (resyncing_ || !std::exchange(events_lost_, false)) {
        return;
    }
    resyncing_.emplace();
    hands_->run(
        [this](Hands::Tools &tools) -> Hands::Then {
            auto dump = std::make_shared<Result<LinkTable::Dump>>(LinkTable::dump(tools.netlink));
            return [this, dump] { on_resync(std::move(*dump)); };
        },
        "list all links");
}

void Daemon::on_resync(Result<LinkTable::Dump> dump) {
    constexpr Ms pause(50);
    const auto told_meanwhile = *std::exchange(resyncing_, std::nullopt);
    if (!dump) {
        spdlog::warn("netlink: {}: tried again", dump.error().message);
        events_lost_ = true;
        resync_again_ = loop_->at(
            sys::now() + pause, [this] { resync(); }, "netlink");
        return;
    }
    spdlog::warn("netlink events were lost: everything is read again");
    host_->links.replace(std::move(*dump));
    for (const auto &event : told_meanwhile) {
        host_->links.update(event);
    }
    for (auto &[name, controller] : bonds_) {
        controller->resync();
        controller->on_addresses_changed();
    }
    resync(); // if more was lost meanwhile
}

// Alternative names of a device that is down come and go without a message.
bool Daemon::is_known(const std::string &name) const {
    const auto *link = host_->links.find(name);
    return link != nullptr && link->name == name;
}

std::optional<std::vector<sys::LinkInfo>> Daemon::known_links(const api::Config &config) {
    host_->catch_up(); // who has just made a device finds it
    const bool all_known = std::ranges::all_of(config.bonds, [this](const api::BondConfig &bond) {
        const auto known = [this](const auto &device) { return is_known(device.name); };
        return std::ranges::all_of(bond.slaves, known) && (!bond.ports || std::ranges::all_of(*bond.ports, known));
    });
    if (!all_known || resyncing_ || events_lost_) {
        return std::nullopt;
    }
    const auto all = std::views::values(host_->links.all());
    return std::vector(all.begin(), all.end());
}

void Daemon::on_link_gone(const sys::LinkGone &gone) {
    let_go_.erase(gone.ifindex); // the number may be another device's next
    std::erase_if(passed_over_, [&](const auto &seen) { return seen.first == gone.ifindex; });
    for (auto &[name, controller] : bonds_) {
        if (controller->ifindex() == gone.ifindex || controller->peer() == gone.ifindex) {
            const bool was_up = controller->core().admin_up;
            changes_.add([this, name = name, was_up] { return device_gone(name, was_up); });
        } else {
            controller->on_link_gone(gone.ifindex, gone.moved);
        }
    }
}

// Either end of it. What was moved away comes back, as bonding's device would not have gone; what was deleted takes the
// bond along.
Task<Result<void>> Daemon::device_gone(std::string name, bool was_up) {
    XB_CO_TRY(found, bond(name)); // the other end's message came first
    if ((*found)->device().elsewhere()) {
        co_return co_await device_lost(name);
    }
    auto fetch = [name, ends = DeviceEnds{(*found)->ifindex(), (*found)->peer()}](Hands::Tools &tools) {
        return BondDevice::bring_home(tools.netlink, ends, name);
    };
    if (co_await hands_->call("bring a device home", std::move(fetch))) {
        XB_CO_TRY(back, bond(name));
        co_return co_await (*back)->come_home(was_up);
    }
    spdlog::warn("{}: its device was deleted, or moved to where it cannot be brought back from: releasing the slaves",
                 name);
    co_return co_await forget(name);
}

// With the network namespace that it was in, or deleted there: nobody there ends a bond of this one. As after a start
// of the daemon the bond goes on with a device that is made anew, at home and down.
Task<Result<void>> Daemon::device_lost(std::string name) {
    XB_CO_TRY(found, bond(name));
    auto look = [device = (*found)->device(), name](Hands::Tools &tools) {
        const bool is_there = tools.netlink.link(device.peer()).has_value();
        if (!is_there) { // where the other end was taken away
            (void)device.at_device(tools.netlink, [&](sys::Netlink &there) { return device.end_stray(there); });
        }
        return is_there;
    };
    if (co_await hands_->call("look for a bond's device", std::move(look))) {
        co_return Result<void>();
    }
    XB_CO_TRY(still, bond(name));
    const auto file = (*still)->save();
    auto close = (*still)->take_leave();
    bonds_.erase(name);
    left_alone_[name] = {"its device is being made anew", {}};
    auto job = [close = std::move(close)](Hands::Tools &) {
        close();
        return true;
    };
    (void)co_await hands_->call("close a bond's sockets", std::move(job));
    auto attempt = take_over(By::hands, file);
    auto after = co_await outcome(By::hands, name, std::move(attempt));
    left_alone_.erase(name);
    left_alone_.merge(after);
    if (const auto made = bonds_.find(name); made != bonds_.end()) {
        (void)co_await made->second->keep();
    }
    try_again_later();
    co_return Result<void>();
}

// A name that a bond cannot have is taken back.
Task<Result<void>> Daemon::follow_name(std::string name) {
    XB_CO_TRY(found, bond(name));
    const auto ifindex = (*found)->ifindex();
    auto look = [ifindex](Hands::Tools &tools) { return tools.netlink.link(ifindex); };
    XB_CO_TRY(truth, co_await hands_->call("look at a link", std::move(look)));
    const std::string next = truth->name;
    if (next == name) {
        co_return Result<void>();
    }
    auto done = bonds_.contains(next) ? fail(EEXIST, "another bond has that name") : api::check_bond_name(next);
    if (done) {
        done = refuse_left_alone(next);
    }
    if (done) {
        XB_CO_TRY(still, bond(name));
        done = co_await (*still)->follow_name(next);
        if (auto node = bonds_.extract(name); (*still)->name() == next && !node.empty()) {
            node.key() = next;
            bonds_.insert(std::move(node));
        } else if (!node.empty()) {
            bonds_.insert(std::move(node));
        }
    }
    if (!done && !bonds_.contains(next)) {
        spdlog::error("{}: it cannot be called {}: {}", name, next, done.error().message);
        auto back = [ifindex, name](Hands::Tools &tools) { return tools.netlink.set_name(ifindex, name); };
        done = co_await hands_->call("rename a device", std::move(back));
    }
    // Renamed again meanwhile: what was told of that was compared with the name before.
    if (const auto *link = host_->links.find(ifindex); link != nullptr && bonds_.contains(next) && link->name != next) {
        host_->renamed(next);
    }
    co_return done;
}

} // namespace xbond::daemon
