// SPDX-License-Identifier: MIT
#include "user/daemon/bond/filters.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <net/if.h>
#include <set>
#include <spdlog/spdlog.h>
#include <string>
#include <utility>

#include "user/daemon/upper_devices.h"
#include "user/sys/device/name.h"
#include "user/sys/sysctl.h"

namespace xbond::daemon {
namespace {

bool wants_promisc(const LinkTable &links, const sys::LinkInfo &bond, std::uint32_t peer) {
    if ((bond.flags & IFF_UP) == 0 || bond.promiscuity > 0) {
        return bond.promiscuity > 0;
    }
    // A macvlan or VLAN with an address of its own.
    return std::ranges::any_of(links.next_to(bond.ifindex), [&](std::uint32_t ifindex) {
        const auto *link = links.find(ifindex);
        return link != nullptr && link->link == bond.ifindex && ifindex != peer && link->mac.is_valid_unicast() &&
               link->mac != bond.mac;
    });
}

// Outermost tags of what stands on the bond, and of what a bridge above sends there for its other ports.
std::set<wire::VlanTag> vlans_of(const LinkTable &links, const sys::LinkInfo &bond,
                                 const std::vector<UpperDevice> &above) {
    std::set<wire::VlanTag> vlans;
    const auto *master = links.find(bond.master);
    const auto *port = links.bridge_vlans(bond.ifindex);
    if (master != nullptr && master->vlan_filtering && port != nullptr) {
        for (const auto &vlan : port->vlans) {
            if (!vlan.untagged) {
                vlans.insert({master->vlan_proto, vlan.id});
            }
        }
    }
    for (const auto &device : above) {
        if (!device.tags.empty()) {
            vlans.insert(device.tags.front());
        }
    }
    return vlans;
}

// A VLAN device of somebody else's on the slave does what ours would, and there can be only one.
std::vector<wire::VlanTag> without_others(std::set<wire::VlanTag> vlans, const LinkTable &links, std::uint32_t slave) {
    for (const std::uint32_t ifindex : links.next_to(slave)) {
        const auto *link = links.find(ifindex);
        if (link != nullptr && link->link == slave && link->kind == "vlan" && !is_own_vlan(*link)) {
            vlans.erase({link->vlan_proto, link->vlan_id});
        }
    }
    return {vlans.begin(), vlans.end()};
}

bool forwards(const FilterPlan &plan) {
    return plan.bridged || std::ranges::any_of(plan.above, [](const auto &device) {
               return std::ranges::any_of(std::array{"ipv4", "ipv6"}, [&](const char *family) {
                   const auto value = sys::read_sysctl(std::string(family) + "/conf/" + device.second + "/forwarding");
                   return value && !value->starts_with('0');
               });
           });
}

// True: what is to be turned off has been noted, and is to be done when that is on disk.
bool switch_nics(Hands::Tools &tools, const FilterPlan &plan, AddedFilters &book) {
    NicWish wish{.vlans = {}, .forwards = forwards(plan)};
    bool noted = false;
    for (const auto &slave : plan.slaves) {
        KernelNic nic(tools.netlink, tools.ethtool, slave.ifindex);
        wish.vlans = slave.vlans;
        noted |= switch_nic(nic, wish, book[slave.ifindex].nic) == Round::noted;
    }
    return noted;
}

// `others_above`: devices with addresses of their own, wherever they live.
void apply(Hands::Tools &tools, const FilterPlan &plan, bool others_above, AddedFilters &book) {
    const auto lists = sys::multicast_lists();
    const auto groups = sys::multicast_list(plan.bond != 0 ? sys::name_now(plan.bond) : "", lists);
    for (const auto &slave : plan.slaves) {
        const std::string name = sys::name_now(slave.ifindex);
        auto &added = book[slave.ifindex];
        auto multicast = slave.multicast;
        if (slave.carries_groups) {
            std::ranges::transform(groups, std::back_inserter(multicast), &sys::MulticastEntry::mac);
        }
        // Failures are of no consequence: a slave may be going at this moment.
        const bool promisc = slave.promisc || (slave.carries_groups && others_above) ||
                             added.nic.vlans == NicSwitches::Vlans::promiscuous;
        for (const auto &done : {sys::set_promisc(tools.netlink, slave.ifindex, promisc, added.promisc),
                                 sys::set_allmulti(tools.netlink, slave.ifindex, slave.allmulti, added.allmulti),
                                 tools.filter.set_multicast(name, multicast, added.multicast, lists)}) {
            if (!done) {
                spdlog::debug("{}", done.error().message);
            }
        }
    }
}

} // namespace

FilterPlan plan_filters(const Host &host, const BondDevice &device, const core::Desired &desired, bool ports) {
    FilterPlan plan;
    const LinkTable &links = device.links(host);
    const auto *bond = links.find(device.ifindex());
    if (bond == nullptr) {
        return plan;
    }
    const bool is_up = (bond->flags & IFF_UP) != 0;
    const auto *told = device.elsewhere() ? &device.elsewhere()->told : nullptr;
    if (is_up && told == nullptr) {
        plan.bond = bond->ifindex;
    }
    const bool promisc = ports || wants_promisc(links, *bond, told == nullptr ? device.peer() : 0) ||
                         (is_up && told != nullptr && !told->unicast.empty());
    const auto above = devices_on_top(links, device.ifindex());
    const auto vlans = vlans_of(links, *bond, above);
    const auto *master = links.find(bond->master);
    plan.bridged = master != nullptr && master->kind == "openvswitch";
    plan.bridged = plan.bridged || (told != nullptr && told->forwards);
    for (const auto &upper : above) {
        if (told == nullptr) {
            plan.above[upper.link->ifindex] = upper.link->name;
        }
        plan.bridged = plan.bridged || upper.link->kind == "bridge";
    }
    for (const auto &slave : desired.slaves) {
        auto &wanted = plan.slaves.emplace_back();
        wanted.ifindex = slave.ifindex;
        wanted.promisc = slave.promisc || (slave.carries_lists && promisc);
        wanted.allmulti = slave.carries_lists && bond->allmulti > 0;
        wanted.multicast.assign(slave.ns_joins.begin(), slave.ns_joins.end());
        if (told != nullptr && is_up && slave.carries_lists) {
            wanted.multicast.insert(wanted.multicast.end(), told->groups.begin(), told->groups.end());
        }
        wanted.carries_groups = slave.carries_lists;
        wanted.vlans = without_others(vlans, host.links, slave.ifindex); // on backups, too
    }
    return plan;
}

namespace {

// Whether NICs are to be switched as before: a failover, which is in a hurry, asks nothing new of them.
bool same_nics(const FilterPlan &a, const FilterPlan &b) {
    const auto same = [](const FilterPlan::Slave &one, const FilterPlan::Slave &other) {
        return one.ifindex == other.ifindex && one.vlans == other.vlans;
    };
    return a.above == b.above && a.bridged == b.bridged && std::ranges::equal(a.slaves, b.slaves, same);
}

} // namespace

FilterSync::FilterSync(Host &host, std::function<void(const AddedFilters &)> added, std::function<void()> news)
    : host_(host),
      added_(std::move(added)),
      news_(std::move(news)),
      groups_(host.groups.listen([this](const GroupWatch::Devices &changed) { on_groups(changed); })) {}

void FilterSync::carry_out(FilterPlan plan) {
    nics_ = nics_ || !same_nics(plan, plan_);
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

void FilterSync::look_at_nics() {
    nics_ = true;
    again();
}

// What nobody asks of a NIC, nobody can spoil.
void FilterSync::look_at_nic(std::uint32_t slave) {
    const auto wanted = std::ranges::find(plan_.slaves, slave, &FilterPlan::Slave::ifindex);
    const auto *now = switches(slave);
    if (wanted != plan_.slaves.end() && (!wanted->vlans.empty() || (now != nullptr && !now->off.empty()))) {
        look_at_nics();
    }
}

void FilterSync::forwarding_changed(std::uint32_t device) {
    if (plan_.above.contains(device)) {
        look_at_nics();
    }
}

// What is on the NIC by us shows there; only what was turned off does not.
void FilterSync::adopt(std::uint32_t ifindex, SlaveFilters added) {
    for (const std::uint32_t upper : host_.links.next_to(ifindex)) {
        if (const auto *link = host_.links.find(upper); link != nullptr && is_own_vlan(*link)) {
            added.nic.devices.push_back({{link->vlan_proto, link->vlan_id}, link->ifindex});
        }
    }
    (*book_)[ifindex] = std::move(added);
}

void FilterSync::start() {
    busy_ = true;
    host_.hands.run(
        [plan = plan_, book = book_, nics = std::exchange(nics_, false), done = alive_.guard([this](Outcome outcome) {
            finished(std::move(outcome));
        })](Hands::Tools &tools) -> Hands::Then {
            auto outcome = carry_out(tools, plan, *book, nics);
            return [done, outcome = std::move(outcome)]() mutable { done(std::move(outcome)); };
        },
        "filters");
}

FilterSync::Outcome FilterSync::carry_out(Hands::Tools &tools, const FilterPlan &plan, AddedFilters &book, bool nics) {
    Outcome outcome;
    if (plan.bond != 0) {
        outcome.unicast = tools.netlink.unicast_filter(plan.bond).value_or(outcome.unicast);
    }
    outcome.noted = nics && switch_nics(tools, plan, book);
    apply(tools, plan, !outcome.unicast.empty(), book);
    outcome.now = book;
    return outcome;
}

void FilterSync::finished(Outcome outcome) {
    busy_ = false;
    if (known_ != outcome.now) {
        known_ = std::move(outcome.now);
        added_(known_);
    }
    const bool news = unicast_ != outcome.unicast;
    unicast_ = std::move(outcome.unicast);
    nics_ = nics_ || outcome.noted;
    if (std::exchange(again_, false) || outcome.noted) {
        start();
    } else {
        run_waiting();
    }
    if (news) {
        news_(); // may lead to another plan
    }
}

void FilterSync::when_done(std::function<void()> then) {
    constexpr Ms patience(20);
    if (!busy_) {
        then();
        return;
    }
    waiting_.push_back(std::move(then));
    if (!patience_) {
        patience_ = host_.loop.at(
            sys::now() + patience, [this] { run_waiting(); }, "announcements");
    }
}

void FilterSync::run_waiting() {
    patience_ = {};
    for (const auto &then : std::exchange(waiting_, {})) {
        then();
    }
}

const NicSwitches *FilterSync::switches(std::uint32_t ifindex) const {
    const auto found = known_.find(ifindex);
    return found == known_.end() ? nullptr : &found->second.nic;
}

std::function<SlaveFilters(std::uint32_t ifindex)> FilterSync::taker() const {
    return [book = book_](std::uint32_t ifindex) {
        auto taken = book->extract(ifindex);
        return taken ? std::move(taken.mapped()) : SlaveFilters();
    };
}

} // namespace xbond::daemon
