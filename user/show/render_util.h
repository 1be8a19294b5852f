// SPDX-License-Identifier: MIT
// Small questions that more than one renderer asks of a bond.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "user/show/snapshot.h"

namespace xbond::show {

const SlaveView *slave_in_slot(const BondView &, SlotId); // null: no such slave, or no_slot
xb_counters bond_counters(const BondView &);              // sums over the slaves, plus the bond's own entry

// As the kernel's bonding tells ethtool: what all slaves that may send have together; in broadcast mode, what the
// slowest of them has.
struct Rate {
    std::uint32_t speed = core::speed_unknown;
    std::uint8_t duplex = core::duplex_unknown;
};
Rate rate_of(const BondView &);
nlohmann::ordered_json speed_json(std::uint32_t speed); // Mb/s; null: unknown
nlohmann::ordered_json duplex_json(std::uint8_t duplex);

} // namespace xbond::show
