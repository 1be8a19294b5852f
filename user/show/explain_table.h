// SPDX-License-Identifier: MIT
// The published table as a bond's view tells of it, laid out for the text that the BPF programs decide with.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "user/show/snapshot.h"
#include "xbond/frame.h"

namespace xbond::show {

struct ExplainTable {
    explicit ExplainTable(const BondView &);
    const xb_bank &bank() const { return table.banks[0]; }

    xb_table table{}; // without the addresses of bridges above the bond, which the view does not hold
    data_path::xb_links links;
};

// Modes balance-tlb and balance-alb: the bucket, or none for what the active slave takes.
std::optional<std::uint32_t> balance_bucket(const core::Options &, std::span<const std::uint8_t> frame,
                                            std::uint16_t vlan_tci);

// Balance-alb: a request or reply of the bond's own, and the entry of the neighbour that it is for.
struct ClientArp {
    Ipv4Addr client{};
    SlotId slot = no_slot; // none: it has not been given one
};
std::optional<ClientArp> client_arp(const BondView &, const ExplainTable &, std::span<const std::uint8_t> frame);

} // namespace xbond::show
