// SPDX-License-Identifier: MIT
// Turns a bond's Desired state into map writes and device changes: what differs from what was applied is written,
// nothing else. The data path is published first; carrier, XDP and filter lists follow. How a state is put into the
// data path's words: encode.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "loader/datapath.h"
#include "user/core/bond/desired.h"
#include "user/daemon/applications/applications.h"
#include "user/daemon/bond/bond_device.h"
#include "user/daemon/bond/encode.h"
#include "user/daemon/bond/filters.h"
#include "user/daemon/bond/lease.h"
#include "user/daemon/bond/xdp.h"
#include "user/daemon/bypass/bypass_watch.h"
#include "user/daemon/host.h"
#include "user/daemon/nic/slave_device.h"

namespace xbond::daemon {

class Applier {
public:
    // `news`: something that hands did has another outcome than before; look again. `added`: what is on the slaves by
    // us.
    Applier(Host &host, std::shared_ptr<loader::DataPath> path, BondDevice &device, std::function<void()> news,
            std::function<void(const AddedFilters &)> added)
        : host_(host),
          path_(path),
          device_(device),
          news_(std::move(news)),
          xdp_(host, path, device),
          applications_(host, path),
          filters_(host, std::move(added), news_),
          lease_(host, *path),
          bypass_(
              host, [this] { return device_.here(); }, news_) {}

    void publish(const core::Desired &); // one flip
    // Publishes what was published last once more, where something that only the machine knows has changed (captures,
    // addresses, AF_XDP).
    void refresh();
    void vouch() { lease_.vouch(); } // see Lease
    // Bond carrier, carrier watch, XDP, promiscuity and multicast lists. Failures are logged: the bond goes on.
    void sync_devices(const core::Desired &);
    // Tries an XDP policy on every slave; on refusal all are put back and the driver's error is returned.
    Task<Result<void>> try_xdp(const core::Desired &desired, XdpPolicy policy, core::ReceivePath receive) {
        return xdp_.set_all(desired.slaves, wanted_xdp(policy, receive));
    }

    SlaveXdp &slave_xdp() { return xdp_; }
    const SlaveXdp &slave_xdp() const { return xdp_; }

    SlaveXdp::Wanted wanted_xdp(XdpPolicy policy, core::ReceivePath receive) const {
        return {policy, applications_.has_rules(), ports_, receive == core::ReceivePath::xdp};
    }
    // Others may have changed what `receive xdp` rests on, on a slave's device or (0) anywhere; nothing without it.
    void look_at_receive(std::uint32_t only = 0) {
        if (wanted_ && wanted_->receive == core::ReceivePath::xdp) {
            xdp_.look_again(wanted_->slaves, only, news_);
        }
    }
    bool by_xdp(SlotId slot) const { return facts_ && facts_->by_xdp.test(slot); } // as published
    std::string why_not_by_xdp(SlotId) const;                                      // although asked for
    // Whether the bond has ports; takes effect with the next publish() or refresh(), and sync_devices().
    void set_ports(bool any) { ports_ = any; }
    bool ports() const { return ports_; }

    // Whose answers count for the ARP/NS monitor; takes effect with the next publish().
    void set_own_addresses(OwnAddresses);

    // Whether xb_xdp gives the slow protocols to AF_XDP sockets; takes effect with the next publish() or refresh().
    void set_slow_to_xsk(SlotId slot, bool on) { slow_to_xsk_.set(slot, on); }

    void follow_stack(); // what stands on the bond may have changed: the slaves' filters follow it

    void slave_gone(SlotId);
    Applications &applications() { return applications_; }
    FilterSync &filters() { return filters_; }
    // What devices above have put into the bond's unicast filter.
    const std::vector<MacAddr> &unicast() const {
        return device_.elsewhere() ? device_.elsewhere()->told.unicast : filters_.unicast();
    }
    // The bond's device has been moved: nothing that was seen of it holds.
    void device_moved();
    const FilterSync &filters() const { return filters_; }

    bool full_visibility(const core::Desired &) const;
    bool somebody_captures(std::uint32_t ifindex) const; // on the bond's device or a slave
    // What is on the bond's device that the fast path would go around, in words for people.
    std::vector<std::string> onlookers() const;
    void look_at_onlookers() { bypass_.look(); }
    const loader::XdpState &xdp(SlotId slot) const { return xdp_.state(slot); }

private:
    struct Watch { // as it was last started
        std::uint32_t interval_ms = 0;
        std::vector<std::uint32_t> devices;

        bool operator==(const Watch &) const = default;
    };
    bool others_above() const;
    BankFacts facts_for(const core::Desired &) const;
    void receive_facts(const core::Desired &, BankFacts &) const;
    void set_carrier(bool on);
    void set_watch(const core::Desired &);

    Host &host_;
    std::shared_ptr<loader::DataPath> path_; // hands work on it, too
    BondDevice &device_;
    std::function<void()> news_;
    Alive alive_;
    std::optional<core::Desired> wanted_; // of the last publish()
    std::optional<BankFacts> facts_;      // with which it was done
    std::optional<OwnAddresses> own_;
    std::optional<Watch> watch_;
    sys::EventLoop::Source carrier_again_; // after a failure
    SlaveXdp xdp_;
    Applications applications_;
    FilterSync filters_;
    bool ports_ = false;
    SlotSet slow_to_xsk_;
    Lease lease_;
    BypassWatch bypass_;
};

} // namespace xbond::daemon
