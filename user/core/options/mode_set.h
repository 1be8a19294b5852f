// SPDX-License-Identifier: MIT
// Sets of bonding modes: which ones know an option.
#pragma once

#include <initializer_list>
#include <string>

#include "xbond/types.h"

namespace xbond::core {

class ModeSet {
public:
    constexpr ModeSet(std::initializer_list<Mode> modes) {
        for (const Mode mode : modes) {
            bits_ |= 1U << static_cast<unsigned>(mode);
        }
    }
    constexpr bool contains(Mode mode) const { return (bits_ >> static_cast<unsigned>(mode) & 1U) != 0; }
    constexpr bool operator==(const ModeSet &) const = default;

private:
    unsigned bits_ = 0;
};

inline constexpr ModeSet all_modes{Mode::round_robin, Mode::active_backup, Mode::balance_xor, Mode::broadcast,
                                   Mode::ieee8023ad,  Mode::balance_tlb,   Mode::balance_alb};
inline constexpr ModeSet arp_modes{Mode::round_robin, Mode::active_backup, Mode::balance_xor, Mode::broadcast};
inline constexpr ModeSet lacp_modes{Mode::ieee8023ad};
inline constexpr ModeSet balance_modes{Mode::balance_tlb, Mode::balance_alb};
inline constexpr ModeSet primary_modes{Mode::active_backup, Mode::balance_tlb, Mode::balance_alb};
inline constexpr ModeSet turn_modes{Mode::round_robin};

std::string mode_numbers(ModeSet); // "1,5,6", or "all"
std::string mode_names(ModeSet);   // "active-backup, balance-tlb, balance-alb"

} // namespace xbond::core
