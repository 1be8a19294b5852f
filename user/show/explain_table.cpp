// SPDX-License-Identifier: MIT
#include "user/show/explain_table.h"

#include <algorithm>
#include <cstring>

#include "user/core/modes/traits.h"
#include "user/show/render_util.h"
#include "xbond/hash.h"

namespace xbond::show {
namespace {

// Where balance-rr sends IGMP: the active slave, else the first one that can transmit.
SlotId igmp_slot(const BondView &bond) {
    if (slave_in_slot(bond, bond.active)) {
        return bond.active;
    }
    const auto usable = std::ranges::find_if(bond.slaves, [](const auto &s) { return s.slave.can_tx(); });
    return usable == bond.slaves.end() ? no_slot : usable->slave.slot;
}

std::uint32_t word(const Ipv4Addr &address) { return xb_word(address.data()); }

xb_client entry_of(const core::balance::Client &client) {
    xb_client entry{};
    entry.server4 = word(client.server);
    entry.client4 = word(client.client);
    entry.flags = client.assigned ? XB_CLIENT_ASSIGNED : 0;
    return entry;
}

} // namespace

ExplainTable::ExplainTable(const BondView &bond) {
    xb_bank &bank = table.banks[0];
    std::ranges::fill(bank.pick, no_slot);
    bank.n_pick = static_cast<std::uint32_t>(std::min<std::size_t>(bond.pick.size(), XB_MAX_SLAVES));
    std::copy_n(bond.pick.begin(), bank.n_pick, bank.pick);
    bank.active = bond.active;
    bank.igmp = igmp_slot(bond);
    for (xb_bank_slot &slot : bank.slot) {
        slot.fallback = no_slot;
    }
    for (const SlaveView &s : bond.slaves) {
        const auto &slave = s.slave;
        const std::size_t id = slave.slot;
        std::ranges::copy(slave.mac.bytes, bank.slot[id].mac);
        bank.slot[id].fallback = s.published.fallback;
        links.carrier.at(id) = slave.up() || bond.carrier_check == "none";
        table.n_slots = std::max<std::uint32_t>(table.n_slots, slave.slot + 1U);
    }
}

std::optional<std::uint32_t> balance_bucket(const core::Options &options, std::span<const std::uint8_t> frame,
                                            std::uint16_t vlan_tci) {
    const data_path::xb_frame view{frame, vlan_tci};
    if (core::traits(options.mode).buckets_by_destination) {
        const auto bucket = data_path::xb_alb_bucket(&view);
        return bucket < XB_BUCKETS ? std::optional(bucket) : std::nullopt;
    }
    if (!data_path::xb_tlb_balances(&view)) {
        return std::nullopt;
    }
    return flow_hash(frame, vlan_tci, options.xmit_hash_policy) & (XB_BUCKETS - 1);
}

std::optional<ClientArp> client_arp(const BondView &bond, const ExplainTable &published,
                                    std::span<const std::uint8_t> frame) {
    const data_path::xb_frame view{frame, 0};
    xb_arp arp{};
    if (!core::traits(bond.options.mode).balances_clients || !data_path::xb_is_arp(&view) ||
        !data_path::xb_is_client_arp(&view, &published.table, &published.bank(), &arp)) {
        return std::nullopt;
    }
    ClientArp found;
    std::memcpy(found.client.data(), &arp.target4, found.client.size());
    const auto &client = bond.balance->clients.at(xb_ipv4_index(arp.target4));
    const xb_client entry = entry_of(client);
    if (data_path::xb_is_client(&entry, entry.flags, xb_arp_sender(&arp), arp.target4)) {
        found.slot = client.slot;
    }
    return found;
}

} // namespace xbond::show
