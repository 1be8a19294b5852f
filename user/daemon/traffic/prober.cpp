// SPDX-License-Identifier: MIT
#include "user/daemon/traffic/prober.h"

#include <algorithm>
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

bool same_subnet(const sys::AddressInfo &own, const Ipv4Addr &other) {
    for (unsigned bit = 0; bit < own.prefix && bit < 32; ++bit) {
        if (((own.addr[bit / 8] ^ other[bit / 8]) & (0x80U >> (bit % 8))) != 0) {
            return false;
        }
    }
    return true;
}

} // namespace

std::optional<Prober::Way> Prober::way_through(const Result<sys::RouteInfo> &route, std::uint32_t bond_ifindex) const {
    if (!route) {
        return Way{};
    }
    for (auto &device : devices_on_top(host_.links, bond_ifindex)) {
        if (device.link->ifindex == route->ifindex) {
            return Way{std::move(device.tags), route->source, route->ifindex};
        }
    }
    return std::nullopt;
}

Ipv4Addr Prober::source_for(const Way &way, const Ipv4Addr &target) const {
    for (const auto &address : host_.links.addresses(way.device)) {
        if (!address.v6 && same_subnet(address, target)) {
            return first_four(address.addr);
        }
    }
    return {};
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

bool Prober::probe(const core::Slave &slave, std::uint32_t bond_ifindex, const core::Options &options) {
    bool queued = false;
    for (std::size_t i = 0; i < options.arp_ip_targets.size(); ++i) {
        const auto &target = options.arp_ip_targets[i];
        if (const auto way = way_through(host_.netlink.route(target), bond_ifindex)) {
            queued |= send(slave, i, wire::arp_request(slave.mac, source_for(*way, target), target, way->tags));
        }
    }
    for (std::size_t i = 0; i < options.ns_ip6_targets.size(); ++i) {
        const auto &target = options.ns_ip6_targets[i];
        if (const auto way = way_through(host_.netlink.route(target), bond_ifindex)) {
            const auto source = way->preferred_source.value_or(Ipv6Addr{});
            queued |= send(slave, i, wire::neighbour_solicitation(slave.mac, source, target, way->tags));
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
