// SPDX-License-Identifier: MIT
#include "user/daemon/bond/filters.h"

#include <algorithm>
#include <net/if.h>
#include <spdlog/spdlog.h>

namespace xbond::daemon {
namespace {

struct Filters {
    bool promisc = false, allmulti = false;
    std::vector<MacAddr> multicast;
};

// What bond0 and the devices on top of it want to hear.
Filters filters_of_bond(const LinkTable &links, const sys::LinkInfo &bond, std::uint32_t peer,
                        const sys::MulticastLists &lists) {
    Filters wanted{.promisc = bond.promiscuity > 0, .allmulti = bond.allmulti > 0, .multicast = {}};
    if ((bond.flags & IFF_UP) == 0) {
        return wanted;
    }
    for (const auto &entry : sys::multicast_list(bond.name, lists)) {
        wanted.multicast.push_back(entry.mac);
    }
    for (const auto &[ifindex, link] : links.all()) { // a macvlan or VLAN with an address of its own
        wanted.promisc = wanted.promisc || (link.link == bond.ifindex && ifindex != peer &&
                                            link.mac.is_valid_unicast() && link.mac != bond.mac);
    }
    return wanted;
}

Filters filters_of_slave(const core::DesiredSlave &slave, const SlaveOriginal &original, const Filters &bond) {
    Filters wanted{
        .promisc = original.promisc || slave.promisc, .allmulti = original.allmulti, .multicast = original.multicast};
    if (slave.carries_lists) {
        wanted.promisc = wanted.promisc || bond.promisc;
        wanted.allmulti = wanted.allmulti || bond.allmulti;
        wanted.multicast.insert(wanted.multicast.end(), bond.multicast.begin(), bond.multicast.end());
    }
    wanted.multicast.insert(wanted.multicast.end(), slave.ns_joins.begin(), slave.ns_joins.end());
    return wanted;
}

} // namespace

void sync_filters(Host &host, const BondDevice &device, const std::vector<SlaveOriginal> &originals,
                  const core::Desired &desired, const sys::MulticastLists &lists) {
    const auto *bond = host.links.find(device.ifindex());
    if (bond == nullptr) {
        return;
    }
    const Filters above = filters_of_bond(host.links, *bond, device.peer(), lists);
    for (const auto &slave : desired.slaves) {
        const auto *link = host.links.find(slave.ifindex);
        const auto original = std::ranges::find(originals, slave.ifindex, &SlaveOriginal::ifindex);
        if (link == nullptr || original == originals.end()) {
            continue;
        }
        const Filters wanted = filters_of_slave(slave, *original, above);
        for (const auto &done : {host.filter.set_promisc(link->name, wanted.promisc),
                                 host.filter.set_allmulti(link->name, wanted.allmulti),
                                 host.filter.set_multicast(link->name, wanted.multicast, lists)}) {
            if (!done) {
                spdlog::debug("{}", done.error().message);
            }
        }
    }
}

} // namespace xbond::daemon
