// SPDX-License-Identifier: MIT
#include "user/daemon/ports/ports.h"

#include <algorithm>
#include <array>
#include <linux/if_ether.h>
#include <net/if.h>
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

// What was in the way of the first attempt may have passed: nobody takes it off later.
void end_port(sys::Netlink &netlink, loader::DataPath &path, SavedPort port) {
    path.end_port(port.ifindex);
    if (!sys::set_promisc(netlink, port.ifindex, false, port.promisc)) {
        (void)sys::set_promisc(netlink, port.ifindex, false, port.promisc);
    }
}

// In the network namespace that it was moved into our programs are still on it, and it hears all.
Result<void> end_moved(loader::DataPath &path, SavedPort port, std::uint32_t ifindex_there) {
    path.end_moved_port(port.ifindex, ifindex_there);
    XB_TRY(netlink, sys::Netlink::open());
    return sys::set_promisc(*netlink, ifindex_there, false, port.promisc);
}

} // namespace

const Ports::Port *Ports::find(std::uint32_t ifindex) const {
    const auto found = std::ranges::find(ports_, ifindex, [](const Port &port) { return port.saved.ifindex; });
    return found == ports_.end() ? nullptr : &*found;
}

Ports::Port *Ports::find(std::uint32_t ifindex) { return const_cast<Port *>(std::as_const(*this).find(ifindex)); }

Task<Result<void>> Ports::intend(SavedPort wanted) {
    auto look = [ifindex = wanted.ifindex](Hands::Tools &tools) { return tools.netlink.link(ifindex); };
    XB_CO_TRY(link, co_await host_.hands.call("look at a device", std::move(look)));
    const auto *there = find(wanted.ifindex);
    wanted.own = link->mac;
    wanted.promisc = there != nullptr ? there->saved.promisc : !hears_all(*link) && (link->flags & IFF_PROMISC) == 0;
    intent_ = std::move(wanted);
    co_return Result<void>();
}

Result<void> Ports::intend_end(const std::string &name) {
    const auto found = std::ranges::find(ports_, name, [](const Port &port) { return port.saved.name; });
    if (found == ports_.end()) {
        return fail(ENOENT, name + " is no port of the bond");
    }
    intent_ = found->saved;
    intent_->own = found->own;
    intent_->ending = true;
    return {};
}

Task<Result<void>> Ports::add() {
    SavedPort wanted = *intent_;
    struct Made {
        loader::XdpState xdp;
        MacAddr own;
        bool promisc;
    };
    const auto *before = find(wanted.ifindex);
    const bool is_new = before == nullptr;
    const bool promisc = !is_new && before->saved.promisc;
    auto job = [path = path_, wanted, is_new, promisc](Hands::Tools &tools) -> Result<Made> {
        XB_TRY(link, tools.netlink.link(wanted.ifindex));
        Made made{{}, link->mac, promisc};
        XB_TRY(xdp, path->set_port(as_asked(wanted, link->mac)));
        made.xdp = std::move(*xdp);
        if (!hears_all(*link)) {
            if (auto done = sys::set_promisc(tools.netlink, link->ifindex, true, made.promisc); !done) {
                if (is_new) {
                    path->end_port(wanted.ifindex);
                }
                return tl::unexpected(done.error());
            }
        }
        return made;
    };
    auto made = co_await host_.hands.call("make a port", std::move(job));
    if (!made) {
        if (const auto *there = find(wanted.ifindex)) {
            set_soon(*there); // as it was
        }
        co_return tl::unexpected(made.error());
    }
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

Task<Result<void>> Ports::remove() {
    const SavedPort gone = *intent_;
    std::erase_if(ports_, [&](const Port &port) { return port.saved.ifindex == gone.ifindex; });
    path_->forget_port(gone.ifindex);
    changed_();
    auto job = [path = path_, gone](Hands::Tools &tools) {
        end_port(tools.netlink, *path, gone);
        return Result<void>();
    };
    co_return co_await host_.hands.call("end a port", std::move(job));
}

void Ports::adopt(const std::vector<SavedPort> &saved) {
    for (SavedPort port : saved) {
        const auto *link = host_.links.find(port.ifindex);
        // Another device may have its number by now. Its address, or its name, may have been changed meanwhile.
        if (link == nullptr || (link->mac != port.own && link->name != port.name)) {
            spdlog::warn("port {} is no longer there", port.name);
            continue;
        }
        port.name = link->name;
        if (port.ending) {
            ending_.push_back(std::move(port));
        } else {
            ports_.push_back({port, link->mac, {}});
        }
    }
}

void Ports::renew() {
    for (const std::uint32_t ifindex : path_->port_devices()) {
        const bool is_ending = std::ranges::find(ending_, ifindex, &SavedPort::ifindex) != ending_.end();
        if (find(ifindex) == nullptr && !is_ending) {
            end_soon({.name = "", .ifindex = ifindex, .own = {}});
        }
    }
    for (const SavedPort &port : ending_) {
        end_soon(port);
    }
    for (const Port &port : ports_) {
        set_soon(port);
    }
}

void Ports::end_soon(const SavedPort &port) {
    path_->forget_port(port.ifindex);
    auto done = alive_.guard([this, ifindex = port.ifindex] {
        std::erase_if(ending_, [ifindex](const SavedPort &ended) { return ended.ifindex == ifindex; });
        changed_();
    });
    host_.hands.run(
        [path = path_, port, done](Hands::Tools &tools) -> Hands::Then {
            end_port(tools.netlink, *path, port);
            return done;
        },
        "end a port");
}

// What the last controller was about to do is done, too.
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
        [path = path_, asked = as_asked(port.saved, port.own), saved = port.saved,
         done](Hands::Tools &tools) -> Hands::Then {
            if (bool ours = saved.promisc) {
                (void)sys::set_promisc(tools.netlink, saved.ifindex, true, ours);
            }
            return [done, outcome = path->set_port(asked)]() mutable { done(outcome); };
        },
        "make a port");
}

std::vector<SavedPort> Ports::saved() const {
    std::vector<SavedPort> all = ending_;
    for (const Port &port : ports_) {
        if (!intent_ || intent_->ifindex != port.saved.ifindex) {
            all.push_back(port.saved);
            all.back().own = port.own;
        }
    }
    if (intent_) {
        all.push_back(*intent_);
    }
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
        [path = path_, gone = found->saved, moved](Hands::Tools &tools) -> Hands::Then {
            if (moved) {
                const auto there = sys::find_netns([&](int netns) {
                    const auto id = tools.netlink.nsid_of(netns);
                    return id && *id == moved->nsid;
                });
                if (there) {
                    (void)sys::within_netns(there->get(), [&] { return end_moved(*path, gone, moved->ifindex); });
                }
            }
            path->end_port(gone.ifindex);
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
    return [path = path_, all = saved()](Hands::Tools &tools) {
        for (const auto &port : all) {
            end_port(tools.netlink, *path, port);
        }
    };
}

} // namespace xbond::daemon
