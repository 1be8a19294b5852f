// SPDX-License-Identifier: MIT
#include "user/daemon/bond/applier.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <net/if.h>
#include <spdlog/spdlog.h>
#include <utility>

#include "user/daemon/traffic/balancer.h"

namespace xbond::daemon {

// A macvlan makes a device of this kind promiscuous when it is up, since it has no filter for addresses.
bool Applier::others_above() const {
    if (!unicast().empty()) {
        return true;
    }
    const auto *bond = host_.links.find(device_.here());
    return bond != nullptr && std::ranges::any_of(host_.links.next_to(bond->ifindex), [&](std::uint32_t ifindex) {
               const auto *link = host_.links.find(ifindex);
               return link != nullptr && link->link == bond->ifindex && ifindex != device_.peer() &&
                      (link->flags & IFF_UP) != 0 && link->mac.is_valid_unicast() && link->mac != bond->mac;
           });
}

// A capture makes the device promiscuous; so do the flag that we or the administrator set on a slave, a bridge above
// the bond, and devices with addresses of their own.
bool Applier::somebody_captures(std::uint32_t ifindex) const {
    const auto *link = host_.links.find(ifindex);
    if (link == nullptr) {
        return false;
    }
    const bool is_slave = ifindex != device_.here(), flag = is_slave && (link->flags & IFF_PROMISC) != 0;
    const unsigned others = !is_slave && others_above() ? 1 : 0;
    return link->promiscuity > others + (flag ? 1U : 0U) + (link->master != 0 ? 1U : 0U);
}

// A device that is not here can be reached by the pair alone.
bool Applier::full_visibility(const core::Desired &desired) const {
    if (!device_.is_here()) {
        return true;
    }
    switch (desired.visibility) {
    case Visibility::fast:
        return false;
    case Visibility::full:
        return true;
    case Visibility::automatic:
        break;
    }
    if (!bypass_.found()) { // as an earlier controller left it, until somebody has looked
        return (path_->published().flags & XB_BANK_FULL_VISIBILITY) != 0;
    }
    return !onlookers().empty();
}

std::vector<std::string> Applier::onlookers() const {
    if (!device_.is_here()) {
        return {"its device is in another network namespace"};
    }
    std::vector<std::string> all = bypass_.found().value_or(std::vector<std::string>{});
    if (somebody_captures(device_.here())) {
        all.insert(all.begin(), "capture");
    }
    return all;
}

BankFacts Applier::facts_for(const core::Desired &desired) const {
    BankFacts facts{.full_visibility = full_visibility(desired),
                    .captured = {},
                    .slow_to_xsk = slow_to_xsk_,
                    .own = own_.value_or(OwnAddresses{}),
                    .bridges = {},
                    .ports = ports_,
                    .elsewhere = !device_.is_here(),
                    .by_xdp = {},
                    .unsummed = {}};
    receive_facts(desired, facts);
    for (const auto &slave : desired.slaves) {
        facts.captured.set(slave.slot, somebody_captures(slave.ifindex));
    }
    if (desired.balances_clients) {
        facts.bridges = bridge_addresses(device_.links(host_), device_.ifindex());
    }
    return facts;
}

// The pair takes frames from XDP while both its ends are up; TC reaches the bond's device without the other one. Until
// hands have looked it stays as an earlier controller left it.
void Applier::receive_facts(const core::Desired &desired, BankFacts &facts) const {
    const auto *peer = host_.links.find(device_.peer());
    if (desired.receive != core::ReceivePath::xdp || !desired.carrier || !device_.is_here() || xdp_.chained() ||
        peer == nullptr || (peer->flags & IFF_UP) == 0) {
        return;
    }
    for (const auto &slave : desired.slaves) {
        const unsigned before = path_->published().slot[slave.slot].flags;
        const bool known = xdp_.knows(slave.slot);
        const auto &state = xdp_.state(slave.slot);
        facts.by_xdp.set(slave.slot, known ? state.receives : (before & XB_SLOT_BY_XDP) != 0);
        facts.unsummed.set(slave.slot, known ? state.unsummed : (before & XB_SLOT_UNSUMMED) != 0);
    }
}

std::string Applier::why_not_by_xdp(SlotId slot) const {
    if (!device_.is_here()) {
        return "the bond's device is in another network namespace";
    }
    if (xdp_.knows(slot) && !xdp_.state(slot).receives) {
        return xdp_.state(slot).receives_why;
    }
    return wanted_ && !wanted_->carrier ? "the bond has no carrier" : "the slave is being looked at";
}

void Applier::set_own_addresses(OwnAddresses own) {
    if (own_ == own) {
        return;
    }
    if (auto done = path_->set_own_addresses(own.v4, own.v6); !done) {
        spdlog::error("{}", done.error().message);
        return;
    }
    own_ = std::move(own);
}

// Filters are on their way before anything is announced; they take effect when RTNL is free.
void Applier::publish(const core::Desired &desired) {
    if (!wanted_ || !(wanted_->slaves == desired.slaves)) {
        filters_.carry_out(plan_filters(host_, device_, desired, ports_));
    }
    wanted_ = desired;
    facts_ = facts_for(desired);
    lease_.set(Ms(desired.lease_ms));
    path_->publish(encode(desired, *facts_));
    if (host_.published) {
        host_.published(device_.peer());
    }
}

void Applier::refresh() {
    if (wanted_ && facts_ != facts_for(*wanted_)) {
        publish(core::Desired(*wanted_));
    }
}

void Applier::set_carrier(bool on) {
    device_.set_carrier_soon(host_.hands, on, alive_.guard([this](const Error &error) {
        constexpr Ms pause(500);
        spdlog::error("cannot set the bond's carrier: {}", error.message);
        carrier_again_ = host_.loop.at(
            sys::now() + pause,
            [this] {
                if (wanted_) {
                    set_carrier(wanted_->carrier);
                }
            },
            "carrier of the bond");
    }));
}

// The kernel may have no memory for the timer just now: it is tried for a while, by hands. The timer ends by itself
// when the last device has gone: with other slaves it is started anew.
void Applier::set_watch(const core::Desired &desired) {
    const auto interval_ms = desired.carrier_watch_ms;
    Watch wanted{interval_ms, {}};
    std::ranges::transform(desired.slaves, std::back_inserter(wanted.devices), &core::DesiredSlave::ifindex);
    if (watch_ == wanted) {
        return;
    }
    watch_ = std::move(wanted);
    auto failed = alive_.guard([this](const Error &error) {
        spdlog::warn("carrier watch: {}", error.message);
        if (error.code == ENOMEM) { // memory may be there the next time
            watch_.reset();
        }
    });
    host_.hands.run(
        [path = path_, interval_ms, failed](Hands::Tools &) -> Hands::Then {
            auto done = path->set_watch(Ms(interval_ms));
            if (done) {
                return {};
            }
            return [failed, error = done.error()]() mutable { failed(error); };
        },
        "carrier watch");
}

void Applier::sync_devices(const core::Desired &desired) {
    set_carrier(desired.carrier);
    set_watch(desired);
    applications_.follow(desired);
    for (const auto &slave : desired.slaves) {
        xdp_.set_soon(slave, wanted_xdp(desired.xdp, desired.receive), news_);
    }
    filters_.carry_out(plan_filters(host_, device_, desired, ports_));
}

void Applier::follow_stack() {
    if (wanted_) {
        filters_.carry_out_if_new(plan_filters(host_, device_, *wanted_, ports_));
    }
}

void Applier::device_moved() {
    watch_.reset(); // looks at the device's groups, too
    bypass_.look_anew();
}

void Applier::slave_gone(SlotId slot) {
    xdp_.slave_gone(slot);
    slow_to_xsk_.reset(slot);
}

} // namespace xbond::daemon
