// SPDX-License-Identifier: MIT
#include "user/daemon/traffic/announcer.h"

#include <algorithm>
#include <iterator>
#include <net/if.h>
#include <set>
#include <spdlog/spdlog.h>

#include "user/core/wire/announce.h"
#include "user/core/wire/igmp.h"
#include "user/core/wire/learning.h"
#include "user/core/wire/mld.h"
#include "user/sys/sysctl.h"

namespace xbond::daemon {
namespace {

Ipv4Addr ipv4_of(const sys::AddressInfo &address) {
    Ipv4Addr v4;
    std::copy_n(address.addr.begin(), v4.size(), v4.begin());
    return v4;
}

bool is_router(const BondDevice &bond, const std::string &ifname) {
    if (bond.elsewhere()) {
        return bond.elsewhere()->told.routers.contains(ifname);
    }
    auto forwarding = sys::read_sysctl("ipv6/conf/" + ifname + "/forwarding");
    return forwarding && forwarding->starts_with('1');
}

} // namespace

// Addresses and devices are taken as they are at this moment. Nothing may change the table before the last is sent.
void announce(Host &host, const BondDevice &bond, const MacAddr &bond_mac, std::uint32_t slave_ifindex,
              std::span<const MacAddr> unicast) {
    host.catch_up();
    std::set<MacAddr> elsewhere(unicast.begin(), unicast.end());
    const LinkTable &links = bond.links(host);
    for (const auto &device : devices_on_top(links, bond.ifindex())) {
        elsewhere.erase(device.link->mac);
        const MacAddr mac = device.link->ifindex == bond.ifindex() ? bond_mac : device.link->mac;
        if ((device.link->flags & IFF_UP) == 0) {
            continue;
        }
        for (const auto &address : links.addresses(device.link->ifindex)) {
            if (address.tentative) {
                continue;
            }
            const auto frame =
                address.v6 ? wire::unsolicited_na(mac, address.addr, is_router(bond, device.link->name), device.tags)
                           : wire::gratuitous_arp(mac, ipv4_of(address), device.tags);
            if (auto sent = send_frame(host, slave_ifindex, frame); !sent) {
                spdlog::warn("announcement for {}: {}", device.link->name, sent.error().message);
            }
        }
    }
    for (const auto &mac : elsewhere) {
        (void)send_frame(host, slave_ifindex, wire::learning_packet(mac, {}));
    }
}

namespace {

std::vector<wire::Frame> igmp_frames(const LinkTable &links, const UpperDevice &device, const MacAddr &mac,
                                     const sys::JoinedGroups &joined) {
    const auto found = joined.v4.find(device.link->name);
    if (found == joined.v4.end()) {
        return {};
    }
    Ipv4Addr source{};
    const auto addresses = links.addresses(device.link->ifindex);
    if (const auto first = std::ranges::find(addresses, false, &sys::AddressInfo::v6); first != addresses.end()) {
        source = ipv4_of(*first);
    }
    return wire::igmp_reports(found->second.igmp_version, mac, source, found->second.groups, device.tags);
}

// From the link-local address, or from :: while there is none, as the kernel does.
std::vector<wire::Frame> mld_frames(const LinkTable &links, const UpperDevice &device, const MacAddr &mac,
                                    const sys::JoinedGroups &joined) {
    const auto found = joined.v6.find(device.link->name);
    if (found == joined.v6.end()) {
        return {};
    }
    const auto is_link_local = [](const sys::AddressInfo &address) {
        return address.v6 && !address.tentative && address.addr[0] == 0xfe && (address.addr[1] & 0xc0) == 0x80;
    };
    Ipv6Addr source{};
    const auto addresses = links.addresses(device.link->ifindex);
    if (const auto own = std::ranges::find_if(addresses, is_link_local); own != addresses.end()) {
        source = own->addr;
    }
    const auto forced = sys::read_sysctl("ipv6/conf/" + device.link->name + "/force_mld_version");
    const std::uint8_t version = forced && forced->starts_with('1') ? 1 : 2;
    return wire::mld_reports(version, mac, source, found->second, device.tags);
}

} // namespace

void rejoin_groups(Host &host, const BondDevice &bond, const MacAddr &bond_mac, std::uint32_t slave_ifindex) {
    host.catch_up();
    const auto joined = bond.elsewhere() ? bond.elsewhere()->told.joined : sys::joined_groups();
    const LinkTable &links = bond.links(host);
    for (const auto &device : devices_on_top(links, bond.ifindex())) {
        const MacAddr mac = device.link->ifindex == bond.ifindex() ? bond_mac : device.link->mac;
        if ((device.link->flags & IFF_UP) == 0) {
            continue;
        }
        auto frames = igmp_frames(links, device, mac, joined);
        std::ranges::move(mld_frames(links, device, mac, joined), std::back_inserter(frames));
        for (const auto &frame : frames) {
            (void)send_frame(host, slave_ifindex, frame);
        }
    }
}

} // namespace xbond::daemon
