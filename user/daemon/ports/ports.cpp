// SPDX-License-Identifier: MIT
#include "user/daemon/ports/ports.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <linux/if_ether.h>
#include <span>
#include <spdlog/spdlog.h>

#include "user/core/wire/learning.h"
#include "user/sys/netns.h"

namespace xbond::daemon {
namespace {

loader::Port as_asked(const SavedPort &saved, const MacAddr &own) {
    return {.ifindex = saved.ifindex, .mac = saved.mac, .vlan = saved.vlan, .own = own, .xdp = saved.xdp};
}

// What a veth's other end sends comes in anyway. A NIC hears only what is for its own address unless it is told to.
bool hears_all(const sys::LinkInfo &link) { return link.kind == "veth"; }

} // namespace

const Ports::Port *Ports::find(std::uint32_t ifindex) const {
    const auto found = std::ranges::find(ports_, ifindex, [](const Port &port) { return port.saved.ifindex; });
    return found == ports_.end() ? nullptr : &*found;
}

Ports::Port *Ports::find(std::uint32_t ifindex) { return const_cast<Port *>(std::as_const(*this).find(ifindex)); }

Task<Result<void>> Ports::add(SavedPort wanted) {
    struct Made {
        loader::XdpState xdp;
        MacAddr own;
        bool promisc;
    };
    if (const auto *there = find(wanted.ifindex)) {
        wanted.promisc = there->saved.promisc;
    }
    auto job = [path = path_, wanted](Hands::Tools &tools) -> Result<Made> {
        XB_TRY(link, tools.netlink.link(wanted.ifindex));
        Made made{{}, link->mac, wanted.promisc};
        XB_TRY(xdp, path->set_port(as_asked(wanted, link->mac)));
        made.xdp = std::move(*xdp);
        if (!hears_all(*link)) {
            if (auto done = sys::set_promisc(tools.netlink, link->ifindex, true, made.promisc); !done) {
                path->end_port(wanted.ifindex);
                return tl::unexpected(done.error());
            }
        }
        return made;
    };
    XB_CO_TRY(made, co_await host_.hands.call("make a port", std::move(job)));
    wanted.promisc = made->promisc;
    Port port{wanted, made->own, made->xdp};
    if (auto *there = find(wanted.ifindex)) {
        *there = std::move(port);
    } else {
        ports_.push_back(std::move(port));
    }
    host_.catch_up();
    if (host_.links.find(wanted.ifindex) == nullptr) { // the event of its end came before there was a port
        (void)on_link_gone(wanted.ifindex, "", {});
        co_return fail(ENODEV, "interface " + wanted.name + " has gone while it was made a port");
    }
    changed_();
    co_return Result<void>();
}

Task<Result<void>> Ports::remove(std::string name) {
    const auto found = std::ranges::find(ports_, name, [](const Port &port) { return port.saved.name; });
    if (found == ports_.end()) {
        co_return fail(ENOENT, name + " is no port of the bond");
    }
    SavedPort gone = found->saved;
    ports_.erase(found);
    path_->forget_port(gone.ifindex);
    changed_();
    auto job = [path = path_, gone](Hands::Tools &tools) mutable {
        path->end_port(gone.ifindex);
        if (gone.promisc) {
            (void)sys::set_promisc(tools.netlink, gone.ifindex, false, gone.promisc);
        }
        return Result<void>();
    };
    co_return co_await host_.hands.call("end a port", std::move(job));
}

void Ports::adopt(const std::vector<SavedPort> &saved) {
    for (SavedPort port : saved) {
        const auto *link = host_.links.find(port.ifindex);
        if (link == nullptr || link->mac != port.own) {
            spdlog::warn("port {} is no longer there", port.name);
            continue;
        }
        port.name = link->name;
        ports_.push_back({port, link->mac, {}});
    }
}

void Ports::renew() {
    for (const std::uint32_t ifindex : path_->port_devices()) {
        if (find(ifindex) == nullptr) {
            path_->forget_port(ifindex);
            host_.hands.run(
                [path = path_, ifindex](Hands::Tools &) -> Hands::Then {
                    path->end_port(ifindex);
                    return {};
                },
                "end a port");
        }
    }
    for (const Port &port : ports_) {
        set_soon(port);
    }
}

void Ports::set_soon(const Port &port) {
    auto done = alive_.guard([this, ifindex = port.saved.ifindex](const Result<loader::XdpState> &outcome) {
        if (!outcome) {
            spdlog::error("port {}: {}", ifindex, outcome.error().message);
        } else if (auto *there = find(ifindex)) {
            there->xdp = *outcome;
        }
        changed_();
    });
    host_.hands.run(
        [path = path_, asked = as_asked(port.saved, port.own), done](Hands::Tools &) -> Hands::Then {
            return [done, outcome = path->set_port(asked)]() mutable { done(outcome); };
        },
        "make a port");
}

std::vector<SavedPort> Ports::saved() const {
    std::vector<SavedPort> all;
    std::ranges::transform(ports_, std::back_inserter(all), [](const Port &port) {
        SavedPort saved = port.saved;
        saved.own = port.own;
        return saved;
    });
    return all;
}

std::vector<show::PortView> Ports::views() const {
    using Attached = loader::XdpState::Attached;
    std::vector<show::PortView> views;
    const auto states = ports_.empty() ? std::vector<loader::PortState>() : path_->port_states();
    for (const auto &port : ports_) {
        auto &view = views.emplace_back();
        view.name = port.saved.name;
        view.ifindex = port.saved.ifindex;
        view.mac = port.saved.mac;
        view.vlan = port.saved.vlan;
        view.xdp = port.xdp.attached == Attached::native    ? "native"
                   : port.xdp.attached == Attached::generic ? "generic"
                                                            : "none";
        view.xdp_why = port.xdp.why;
        const auto state = std::ranges::find(states, port.saved.ifindex, &loader::PortState::ifindex);
        if (state != states.end()) {
            view.counters = state->counters;
            view.heard = state->heard;
            view.takes_xdp = state->takes_xdp;
        }
    }
    return views;
}

void Ports::on_link_changed(const sys::LinkInfo &link) {
    if (auto *port = find(link.ifindex)) {
        port->saved.name = link.name;
        if (port->own != link.mac) {
            port->own = link.mac;
            set_soon(*port);
        }
    }
}

bool Ports::on_link_gone(std::uint32_t ifindex, const std::string &bond, std::optional<sys::Elsewhere> moved) {
    const auto *found = find(ifindex);
    if (found == nullptr) {
        return false;
    }
    path_->forget_port(ifindex); // first of all: the number may be another device's next
    if (!bond.empty()) {
        spdlog::warn("{}: port {} {}: it is no port any more", bond, found->saved.name,
                     moved ? "was moved into another network namespace" : "has gone");
    }
    host_.hands.run(
        [path = path_, ifindex, moved](Hands::Tools &tools) -> Hands::Then {
            if (moved) { // our programs are still on it there
                const auto there = sys::find_netns([&](int netns) {
                    const auto id = tools.netlink.nsid_of(netns);
                    return id && *id == moved->nsid;
                });
                if (there) {
                    (void)sys::within_netns(there->get(), [&]() -> Result<void> {
                        path->end_moved_port(ifindex, moved->ifindex);
                        return {};
                    });
                }
            }
            path->end_port(ifindex);
            return {};
        },
        "forget a port");
    std::erase_if(ports_, [ifindex](const Port &port) { return port.saved.ifindex == ifindex; });
    changed_();
    return true;
}

void Ports::announce_on(std::uint32_t slave) const {
    if (ports_.empty()) {
        return;
    }
    for (const auto &address : path_->port_addresses()) {
        const std::array tag{wire::VlanTag{ETH_P_8021Q, address.vlan}};
        const std::span<const wire::VlanTag> tags(tag.data(), address.vlan == 0 ? 0 : 1);
        (void)send_frame(host_, slave, wire::learning_packet(address.mac, tags));
    }
}

std::function<void(Hands::Tools &)> Ports::ender() const {
    return [path = path_, all = saved()](Hands::Tools &tools) mutable {
        for (auto &port : all) {
            path->end_port(port.ifindex);
            if (port.promisc) {
                (void)sys::set_promisc(tools.netlink, port.ifindex, false, port.promisc);
            }
        }
    };
}

} // namespace xbond::daemon
