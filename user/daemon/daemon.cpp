// SPDX-License-Identifier: MIT
// Start, recovery, netlink events and the end of the daemon. Requests are in requests.cpp, the config in apply.cpp.
#include "user/daemon/daemon.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <grp.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "user/daemon/bond/bond_device.h"
#include "user/show/render.h"
#include "user/sys/netns.h"

namespace xbond::daemon {
namespace {

// An abstract socket name belongs to the network namespace and goes with the process: the exact lifetime wanted.
Result<Fd> lock_namespace() {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    constexpr std::string_view name("\0xbondd", 7);
    name.copy(address.sun_path, name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), length) != 0) {
        if (errno == EADDRINUSE) {
            return fail(EBUSY, "another xbondd runs in this network namespace; stop it first");
        }
        return fail(errno, std::string("cannot lock the network namespace: ") + std::strerror(errno));
    }
    return fd;
}

} // namespace

Result<void> Daemon::open() {
    XB_TRY(lock, lock_namespace());
    instance_lock_ = std::move(*lock);
    auto loop = sys::EventLoop::create();
    auto netlink = sys::Netlink::open();
    auto ethtool = sys::Ethtool::open();
    auto packets = sys::PacketSocket::open();
    auto filter = sys::DeviceFilter::open();
    for (const Error *error :
         {loop ? nullptr : &loop.error(), netlink ? nullptr : &netlink.error(), ethtool ? nullptr : &ethtool.error(),
          packets ? nullptr : &packets.error(), filter ? nullptr : &filter.error()}) {
        if (error != nullptr) {
            return tl::unexpected(*error);
        }
    }
    loop_ = std::move(*loop);
    netlink_ = std::move(*netlink);
    ethtool_ = std::move(*ethtool);
    packets_ = std::move(*packets);
    filter_ = std::move(*filter);
    XB_TRY(features, loader::probe_features());
    features_ = std::move(*features);
    if (settings_.carrier_check) {
        features_.carrier = std::max(features_.carrier, *settings_.carrier_check);
    }
    host_ = std::make_unique<Host>(
        Host{*loop_, *netlink_, *ethtool_, *packets_, *filter_, features_, {}, {}, {}, {}, {}, {}});
    host_->state_dir = settings_.state_dir;
    host_->pin_root = settings_.bpffs / "xbond" / std::to_string(settings_.netns);
    host_->persist = [this] { return persist(); };
    host_->is_bond_device = [this](std::uint32_t ifindex) {
        return std::any_of(bonds_.begin(), bonds_.end(), [&](const auto &bond) {
            return bond.second->ifindex() == ifindex || bond.second->peer() == ifindex;
        });
    };
    host_->report = [this](const std::string &bond, const core::Transition &t) {
        spdlog::info("{}{}{}: {} {} -> {} ({})", bond, t.slave.empty() ? "" : "/", t.slave, t.machine, t.from, t.to,
                     t.cause);
        if (server_) {
            server_->broadcast(show::transition_json(bond, t).dump() + "\n");
        }
    };
    return host_->links.resync(*netlink_);
}

Result<void> Daemon::persist() {
    SavedState state;
    state.boot_id = boot_id();
    for (const auto &[name, controller] : bonds_) {
        state.bonds.push_back(controller->save());
    }
    return save_state(settings_.state_dir, state);
}

Result<void> Daemon::recover() {
    XB_TRY(state, load_state(settings_.state_dir));
    // Writing the state while half of it is adopted would lose the other half.
    host_->persist = [] { return Result<void>(); };
    for (const auto &saved : state->bonds) {
        auto controller = BondController::adopt(*host_, saved);
        if (controller) {
            spdlog::info("{}: adopted with {} slaves", saved.core.name, (*controller)->core().slaves().size());
            bonds_[saved.core.name] = std::move(*controller);
            continue;
        }
        spdlog::warn("{}: {}; restoring its slaves", saved.core.name, controller.error().message);
        for (const auto &original : saved.originals) {
            (void)restore(*host_, original, original.mac);
        }
        loader::remove_pins(host_->pin_root / saved.core.name);
        if (const auto *link = host_->links.find(saved.ifindex); link != nullptr && BondDevice::is_ours(*link)) {
            (void)netlink_->delete_link(saved.ifindex);
        }
    }
    host_->persist = [this] { return persist(); };
    for (const auto &name : loader::pinned_bonds(host_->pin_root)) {
        if (!bonds_.contains(name)) {
            spdlog::warn("{}: pins without saved state: removed", name);
            loader::remove_pins(host_->pin_root / name);
        }
    }
    return persist();
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
    XB_TRY_VOID(recover());
    netlink_source_ = loop_->on_readable(netlink_->event_fd(), [this] {
        netlink_->drain([this](const sys::NetlinkEvent &event) { on_netlink(event); });
    });
    if (config) {
        XB_TRY_VOID(apply(*config, false, nullptr));
    }
    XB_TRY(server, ControlServer::listen(*loop_, settings_.socket,
                                         [this](const api::Request &request) { return handle(request); }));
    server_ = std::move(*server);
    server_->set_group(writers);
    spdlog::info("xbondd {} serves {}", XBOND_VERSION, settings_.socket.string());
    loop_->notify_ready();
    const int code = loop_->run();
    if (bonds_.empty()) {
        remove_leftovers();
    } else if (auto saved = persist(); !saved) {
        spdlog::error("state not saved: {}", saved.error().message);
    }
    return code;
}

Result<void> Daemon::teardown() {
    XB_TRY_VOID(open());
    XB_TRY_VOID(recover());
    for (auto &[name, controller] : bonds_) {
        controller->destroy();
    }
    bonds_.clear();
    remove_leftovers();
    return {};
}

// With no bond there is nothing to come back to. Only directories that xbond makes by itself go, when they are empty.
void Daemon::remove_leftovers() {
    server_.reset();
    forget_state(settings_.state_dir);
    const auto own = sys::default_socket(settings_.netns).parent_path();
    std::error_code ec;
    for (const auto &empty : {host_->pin_root, host_->pin_root.parent_path(), own, own.parent_path()}) {
        std::filesystem::remove(empty, ec);
    }
}

void Daemon::on_netlink(const sys::NetlinkEvent &event) {
    if (const auto *changed = std::get_if<sys::LinkChanged>(&event)) {
        host_->links.update(changed->link);
        for (auto &[name, controller] : bonds_) {
            controller->on_link_changed(changed->link);
        }
    } else if (const auto *gone = std::get_if<sys::LinkGone>(&event)) {
        on_link_gone(gone->ifindex);
    } else {
        if (auto synced = host_->links.resync(*netlink_); !synced) {
            spdlog::error("netlink: {}", synced.error().message);
            return;
        }
        if (std::holds_alternative<sys::Overrun>(event)) {
            spdlog::warn("netlink events were lost: everything is read again");
            for (auto &[name, controller] : bonds_) {
                controller->resync();
            }
        }
        for (auto &[name, controller] : bonds_) {
            controller->on_addresses_changed();
        }
    }
}

void Daemon::on_link_gone(std::uint32_t ifindex) {
    host_->links.remove(ifindex);
    for (auto it = bonds_.begin(); it != bonds_.end();) {
        auto &controller = *it->second;
        if (controller.ifindex() == ifindex || controller.peer() == ifindex) {
            spdlog::warn("{}: its device was deleted: releasing the slaves", it->first);
            controller.destroy();
            it = bonds_.erase(it);
            (void)persist();
            continue;
        }
        controller.on_link_gone(ifindex);
        ++it;
    }
}

} // namespace xbond::daemon
