// SPDX-License-Identifier: MIT
// What a bond of mode balance-tlb or balance-alb has ahead of it. The tables themselves are the data path's.
#pragma once

#include <optional>
#include <vector>

#include "user/core/balance/rlb.h"
#include "user/core/balance/tlb.h"

namespace xbond::core::balance {

inline constexpr Time tick = Ms(100);                             // of the kernel's timer
inline constexpr Time listen_interval = std::chrono::seconds(10); // `balance.dead`

struct State {
    std::optional<Time> rebalance_at, learning_at; // none: nothing runs
    std::optional<Time> listen_until;              // the active slave is promiscuous for the sake of a dead one
    std::vector<SlotId> released;                  // their buckets go, with history
    std::vector<SlotId> usable;                    // as of the last run
    ReceiveBalance clients;
};

} // namespace xbond::core::balance
