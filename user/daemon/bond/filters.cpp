// SPDX-License-Identifier: MIT
#include "user/daemon/bond/filters.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <net/if.h>
#include <spdlog/spdlog.h>
#include <string>
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

std::string name_now(std::uint32_t ifindex) {
    std::array<char, IF_NAMESIZE> name{};
    return ::if_indextoname(ifindex, name.data()) != nullptr ? name.data() : "";
}

void apply(const sys::DeviceFilter &filter, const FilterPlan &plan, AddedFilters &book) {
    const auto lists = sys::multicast_lists();
    const auto groups = sys::multicast_list(plan.bond != 0 ? name_now(plan.bond) : "", lists);
    for (const auto &slave : plan.slaves) {
        const std::string name = name_now(slave.ifindex);
        auto &added = book[slave.ifindex];
        auto multicast = slave.multicast;
        if (slave.carries_groups) {
            std::ranges::transform(groups, std::back_inserter(multicast), &sys::MulticastEntry::mac);
        }
        // Failures are of no consequence: a slave may be going at this moment.
        for (const auto &done : {filter.set_promisc(name, slave.promisc, added.promisc),
                                 filter.set_allmulti(name, slave.allmulti, added.allmulti),
                                 filter.set_multicast(name, multicast, added.multicast, lists)}) {
            if (!done) {
                spdlog::debug("{}", done.error().message);
            }
        }
    }
}

} // namespace

FilterPlan plan_filters(const LinkTable &links, const BondDevice &device, const core::Desired &desired) {
    FilterPlan plan;
    const auto *bond = links.find(device.ifindex());
    if (bond == nullptr) {
        return plan;
    }
    if ((bond->flags & IFF_UP) != 0) {
        plan.bond = bond->ifindex;
    }
    const bool promisc = wants_promisc(links, *bond, device.peer());
    for (const auto &slave : desired.slaves) {
        auto &wanted = plan.slaves.emplace_back();
        wanted.ifindex = slave.ifindex;
        wanted.promisc = slave.promisc || (slave.carries_lists && promisc);
        wanted.allmulti = slave.carries_lists && bond->allmulti > 0;
        wanted.multicast.assign(slave.ns_joins.begin(), slave.ns_joins.end());
        wanted.carries_groups = slave.carries_lists;
    }
    return plan;
}

FilterSync::FilterSync(Host &host, std::function<void(const AddedFilters &)> added)
    : host_(host),
      added_(std::move(added)),
      groups_(host.groups.listen([this](const GroupWatch::Devices &changed) { on_groups(changed); })) {}

void FilterSync::carry_out(FilterPlan plan) {
    plan_ = std::move(plan);
    again();
}

void FilterSync::again() {
    again_ = busy_;
    if (!busy_) {
        start();
    }
}

// Of the bond, whose groups slaves carry, or of a slave, from which somebody has taken some.
void FilterSync::on_groups(const GroupWatch::Devices &changed) {
    const bool concerned = changed.contains(plan_.bond) || std::ranges::any_of(plan_.slaves, [&](const auto &slave) {
                               return changed.contains(slave.ifindex);
                           });
    if (concerned) {
        again();
    }
}

// Somebody may have taken away what is needed.
void FilterSync::on_flags(std::uint32_t ifindex, unsigned flags) {
    const auto slave = std::ranges::find(plan_.slaves, ifindex, &FilterPlan::Slave::ifindex);
    if (slave != plan_.slaves.end() &&
        ((slave->promisc && (flags & IFF_PROMISC) == 0) || (slave->allmulti && (flags & IFF_ALLMULTI) == 0))) {
        again();
    }
}

void FilterSync::start() {
    busy_ = true;
    host_.hands.run(
        [plan = plan_, book = book_,
         done = alive_.guard([this](const AddedFilters &now) { finished(now); })](Hands::Tools &tools) -> Hands::Then {
            apply(tools.filter, plan, *book);
            return [done, now = *book]() mutable { done(now); };
        },
        "filters");
}

void FilterSync::finished(const AddedFilters &now) {
    busy_ = false;
    if (known_ != now) {
        known_ = now;
        added_(now);
    }
    if (std::exchange(again_, false)) {
        start();
    }
}

std::function<SlaveFilters(std::uint32_t ifindex)> FilterSync::taker() const {
    return [book = book_](std::uint32_t ifindex) {
        auto taken = book->extract(ifindex);
        return taken ? std::move(taken.mapped()) : SlaveFilters();
    };
}

} // namespace xbond::daemon
