// SPDX-License-Identifier: MIT
// Where a bank begins, whoever fills it.
#pragma once

#include <algorithm>
#include <iterator>

#include "xbond/abi.h"
#include "xbond/types.h"

namespace xbond {

// Names no slave: the programs drop.
inline xb_bank empty_bank() {
    xb_bank bank{};
    bank.active = bank.igmp = no_slot;
    std::fill(std::begin(bank.pick), std::end(bank.pick), no_slot);
    for (auto &slot : bank.slot) {
        slot.fallback = no_slot;
    }
    return bank;
}

} // namespace xbond
