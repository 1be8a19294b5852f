// SPDX-License-Identifier: MIT
#include "user/daemon/host.h"

#include <algorithm>
#include <sys/random.h>

namespace xbond::daemon {
namespace {

auto same_address(const sys::AddressInfo &wanted) {
    return [&wanted](const sys::AddressInfo &address) {
        return address.v6 == wanted.v6 && address.addr == wanted.addr && address.prefix == wanted.prefix;
    };
}

} // namespace

Result<LinkTable::Dump> LinkTable::dump(sys::Netlink &netlink) {
    XB_TRY(links, netlink.links());
    XB_TRY(addresses, netlink.addresses());
    return Dump{std::move(*links), std::move(*addresses),
                netlink.bridge_vlans().value_or(std::vector<sys::BridgeVlans>())};
}

void LinkTable::replace(Dump dump) {
    links_.clear();
    next_to_.clear();
    for (const auto &link : dump.links) {
        update(link);
    }
    addresses_.clear();
    for (const auto &address : dump.addresses) {
        addresses_[address.ifindex].push_back(address);
    }
    bridge_vlans_.clear();
    for (auto &vlans : dump.bridge_vlans) {
        bridge_vlans_[vlans.ifindex] = std::move(vlans);
    }
}

void LinkTable::update(const sys::LinkInfo &link) {
    if (const auto known = links_.find(link.ifindex); known != links_.end()) {
        remove_neighbours(known->second);
    }
    links_[link.ifindex] = link;
    if (link.link != 0 && !link.link_in_other_netns) {
        next_to_[link.link].insert(link.ifindex);
    }
    if (link.master != 0) {
        next_to_[link.ifindex].insert(link.master);
    }
}

void LinkTable::remove_neighbours(const sys::LinkInfo &link) {
    const auto take = [this](std::uint32_t from, std::uint32_t what) {
        if (const auto set = next_to_.find(from); set != next_to_.end()) {
            set->second.erase(what);
            if (set->second.empty()) {
                next_to_.erase(set);
            }
        }
    };
    take(link.link, link.ifindex);
    take(link.ifindex, link.master);
}

void LinkTable::remove(std::uint32_t ifindex) {
    if (const auto link = links_.find(ifindex); link != links_.end()) {
        remove_neighbours(link->second);
        links_.erase(link);
    }
    addresses_.erase(ifindex);
    bridge_vlans_.erase(ifindex);
}

const sys::BridgeVlans *LinkTable::bridge_vlans(std::uint32_t ifindex) const {
    const auto found = bridge_vlans_.find(ifindex);
    return found == bridge_vlans_.end() ? nullptr : &found->second;
}

const std::set<std::uint32_t> &LinkTable::next_to(std::uint32_t ifindex) const {
    static const std::set<std::uint32_t> nothing;
    const auto set = next_to_.find(ifindex);
    return set == next_to_.end() ? nothing : set->second;
}

void LinkTable::update(const sys::NetlinkEvent &event) {
    if (const auto *changed = std::get_if<sys::LinkChanged>(&event)) {
        update(changed->link);
    } else if (const auto *gone = std::get_if<sys::LinkGone>(&event)) {
        remove(gone->ifindex);
    } else if (const auto *vlans = std::get_if<sys::BridgeVlansChanged>(&event)) {
        bridge_vlans_[vlans->vlans.ifindex] = vlans->vlans;
    } else if (const auto *added = std::get_if<sys::AddressChanged>(&event)) {
        add(added->address);
    } else if (const auto *removed = std::get_if<sys::AddressGone>(&event)) {
        if (const auto list = addresses_.find(removed->address.ifindex); list != addresses_.end()) {
            std::erase_if(list->second, same_address(removed->address));
        }
    }
}

// The kernel puts a new primary address before the secondary ones, everything else last.
void LinkTable::add(const sys::AddressInfo &address) {
    auto &list = addresses_[address.ifindex];
    const auto known = std::ranges::find_if(list, same_address(address));
    if (known != list.end() && known->secondary == address.secondary) {
        *known = address;
        return;
    }
    if (known != list.end()) {
        list.erase(known);
    }
    const bool primary = !address.v6 && !address.secondary;
    list.insert(primary ? std::ranges::find(list, true, &sys::AddressInfo::secondary) : list.end(), address);
}

std::span<const sys::AddressInfo> LinkTable::addresses(std::uint32_t ifindex) const {
    const auto list = addresses_.find(ifindex);
    return list == addresses_.end() ? std::span<const sys::AddressInfo>() : std::span(list->second);
}

const sys::LinkInfo *LinkTable::find(std::uint32_t ifindex) const {
    auto it = links_.find(ifindex);
    return it == links_.end() ? nullptr : &it->second;
}

const sys::LinkInfo *LinkTable::find(std::string_view name) const {
    const auto found = std::ranges::find_if(links_, [name](const auto &entry) {
        const sys::LinkInfo &link = entry.second;
        return link.name == name || std::ranges::find(link.altnames, name) != link.altnames.end();
    });
    return found == links_.end() ? nullptr : &found->second;
}

bool LinkTable::stands_on(std::uint32_t top, std::uint32_t base, const Below &more_below) const {
    std::vector<std::uint32_t> reached{top};
    for (std::size_t i = 0; i < reached.size(); ++i) {
        std::vector<std::uint32_t> below = more_below(reached[i]);
        const auto *link = find(reached[i]);
        // The other end of a pair is beside it, not below.
        if (link != nullptr && link->link != 0 && !link->link_in_other_netns && link->kind != "veth" &&
            link->kind != "netkit") {
            below.push_back(link->link);
        }
        for (const auto &[ifindex, port] : links_) {
            if (port.master == reached[i]) {
                below.push_back(ifindex);
            }
        }
        for (const std::uint32_t next : below) {
            if (next == base) {
                return true;
            }
            if (std::ranges::find(reached, next) == reached.end()) {
                reached.push_back(next);
            }
        }
    }
    return false;
}

// The kernel says that a device is operational after it has given it back its qdisc.
sys::SendWay way_out(const LinkTable &links, std::uint32_t ifindex) {
    const auto *link = links.find(ifindex);
    const bool ready = link != nullptr && (link->operstate == "UP" || link->operstate == "UNKNOWN");
    return ready ? sys::SendWay::ordinary : sys::SendWay::past_qdisc;
}

Result<void> send_frame(Host &host, std::uint32_t ifindex, std::span<const std::uint8_t> frame) {
    return host.packets.send(ifindex, frame, way_out(host.links, ifindex));
}

MacAddr random_mac() {
    MacAddr mac;
    while (getrandom(mac.bytes.data(), mac.bytes.size(), 0) != static_cast<ssize_t>(mac.bytes.size())) {}
    mac.bytes[0] = static_cast<std::uint8_t>((mac.bytes[0] & 0xfe) | 0x02);
    return mac;
}

} // namespace xbond::daemon
