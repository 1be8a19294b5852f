// SPDX-License-Identifier: MIT
#include "user/daemon/bond/dissolve.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "loader/datapath.h"
#include "user/daemon/bond/bond_device.h"
#include "user/sys/device/filter.h"

namespace xbond::daemon {
namespace {

using Links = std::map<std::uint32_t, sys::LinkInfo>;

Result<Links> all_links(sys::Netlink &netlink) {
    XB_TRY(list, netlink.links());
    Links links;
    for (auto &link : *list) {
        links[link.ifindex] = std::move(link);
    }
    return links;
}

// By its hooks; without them by its mark and name.
DeviceEnds find_pair(const Links &links, const loader::PinnedDevices &pinned, const std::string &name) {
    const auto near = links.find(pinned.bond), far = links.find(pinned.peer);
    if (near != links.end() && far != links.end() && BondDevice::are_pair(near->second, far->second)) {
        return {near->first, far->first};
    }
    for (const auto &marked : BondDevice::find_marked(links)) {
        if (marked.name == name) {
            return marked.ends;
        }
    }
    return {};
}

SlaveOriginal original_of(const sys::LinkInfo &link, const loader::PinnedDevices &pinned,
                          std::span<const SlaveOriginal> saved) {
    for (const auto &known : saved) {
        if (is_same_device(known, link)) {
            return known;
        }
    }
    auto original = guess_original(link);
    const auto mark = std::ranges::find(pinned.originals, link.ifindex, &loader::Original::ifindex);
    if (mark != pinned.originals.end()) {
        original.mac = mark->mac;
        original.mtu = mark->mtu;
    }
    return original;
}

// A port hears only its own again, unless somebody else has it hear all.
void quiet_ports(sys::Netlink &netlink, const Links &links, std::span<const SavedPort> ports) {
    for (const auto &port : ports) {
        const auto link = links.find(port.ifindex);
        if (bool ours = port.promisc; link != links.end() && link->second.mac == port.own) {
            (void)sys::set_promisc(netlink, port.ifindex, false, ours);
        }
    }
}

} // namespace

Result<void> dissolve(sys::Netlink &netlink, const std::filesystem::path &pin_dir, const std::string &name,
                      const SavedOthers &saved) {
    XB_TRY(links, all_links(netlink));
    const auto pinned = loader::pinned_devices(pin_dir);
    const auto pair = find_pair(*links, pinned, name);
    std::set<std::uint32_t> slaves(pinned.slaves.begin(), pinned.slaves.end());
    for (const auto &half_taken_in : pinned.originals) {
        slaves.insert(half_taken_in.ifindex);
    }
    for (const auto &original : saved.slaves) {
        if (const auto link = links->find(original.ifindex);
            link != links->end() && is_same_device(original, link->second)) {
            slaves.insert(original.ifindex);
        }
    }
    Result<void> first;
    const auto keep_first = [&first](Result<void> next) {
        if (first && !next && next.error().code != ENODEV) {
            first = std::move(next);
        }
    };
    std::erase_if(slaves, [&](std::uint32_t ifindex) { return !links->contains(ifindex); });
    for (const auto ifindex : slaves) { // before the hook goes: the host must not answer on it
        keep_first(netlink.set_up(ifindex, false));
    }
    std::vector<std::uint32_t> devices(slaves.begin(), slaves.end());
    devices.insert(devices.end(), pinned.ports.begin(), pinned.ports.end());
    for (const auto end : {pair.ifindex, pair.peer}) {
        if (end != 0) {
            devices.push_back(end);
        }
    }
    loader::remove_pins(pin_dir, devices);
    quiet_ports(netlink, *links, saved.ports);
    for (const auto ifindex : slaves) {
        const auto original = original_of(links->at(ifindex), pinned, saved.slaves);
        keep_first(restore(netlink, original, original.mac));
    }
    if (const auto end = pair.ifindex != 0 ? pair.ifindex : pair.peer; end != 0) {
        keep_first(netlink.delete_link(end)); // either takes the other along, wherever it is
    }
    return first;
}

} // namespace xbond::daemon
