// SPDX-License-Identifier: MIT
#include "user/daemon/traffic/prober.h"

#include <algorithm>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include "user/core/wire/arp.h"
#include "user/core/wire/neighbour.h"

namespace xbond::daemon {
namespace {

Ipv4Addr first_four(const std::array<std::uint8_t, 16> &address) {
    Ipv4Addr v4;
    std::copy_n(address.begin(), v4.size(), v4.begin());
    return v4;
}

bool same_subnet(const sys::AddressInfo &own, const sys::AddressInfo &other) {
    if (own.v6 != other.v6) {
        return false;
    }
    for (unsigned bit = 0; bit < own.prefix && bit < 8 * own.addr.size(); ++bit) {
        if (((own.addr[bit / 8] ^ other.addr[bit / 8]) & (0x80U >> (bit % 8))) != 0) {
            return false;
        }
    }
    return true;
}

sys::AddressInfo as_address(std::span<const std::uint8_t> bytes) {
    sys::AddressInfo address;
    address.v6 = bytes.size() == address.addr.size();
    std::ranges::copy(bytes, address.addr.begin());
    return address;
}

bool is_link_local(const Ipv6Addr &address) { return address[0] == 0xfe && (address[1] & 0xc0) == 0x80; }

bool is_good_source(const sys::AddressInfo &address) { return !address.tentative && !address.deprecated; }

// Whose routes are in a table that is asked only for what is bound to it.
bool is_in_vrf(const LinkTable &links, const sys::LinkInfo &device) {
    const auto *master = device.master == 0 ? nullptr : links.find(device.master);
    return master != nullptr && (master->kind == "vrf" || is_in_vrf(links, *master));
}

} // namespace

// From the device's address in the target's subnet, or none.
std::optional<Prober::Way> Prober::way_on(std::uint32_t device, const sys::AddressInfo &target,
                                          const BondDevice &bond) const {
    const LinkTable &links = bond.links(host_);
    for (auto &upper : devices_on_top(links, bond.ifindex())) {
        if (upper.link->ifindex == device) {
            const auto own = links.addresses(device);
            const auto source = std::ranges::find_if(
                own, [&](const auto &address) { return same_subnet(address, target) && is_good_source(address); });
            return Way{std::move(upper.tags), source == own.end() ? decltype(Way::source){} : source->addr};
        }
    }
    return std::nullopt;
}

// Where no route says that the target is on a link: the kernel's bonding looks routes up in the scope of links, to
// which a default route or any other by a gateway is none. What it would find behind those are the subnets of
// addresses.
std::optional<Prober::Way> Prober::way_by_subnet(const sys::AddressInfo &target, const BondDevice &bond) const {
    const LinkTable &links = bond.links(host_);
    std::optional<std::uint32_t> nearest;
    unsigned longest = 0;
    for (const auto &[ifindex, link] : links.all()) {
        const bool works = (link.flags & IFF_UP) != 0 && link.carrier;
        // The bond asks also, and all the more, without a carrier.
        if ((!works && ifindex != bond.ifindex()) || is_in_vrf(links, link)) {
            continue;
        }
        for (const auto &address : links.addresses(ifindex)) {
            if (same_subnet(address, target) && (!nearest || address.prefix > longest)) {
                nearest = ifindex;
                longest = address.prefix;
            }
        }
    }
    return nearest ? way_on(*nearest, target, bond) : Way{};
}

// In another network namespace hands ask, now and then.
template <typename Addr>
std::optional<sys::RouteInfo> Prober::route_to(const Addr &target, const BondDevice &bond) const {
    if (!bond.elsewhere()) {
        const auto route = host_.netlink.route(target);
        return route ? std::optional(*route) : std::nullopt;
    }
    const auto find = [&](const auto &routes) {
        const auto found = routes.find(target);
        return found == routes.end() ? std::nullopt : std::optional(found->second);
    };
    if constexpr (std::is_same_v<Addr, Ipv4Addr>) {
        return find(bond.elsewhere()->told.routes4);
    } else {
        return find(bond.elsewhere()->told.routes6);
    }
}

std::optional<Prober::Way> Prober::way_to(const Ipv4Addr &target, const BondDevice &bond) const {
    const auto route = route_to(target, bond);
    return route && route->on_link ? way_on(route->ifindex, as_address(target), bond)
                                   : way_by_subnet(as_address(target), bond);
}

// A link-local address is on every link: the bond is asked for.
std::optional<Prober::Way> Prober::way_to(const Ipv6Addr &target, const BondDevice &bond) const {
    if (is_link_local(target)) {
        return way_on(bond.ifindex(), as_address(target), bond);
    }
    const auto route = route_to(target, bond);
    if (!route || !route->on_link) {
        return way_by_subnet(as_address(target), bond);
    }
    auto way = way_on(route->ifindex, as_address(target), bond);
    if (way && route->source) {
        way->source = *route->source;
    }
    return way;
}

bool Prober::send(const core::Slave &slave, std::size_t target, std::span<const std::uint8_t> frame) {
    Question &question = questions_.at(slave.slot).at(target);
    question.round_trip = round_trip(slave, target);
    question.sent = sys::now(); // before: on a short way the answer is there before the call returns
    if (auto sent = send_(slave, frame); !sent) {
        spdlog::debug("probe on {}: {}", slave.name, sent.error().message);
        return false;
    }
    return true;
}

bool Prober::probe(const core::Slave &slave, const BondDevice &bond, const core::Options &options) {
    bool queued = false;
    for (std::size_t i = 0; i < options.arp_ip_targets.size(); ++i) {
        const auto &target = options.arp_ip_targets[i];
        if (const auto way = way_to(target, bond)) {
            queued |= send(slave, i, wire::arp_request(slave.mac, first_four(way->source), target, way->tags));
        }
    }
    for (std::size_t i = 0; i < options.ns_ip6_targets.size(); ++i) {
        const auto &target = options.ns_ip6_targets[i];
        if (const auto way = way_to(target, bond)) {
            queued |= send(slave, i, wire::neighbour_solicitation(slave.mac, way->source, target, way->tags));
        }
    }
    return queued;
}

std::optional<Time> Prober::round_trip(const core::Slave &slave, std::size_t target) const {
    const Question &question = questions_.at(slave.slot).at(target);
    const Time heard = slave.target_rx.at(target);
    const bool answered = question.sent != Time{} && heard >= question.sent;
    return answered ? heard - question.sent : question.round_trip;
}

OwnAddresses own_addresses(const LinkTable &links, std::uint32_t bond_ifindex) {
    OwnAddresses own;
    for (const auto &device : devices_on_top(links, bond_ifindex)) {
        bool has_v4 = false;
        for (const auto &address : links.addresses(device.link->ifindex)) {
            if (address.v6) {
                own.v6.push_back(address.addr);
            } else {
                own.v4.push_back(first_four(address.addr));
                has_v4 = true;
            }
        }
        own.any_v4 = own.any_v4 || !has_v4;
    }
    return own;
}

} // namespace xbond::daemon
