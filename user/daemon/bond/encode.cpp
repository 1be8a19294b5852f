// SPDX-License-Identifier: MIT
#include "user/daemon/bond/encode.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <span>

#include "xbond/bank.h"

namespace xbond::daemon {
namespace {

// As many as have room; how many there are is told apart.
void encode_addresses(const std::vector<Ipv4Addr> &addresses, std::span<std::uint32_t> room) {
    const auto fitting = std::min(addresses.size(), room.size());
    std::transform(addresses.begin(), addresses.begin() + static_cast<std::ptrdiff_t>(fitting), room.begin(),
                   [](const Ipv4Addr &address) { return std::bit_cast<std::uint32_t>(address); });
}

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

unsigned suppress_flags(const core::DesiredSlave &slave, bool captured) {
    if (!slave.suppress && !slave.suppress_flood) {
        return 0;
    }
    const unsigned what = slave.suppress ? XB_SLOT_SUPPRESS : XB_SLOT_SUPPRESS_FLOOD;
    return captured ? what : what | XB_SLOT_EARLY_DROP;
}

std::uint32_t bank_flags(const core::Desired &desired, bool full_visibility) {
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

std::uint32_t how(const ProgramSet &programs) {
    return XB_HOW_TOLD | static_cast<std::uint32_t>(programs.mode) << XB_HOW_MODE |
           static_cast<std::uint32_t>(programs.policy) << XB_HOW_POLICY |
           programs.packets_per_slave << XB_HOW_PER_SLAVE |
           (programs.tlb_dynamic_lb ? static_cast<std::uint32_t>(XB_HOW_DYNAMIC_LB) : 0U);
}

xb_bank_slot encode_slave(const core::DesiredSlave &slave, const MacAddr &bond_mac, const BankFacts &facts) {
    xb_bank_slot slot{};
    std::copy(slave.mac.bytes.begin(), slave.mac.bytes.end(), std::begin(slot.mac));
    slot.fallback = slave.fallback;
    slot.queue_id = slave.queue_id;
    slot.speed = slave.speed;
    unsigned flags = hear_flags(slave) | suppress_flags(slave, facts.captured.test(slave.slot));
    if (slave.mac != bond_mac) {
        flags |= XB_SLOT_REWRITE_DST;
    }
    if (facts.slow_to_xsk.test(slave.slot)) {
        flags |= XB_SLOT_SLOW_TO_XSK;
    }
    if (facts.elsewhere) {
        flags |= XB_SLOT_ELSEWHERE;
    }
    if (facts.by_xdp.test(slave.slot)) {
        flags |= XB_SLOT_BY_XDP;
    }
    if (facts.unsummed.test(slave.slot)) {
        flags |= XB_SLOT_UNSUMMED;
    }
    slot.flags = static_cast<std::uint16_t>(flags);
    return slot;
}

xb_monitor encode_monitor(const core::DesiredMonitor &desired, const OwnAddresses &own) {
    const auto ns = [](Time t) { return static_cast<std::uint64_t>(t.count()); };
    xb_monitor monitor{};
    monitor.heard_after = desired.heard_after ? ns(*desired.heard_after) : UINT64_MAX;
    monitor.probe_from = ns(desired.probe_from);
    monitor.probe_until = ns(desired.probe_until);
    monitor.all_targets = desired.all_targets;
    monitor.any_own4 = own.any_v4;
    monitor.n_own4 = static_cast<std::uint32_t>(own.v4.size());
    encode_addresses(own.v4, monitor.own4);
    monitor.n_targets4 = static_cast<std::uint8_t>(std::min<std::size_t>(desired.targets.size(), XB_MAX_TARGETS));
    monitor.n_targets6 = static_cast<std::uint8_t>(std::min<std::size_t>(desired.targets6.size(), XB_MAX_TARGETS));
    encode_addresses(desired.targets, monitor.target4);
    for (std::size_t i = 0; i < monitor.n_targets6; ++i) {
        std::copy(desired.targets6[i].begin(), desired.targets6[i].end(), std::begin(monitor.target6[i]));
    }
    return monitor;
}

} // namespace

xb_bank encode(const core::Desired &desired, const BankFacts &facts) {
    xb_bank bank = empty_bank();
    bank.n_pick = static_cast<std::uint32_t>(desired.pick.size());
    std::copy(desired.pick.begin(), desired.pick.end(), std::begin(bank.pick));
    bank.active = desired.active;
    bank.igmp = desired.igmp;
    std::copy(desired.bond_mac.bytes.begin(), desired.bond_mac.bytes.end(), std::begin(bank.bond_mac));
    bank.flags = bank_flags(desired, facts.full_visibility);
    if (facts.ports) {
        bank.flags |= XB_BANK_PORTS;
    }
    bank.how = how(desired.programs);
    for (const auto &slave : desired.slaves) {
        bank.slot[slave.slot] = encode_slave(slave, desired.bond_mac, facts);
    }
    if (desired.balances_clients) {
        bank.n_bridge4 = static_cast<std::uint32_t>(facts.bridges.size());
        encode_addresses(facts.bridges, bank.bridge4);
    }
    if (desired.monitor.on) {
        bank.monitor = encode_monitor(desired.monitor, facts.own);
    }
    return bank;
}

} // namespace xbond::daemon
