// SPDX-License-Identifier: MIT
#include "user/daemon/bond/filters.h"

#include <algorithm>
#include <iterator>
#include <net/if.h>
#include <spdlog/spdlog.h>
#include <utility>

namespace xbond::daemon {
namespace {

bool wants_promisc(const LinkTable &links, const sys::LinkInfo &bond, std::uint32_t peer) {
    if ((bond.flags & IFF_UP) == 0 || bond.promiscuity > 0) {
        return bond.promiscuity > 0;
    }
    // A macvlan or VLAN with an address of its own.
    return std::ranges::any_of(links.all(), [&](const auto &entry) {
        const sys::LinkInfo &link = entry.second;
        return link.link == bond.ifindex && link.ifindex != peer && link.mac.is_valid_unicast() && link.mac != bond.mac;
    });
}

void apply(const sys::DeviceFilter &filter, const FilterPlan &plan) {
    const auto lists = sys::multicast_lists();
    const auto groups = plan.bond.empty() ? std::vector<sys::MulticastEntry>() : sys::multicast_list(plan.bond, lists);
    for (const auto &slave : plan.slaves) {
        auto multicast = slave.multicast;
        if (slave.carries_groups) {
            std::ranges::transform(groups, std::back_inserter(multicast), &sys::MulticastEntry::mac);
        }
        // Failures are of no consequence: a slave may be going at this moment.
        for (const auto &done :
             {filter.set_promisc(slave.name, slave.promisc), filter.set_allmulti(slave.name, slave.allmulti),
              filter.set_multicast(slave.name, multicast, lists)}) {
            if (!done) {
                spdlog::debug("{}", done.error().message);
            }
        }
    }
}

} // namespace

FilterPlan plan_filters(const LinkTable &links, const BondDevice &device, const std::vector<SlaveOriginal> &originals,
                        const core::Desired &desired) {
    FilterPlan plan;
    const auto *bond = links.find(device.ifindex());
    if (bond == nullptr) {
        return plan;
    }
    if ((bond->flags & IFF_UP) != 0) {
        plan.bond = bond->name;
    }
    const bool promisc = wants_promisc(links, *bond, device.peer());
    for (const auto &slave : desired.slaves) {
        const auto *link = links.find(slave.ifindex);
        const auto original = std::ranges::find(originals, slave.ifindex, &SlaveOriginal::ifindex);
        if (link == nullptr || original == originals.end()) {
            continue;
        }
        auto &wanted = plan.slaves.emplace_back();
        wanted.name = link->name;
        wanted.promisc = original->promisc || slave.promisc || (slave.carries_lists && promisc);
        wanted.allmulti = original->allmulti || (slave.carries_lists && bond->allmulti > 0);
        wanted.multicast = original->multicast;
        wanted.multicast.insert(wanted.multicast.end(), slave.ns_joins.begin(), slave.ns_joins.end());
        wanted.carries_groups = slave.carries_lists;
    }
    return plan;
}

void FilterSync::carry_out(FilterPlan plan) {
    if (busy_) {
        next_ = std::move(plan);
    } else {
        start(std::move(plan));
    }
}

void FilterSync::start(FilterPlan plan) {
    busy_ = true;
    hands_.run(
        [plan = std::move(plan), done = alive_.guard([this] {
            busy_ = false;
            if (next_) {
                start(*std::exchange(next_, std::nullopt));
            }
        })](Hands::Tools &tools) -> Hands::Then {
            apply(tools.filter, plan);
            return done;
        },
        "filters");
}

} // namespace xbond::daemon
