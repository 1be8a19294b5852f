// SPDX-License-Identifier: MIT
// What the slaves let in for the bond: promiscuous and all-multicast flags and multicast lists, each on top of what the
// slave has by others. Planned in the loop from what it knows, carried out by hands: each change waits for RTNL.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "user/core/bond/desired.h"
#include "user/daemon/bond/bond_device.h"
#include "user/daemon/bond/slave_device.h"
#include "user/daemon/group_watch.h"
#include "user/daemon/hands.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

struct FilterPlan {
    struct Slave {
        std::uint32_t ifindex = 0;
        bool promisc = false, allmulti = false;
        std::vector<MacAddr> multicast;
        bool carries_groups = false; // those of the bond come on top

        bool operator==(const Slave &) const = default;
    };
    std::uint32_t bond = 0; // whose groups; 0 while it is down
    std::vector<Slave> slaves;

    bool operator==(const FilterPlan &) const = default;
};

FilterPlan plan_filters(const LinkTable &, const BondDevice &, const core::Desired &);

using AddedFilters = std::map<std::uint32_t, SlaveFilters>; // by ifindex

// Keeps the plan carried out: also when the groups joined on the bond change, and when somebody takes away what is
// needed.
class FilterSync {
public:
    // `added`: what is on the slaves by us has changed.
    FilterSync(Host &, std::function<void(const AddedFilters &)> added);

    void carry_out(FilterPlan plan);
    void on_flags(std::uint32_t ifindex, unsigned flags); // of a slave, as the kernel tells them
    void adopt(std::uint32_t ifindex, SlaveFilters added) {
        (*book_)[ifindex] = std::move(added);
    } // before the loop runs
    // In a job of hands: what is on a slave that leaves, to be taken off it.
    std::function<SlaveFilters(std::uint32_t ifindex)> taker() const;

private:
    void again();
    void on_groups(const GroupWatch::Devices &changed);
    void start();
    void finished(const AddedFilters &now);

    Host &host_;
    std::function<void(const AddedFilters &)> added_;
    FilterPlan plan_;
    bool busy_ = false, again_ = false;
    std::shared_ptr<AddedFilters> book_ = std::make_shared<AddedFilters>(); // hands' alone
    AddedFilters known_;                                                    // a copy, as of the last time
    Alive alive_;
    GroupWatch::Listener groups_;
};

} // namespace xbond::daemon
