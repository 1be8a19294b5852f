// SPDX-License-Identifier: MIT
// The tables of modes balance-tlb and balance-alb as the data path holds them, and what is to change in
// them. The data path goes on writing while a change is worked out: a change names what it was worked out from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "xbond/types.h"

namespace xbond::core::balance {

inline constexpr std::size_t table_size = 256; // of both

struct Bucket { // flows with the same hash (`balance.buckets`)
    std::uint64_t tx_bytes = 0;
    std::uint64_t history = 0; // bytes per second before the last rebalance
    SlotId owner = no_slot;
};

struct Client { // a neighbour that sends to `server` by the address of the slave it was given (`balance.clients`)
    bool assigned = false;
    Ipv4Addr server{}, client{}; // ours, its own
    MacAddr server_mac, client_mac;
    std::uint16_t vlan_id = 0; // 0: untagged
    SlotId slot = no_slot;
    bool tell = false;  // an update is due
    bool asked = false; // a broadcast request for it left

    bool known() const { return client_mac.is_valid_unicast(); }
    bool operator==(const Client &) const = default;
};

struct Table {
    std::vector<Bucket> buckets;
    std::vector<Client> clients;
    std::array<std::uint64_t, XB_MAX_SLAVES> load{}; // bytes per second
    std::uint64_t unbalanced = 0;                    // bytes
    SlotId last_given = no_slot;                     // the slave that the last client was given
};

struct Release { // of a bucket
    std::size_t index = 0;
    SlotId owner = no_slot;
    std::uint64_t counted = 0; // bytes that went into `history`
    std::uint64_t history = 0;
};

struct ClientChange {
    std::size_t index = 0;
    Client from, to;
};

struct Changes {
    std::vector<std::pair<SlotId, std::uint64_t>> loads; // first of all: a bucket that is released is placed at once
    std::uint64_t unbalanced = 0;                        // counted, to be taken off
    std::vector<Release> buckets;
    std::vector<ClientChange> clients;
    std::optional<SlotId> last_given;

    bool empty() const { return loads.empty() && unbalanced == 0 && buckets.empty() && clients.empty() && !last_given; }
};

} // namespace xbond::core::balance
