// SPDX-License-Identifier: MIT
// The words of options that have words, one list each: what may be typed, and the names of the enums' values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "user/core/options/options.h"

namespace xbond::core {

struct Keyword {
    std::string_view word;
    std::uint32_t value;
};

inline constexpr std::array mode_keywords{
    Keyword{"balance-rr", XB_MODE_ROUNDROBIN}, Keyword{"active-backup", XB_MODE_ACTIVEBACKUP},
    Keyword{"balance-xor", XB_MODE_XOR},       Keyword{"broadcast", XB_MODE_BROADCAST},
    Keyword{"802.3ad", XB_MODE_8023AD},        Keyword{"balance-tlb", XB_MODE_TLB},
    Keyword{"balance-alb", XB_MODE_ALB},
};
inline constexpr std::array policy_keywords{
    Keyword{"layer2", XB_POLICY_LAYER2},    Keyword{"layer3+4", XB_POLICY_LAYER34},
    Keyword{"layer2+3", XB_POLICY_LAYER23}, Keyword{"encap2+3", XB_POLICY_ENCAP23},
    Keyword{"encap3+4", XB_POLICY_ENCAP34}, Keyword{"vlan+srcmac", XB_POLICY_VLAN_SRCMAC},
};
inline constexpr std::array reselect_keywords{Keyword{"always", 0}, Keyword{"better", 1}, Keyword{"failure", 2}};
inline constexpr std::array fail_over_mac_keywords{Keyword{"none", 0}, Keyword{"active", 1}, Keyword{"follow", 2}};
inline constexpr std::array arp_validate_keywords{
    Keyword{"none", 0},   Keyword{"active", 1},        Keyword{"backup", 2},       Keyword{"all", 3},
    Keyword{"filter", 4}, Keyword{"filter_active", 5}, Keyword{"filter_backup", 6}};
inline constexpr std::array arp_all_targets_keywords{Keyword{"any", 0}, Keyword{"all", 1}};
inline constexpr std::array monitors_keywords{Keyword{"exclusive", 0}, Keyword{"any", 1}, Keyword{"all", 2}};
inline constexpr std::array xdp_keywords{Keyword{"auto", 0}, Keyword{"native", 1}, Keyword{"generic", 2},
                                         Keyword{"off", 3}};
inline constexpr std::array visibility_keywords{Keyword{"auto", 0}, Keyword{"fast", 1}, Keyword{"full", 2}};
inline constexpr std::array lacp_rate_keywords{Keyword{"slow", 0}, Keyword{"fast", 1}};
inline constexpr std::array ad_select_keywords = [] {
    std::array<Keyword, lacp::ad_select_names.size()> words{};
    for (std::uint32_t i = 0; i < words.size(); ++i) {
        words.at(i) = {lacp::ad_select_names.at(i), i};
    }
    return words;
}();
inline constexpr std::array hold_word{Keyword{"hold", 0}};
inline constexpr std::array off_word{Keyword{"off", 0}};
inline constexpr std::array off_on_words{Keyword{"off", 0}, Keyword{"on", 1}};
inline constexpr std::array on_word{Keyword{"on", 1}};

std::string_view word_of(std::span<const Keyword>, std::uint32_t value); // empty: there is none
// A word, or the number of a word.
std::optional<std::uint32_t> value_of(std::span<const Keyword>, std::string_view text);

} // namespace xbond::core
