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
#include "user/daemon/group_watch.h"
#include "user/daemon/hands.h"
#include "user/daemon/host.h"
#include "user/daemon/nic/slave_device.h"

namespace xbond::daemon {

struct FilterPlan {
    struct Slave {
        std::uint32_t ifindex = 0;
        bool promisc = false, allmulti = false;
        std::vector<MacAddr> multicast;
        bool carries_groups = false;      // those of the bond come on top
        std::vector<wire::VlanTag> vlans; // of the bond that nobody else has put into the slave's filter

        bool operator==(const Slave &) const = default;
    };
    std::uint32_t bond = 0; // whose groups; 0 while it is down
    std::vector<Slave> slaves;
    std::map<std::uint32_t, std::string> above; // the bond and what stands on it: one of them forwards, or none
    bool bridged = false;                       // then anyway

    bool operator==(const FilterPlan &) const = default;
};

// `ports`: devices behind the bond have addresses that nobody has told of.
FilterPlan plan_filters(const Host &, const BondDevice &, const core::Desired &, bool ports);

using AddedFilters = std::map<std::uint32_t, SlaveFilters>; // by ifindex

// Keeps the plan carried out: also when the groups joined on the bond change, and when somebody takes away what is
// needed. `news`: the bond's unicast filter has changed.
class FilterSync {
public:
    // `added`: what is on the slaves by us has changed.
    FilterSync(Host &, std::function<void(const AddedFilters &)> added, std::function<void()> news);

    void carry_out(FilterPlan plan);
    void carry_out_if_new(FilterPlan plan) {
        if (plan_ != plan) {
            carry_out(std::move(plan));
        }
    }
    const NicSwitches *switches(std::uint32_t ifindex) const; // as of the last time; none: not yet
    void on_flags(std::uint32_t ifindex, unsigned flags);     // of a slave, as the kernel tells them
    void look_at_nic(std::uint32_t slave);                    // something about it has changed, by whomever
    void forwarding_changed(std::uint32_t device);            // whether it does
    void adopt(std::uint32_t ifindex, SlaveFilters added);    // before the loop runs
    // When the slaves' filters are as planned, or soon if that takes too long. For the loop; at once if they are.
    void when_done(std::function<void()> then);
    // What devices above have put into the bond's unicast filter, as of the last time.
    const std::vector<MacAddr> &unicast() const { return unicast_; }
    // In a job of hands: what is on a slave that leaves, to be taken off it.
    std::function<SlaveFilters(std::uint32_t ifindex)> taker() const;

private:
    void again();
    void on_groups(const GroupWatch::Devices &changed);
    void look_at_nics();
    void start();
    struct Outcome {
        AddedFilters now;
        std::vector<MacAddr> unicast;
        bool noted = false; // of a NIC: to be done when it has been saved
    };
    static Outcome carry_out(Hands::Tools &, const FilterPlan &, AddedFilters &book, bool nics);
    void finished(Outcome);
    void run_waiting();

    Host &host_;
    std::function<void(const AddedFilters &)> added_;
    std::function<void()> news_;
    FilterPlan plan_;
    bool busy_ = false, again_ = false;
    bool nics_ = false; // somebody may have switched a NIC: to be looked at
    std::shared_ptr<AddedFilters> book_ = std::make_shared<AddedFilters>(); // hands' alone
    AddedFilters known_;                                                    // a copy, as of the last time
    std::vector<MacAddr> unicast_;
    std::vector<std::function<void()>> waiting_;
    sys::EventLoop::Source patience_;
    Alive alive_;
    GroupWatch::Listener groups_;
};

} // namespace xbond::daemon
