// SPDX-License-Identifier: MIT
// Buckets of transmitted flows (`balance.rebalance`): which of them lose their owner. The data path places them again.
#pragma once

#include <vector>

#include "user/core/balance/table.h"

namespace xbond::core::balance {

inline constexpr Time rebalance_interval = std::chrono::seconds(10);

struct ReleaseRule {
    bool all = false;                 // rebalance
    std::vector<SlotId> with_history; // the active slave changed: the old one and the new one
    std::vector<SlotId> usable;       // what others own is released without history
    SlotId active = no_slot;          // carries what is not balanced
};

void release_buckets(const Table &, const ReleaseRule &, Changes &);

} // namespace xbond::core::balance
