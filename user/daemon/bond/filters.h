// SPDX-License-Identifier: MIT
// What the slaves let in for the bond: promiscuous and all-multicast flags and multicast lists, each on top of what the
// slave had of its own. Planned in the loop from what it knows, carried out by hands: each change waits for RTNL.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "user/core/bond/desired.h"
#include "user/daemon/bond/bond_device.h"
#include "user/daemon/bond/slave_device.h"
#include "user/daemon/hands.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

struct FilterPlan {
    struct Slave {
        std::string name;
        bool promisc = false, allmulti = false;
        std::vector<MacAddr> multicast;
        bool carries_groups = false; // those of the bond come on top

        bool operator==(const Slave &) const = default;
    };
    std::string bond; // whose groups; empty while it is down
    std::vector<Slave> slaves;

    bool operator==(const FilterPlan &) const = default;
};

// `originals`: what the slaves' own filters were.
FilterPlan plan_filters(const LinkTable &, const BondDevice &, const std::vector<SlaveOriginal> &originals,
                        const core::Desired &);

// One plan is in work at a time; of those that come meanwhile the latest is next.
class FilterSync {
public:
    explicit FilterSync(Hands &hands) : hands_(hands) {}

    void carry_out(FilterPlan plan);

private:
    void start(FilterPlan plan);

    Hands &hands_;
    bool busy_ = false;
    std::optional<FilterPlan> next_;
    Alive alive_;
};

} // namespace xbond::daemon
