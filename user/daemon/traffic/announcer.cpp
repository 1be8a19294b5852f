// SPDX-License-Identifier: MIT
#include "user/daemon/traffic/announcer.h"

#include <algorithm>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include "user/core/wire/announce.h"
#include "user/core/wire/igmp.h"
#include "user/sys/sysctl.h"

namespace xbond::daemon {
namespace {

constexpr std::size_t max_stacking = 8; // as deep as the kernel allows devices to be stacked

void add_on_top(const LinkTable &links, const UpperDevice &below, std::vector<UpperDevice> &found, std::size_t depth) {
    if (depth == max_stacking) {
        return;
    }
    for (const auto &[ifindex, link] : links.all()) {
        const bool stacked = link.link == below.link->ifindex && (link.kind == "vlan" || link.kind == "macvlan");
        const bool bridge = below.link->master == ifindex && link.kind == "bridge";
        if (!stacked && !bridge) {
            continue;
        }
        UpperDevice upper{&link, below.tags};
        if (link.kind == "vlan" && link.vlan_id != 0) {
            upper.tags.push_back({link.vlan_proto, link.vlan_id});
        }
        found.push_back(upper);
        add_on_top(links, upper, found, depth + 1);
    }
}

Ipv4Addr ipv4_of(const sys::AddressInfo &address) {
    Ipv4Addr v4;
    std::copy_n(address.addr.begin(), v4.size(), v4.begin());
    return v4;
}

bool is_router(const std::string &ifname) {
    auto forwarding = sys::read_sysctl("ipv6/conf/" + ifname + "/forwarding");
    return forwarding && forwarding->starts_with('1');
}

} // namespace

std::vector<UpperDevice> devices_on_top(const LinkTable &links, std::uint32_t bond_ifindex) {
    std::vector<UpperDevice> found;
    if (const auto *bond = links.find(bond_ifindex)) {
        found.push_back({bond, {}});
        add_on_top(links, UpperDevice{bond, {}}, found, 1);
    }
    return found;
}

void announce(Host &host, std::uint32_t bond_ifindex, const MacAddr &bond_mac, std::uint32_t slave_ifindex) {
    host.catch_up();
    for (const auto &device : devices_on_top(host.links, bond_ifindex)) {
        const MacAddr mac = device.link->ifindex == bond_ifindex ? bond_mac : device.link->mac;
        if ((device.link->flags & IFF_UP) == 0) {
            continue;
        }
        for (const auto &address : host.links.addresses(device.link->ifindex)) {
            if (address.tentative) {
                continue;
            }
            const auto frame = address.v6
                                   ? wire::unsolicited_na(mac, address.addr, is_router(device.link->name), device.tags)
                                   : wire::gratuitous_arp(mac, ipv4_of(address), device.tags);
            if (auto sent = host.packets.send(slave_ifindex, frame); !sent) {
                spdlog::warn("announcement for {}: {}", device.link->name, sent.error().message);
            }
        }
    }
}

void rejoin_groups(Host &host, std::uint32_t bond_ifindex, std::uint32_t slave_ifindex) {
    for (const auto &device : devices_on_top(host.links, bond_ifindex)) {
        const auto joined = sys::joined_ipv4_groups(device.link->name);
        Ipv4Addr source{};
        const auto addresses = host.links.addresses(device.link->ifindex);
        if (const auto first = std::ranges::find(addresses, false, &sys::AddressInfo::v6); first != addresses.end()) {
            source = ipv4_of(*first);
        }
        for (const auto &frame :
             wire::igmp_reports(joined.igmp_version, device.link->mac, source, joined.groups, device.tags)) {
            (void)host.packets.send(slave_ifindex, frame);
        }
    }
}

} // namespace xbond::daemon
