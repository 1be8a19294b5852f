// SPDX-License-Identifier: MIT
#include "user/daemon/bond/applier.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include "user/daemon/traffic/balancer.h"

namespace xbond::daemon {

loader::ProgramSet program_set(const core::Desired &desired) {
    return {desired.mode, desired.policy, desired.packets_per_slave, desired.tlb_dynamic_lb};
}

namespace {

unsigned hear_flags(const core::DesiredSlave &slave) {
    const unsigned state = slave.backup ? unsigned{XB_SLOT_BACKUP} : 0U;
    switch (slave.hear) {
    case core::Hear::nothing:
        return 0;
    case core::Hear::any:
        return state | XB_SLOT_HEAR_ANY;
    case core::Hear::arp:
        return state | XB_SLOT_HEAR_ARP;
    case core::Hear::valid:
        return state | XB_SLOT_HEAR_VALID;
    }
    return 0;
}

std::uint32_t bank_flags(bool full_visibility, const core::Desired &desired) {
    std::uint32_t flags = 0;
    if (full_visibility) {
        flags |= XB_BANK_FULL_VISIBILITY;
    }
    if (desired.lease_ms > 0) {
        flags |= XB_BANK_LEASED;
    }
    if (desired.broadcast_neighbor) {
        flags |= XB_BANK_BROADCAST_NEIGHBOR;
    }
    return flags;
}

xb_monitor monitor_of(const core::DesiredMonitor &desired, const OwnAddresses &own) {
    xb_monitor monitor{};
    const auto ns = [](Time t) { return static_cast<std::uint64_t>(t.count()); };
    monitor.heard_after = desired.heard_after ? ns(*desired.heard_after) : UINT64_MAX;
    monitor.probe_from = ns(desired.probe_from);
    monitor.probe_until = ns(desired.probe_until);
    monitor.all_targets = desired.all_targets;
    monitor.any_own4 = own.any_v4;
    monitor.n_own4 = static_cast<std::uint32_t>(own.v4.size());
    for (std::size_t i = 0; i < std::min<std::size_t>(own.v4.size(), XB_FEW_OWN); ++i) {
        std::memcpy(&monitor.own4[i], own.v4[i].data(), sizeof(monitor.own4[i]));
    }
    monitor.n_targets4 = static_cast<std::uint8_t>(std::min<std::size_t>(desired.targets.size(), XB_MAX_TARGETS));
    monitor.n_targets6 = static_cast<std::uint8_t>(std::min<std::size_t>(desired.targets6.size(), XB_MAX_TARGETS));
    for (std::size_t i = 0; i < monitor.n_targets4; ++i) {
        std::memcpy(&monitor.target4[i], desired.targets[i].data(), sizeof(monitor.target4[i]));
    }
    for (std::size_t i = 0; i < monitor.n_targets6; ++i) {
        std::memcpy(monitor.target6[i], desired.targets6[i].data(), sizeof(monitor.target6[i]));
    }
    return monitor;
}

} // namespace

// A capture makes the device promiscuous; so do the flag that we or the administrator set on a slave, and a bridge
// above the bond.
bool Applier::somebody_captures(std::uint32_t ifindex) const {
    const auto *link = host_.links.find(ifindex);
    if (link == nullptr) {
        return false;
    }
    const bool flag = ifindex != device_.ifindex() && (link->flags & IFF_PROMISC) != 0;
    return link->promiscuity > (flag ? 1U : 0U) + (link->master != 0 ? 1U : 0U);
}

const SlaveOriginal *Applier::original_of(std::uint32_t ifindex) const {
    for (const auto &original : originals_) {
        if (original.ifindex == ifindex) {
            return &original;
        }
    }
    return nullptr;
}

bool Applier::full_visibility(const core::Desired &desired) const {
    switch (desired.visibility) {
    case Visibility::fast:
        return false;
    case Visibility::full:
        return true;
    case Visibility::automatic:
        break;
    }
    return somebody_captures(device_.ifindex());
}

loader::Bank Applier::bank_of(const core::Desired &desired) const {
    loader::Bank bank{};
    bank.n_pick = static_cast<std::uint32_t>(desired.pick.size());
    std::fill(std::begin(bank.pick), std::end(bank.pick), no_slot);
    std::copy(desired.pick.begin(), desired.pick.end(), std::begin(bank.pick));
    bank.active = desired.active;
    bank.igmp = desired.igmp;
    std::copy(desired.bond_mac.bytes.begin(), desired.bond_mac.bytes.end(), std::begin(bank.bond_mac));
    bank.flags = bank_flags(full_visibility(desired), desired);
    for (auto &slot : bank.slot) {
        slot.fallback = no_slot;
    }
    for (const auto &slave : desired.slaves) {
        auto &slot = bank.slot[slave.slot];
        std::copy(slave.mac.bytes.begin(), slave.mac.bytes.end(), std::begin(slot.mac));
        slot.fallback = slave.fallback;
        slot.queue_id = slave.queue_id;
        unsigned flags = 0;
        slot.speed = slave.speed;
        if (slave.suppress || slave.suppress_flood) {
            flags |= slave.suppress ? XB_SLOT_SUPPRESS : XB_SLOT_SUPPRESS_FLOOD;
            if (!somebody_captures(slave.ifindex)) {
                flags |= XB_SLOT_EARLY_DROP;
            }
        }
        if (slave.mac != desired.bond_mac) {
            flags |= XB_SLOT_REWRITE_DST;
        }
        if (slow_to_xsk_.at(slave.slot)) {
            flags |= XB_SLOT_SLOW_TO_XSK;
        }
        slot.flags = static_cast<std::uint16_t>(flags | hear_flags(slave));
    }
    if (desired.balances_clients) {
        const auto bridges = bridge_addresses(host_.links, device_.ifindex());
        bank.n_bridge4 = static_cast<std::uint32_t>(bridges.size());
        for (std::size_t i = 0; i < std::min<std::size_t>(bridges.size(), XB_FEW_OWN); ++i) {
            std::memcpy(&bank.bridge4[i], bridges[i].data(), sizeof(bank.bridge4[i]));
        }
    }
    if (desired.monitor.on) {
        bank.monitor = monitor_of(desired.monitor, own_.value_or(OwnAddresses{}));
    }
    return bank;
}

void Applier::set_own_addresses(OwnAddresses own) {
    if (own_ == own) {
        return;
    }
    if (auto done = path_.set_own_addresses(own.v4, own.v6); !done) {
        spdlog::error("{}", done.error().message);
        return;
    }
    own_ = std::move(own);
}

Result<void> Applier::publish(const core::Desired &desired) {
    if (auto wanted = program_set(desired); !(wanted == path_.programs())) {
        if (auto done = path_.reprogram(wanted); !done) {
            return done;
        }
    }
    lease_.set(Ms(desired.lease_ms));
    path_.publish(bank_of(desired));
    return {};
}

Result<void> Applier::apply_xdp(const core::DesiredSlave &slave, XdpPolicy policy) {
    auto &applied = xdp_[slave.slot];
    if (applied.policy == policy) {
        return {};
    }
    const auto *link = host_.links.find(slave.ifindex);
    const std::string driver = link == nullptr ? std::string() : host_.ethtool.driver(link->name);
    auto state = path_.set_xdp(slave.slot, slave.ifindex, policy, driver);
    if (!state) {
        return tl::unexpected(state.error());
    }
    applied.policy = policy;
    applied.state = *state;
    return {};
}

Result<void> Applier::try_xdp(const core::Desired &desired, XdpPolicy policy) {
    for (const auto &slave : desired.slaves) {
        const auto before = xdp_[slave.slot].policy.value_or(XdpPolicy::off);
        if (auto done = apply_xdp(slave, policy); !done) {
            for (const auto &other : desired.slaves) {
                (void)apply_xdp(other, before);
            }
            return done;
        }
    }
    return {};
}

void Applier::sync_lists(const core::Desired &desired, const sys::MulticastLists &lists) {
    const auto *bond = host_.links.find(device_.ifindex());
    if (bond == nullptr) {
        return;
    }
    std::vector<MacAddr> groups;
    bool foreign_unicast = false; // a device on top (macvlan, VLAN) with an address of its own
    if ((bond->flags & IFF_UP) != 0) {
        for (const auto &entry : sys::multicast_list(bond->name, lists)) {
            groups.push_back(entry.mac);
        }
        for (const auto &[ifindex, link] : host_.links.all()) {
            foreign_unicast = foreign_unicast || (link.link == bond->ifindex && ifindex != device_.peer() &&
                                                  link.mac.is_valid_unicast() && link.mac != bond->mac);
        }
    }
    for (const auto &slave : desired.slaves) {
        const auto *link = host_.links.find(slave.ifindex);
        const auto *original = original_of(slave.ifindex);
        if (link == nullptr || original == nullptr) {
            continue;
        }
        const bool carries = slave.carries_lists;
        auto wanted = original->multicast;
        if (carries) {
            wanted.insert(wanted.end(), groups.begin(), groups.end());
        }
        wanted.insert(wanted.end(), slave.ns_joins.begin(), slave.ns_joins.end());
        const bool promisc =
            original->promisc || slave.promisc || (carries && (bond->promiscuity > 0 || foreign_unicast));
        const bool allmulti = original->allmulti || (carries && bond->allmulti > 0);
        for (const auto &done :
             {host_.filter.set_promisc(link->name, promisc), host_.filter.set_allmulti(link->name, allmulti),
              host_.filter.set_multicast(link->name, wanted, lists)}) {
            if (!done) {
                spdlog::debug("{}", done.error().message);
            }
        }
    }
}

void Applier::follow_up(const core::Desired &desired) {
    if (auto done = device_.set_carrier(desired.carrier); !done) {
        spdlog::error("cannot set the bond's carrier: {}", done.error().message);
    }
    if (watch_ms_ != desired.carrier_watch_ms) {
        const auto done = path_.set_watch(Ms(desired.carrier_watch_ms));
        if (!done) {
            spdlog::warn("carrier watch: {}", done.error().message);
        }
        if (done || done.error().code != ENOMEM) { // memory may be there the next time
            watch_ms_ = desired.carrier_watch_ms;
        }
    }
    for (const auto &slave : desired.slaves) {
        if (auto done = apply_xdp(slave, desired.xdp); !done) {
            spdlog::warn("XDP on slave {}: {}", slave.ifindex, done.error().message);
        }
    }
    sync_lists(desired, host_.multicast_lists(Ms(0)));
}

void Applier::slave_gone(SlotId slot) {
    xdp_[slot] = {};
    slow_to_xsk_.at(slot) = false;
}

} // namespace xbond::daemon
