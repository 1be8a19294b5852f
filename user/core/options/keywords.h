// SPDX-License-Identifier: MIT
// The words of options that have words, one list each: what may be typed, and the names of the enums' values.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "user/core/modes/traits.h"
#include "user/core/options/options.h"

namespace xbond::core {

struct Keyword {
    std::string_view word;
    std::uint32_t value;
};

inline constexpr std::array mode_keywords = [] {
    std::array<Keyword, mode_table.size()> words{};
    std::ranges::transform(mode_table, words.begin(), [](const ModeTraits &row) {
        return Keyword{row.keyword, number_of(row.mode)};
    });
    return words;
}();
inline constexpr std::array policy_keywords{
#define XB_KEYWORD(number, constant, name, keyword, function) Keyword{keyword, number},
    XB_POLICIES(XB_KEYWORD)
#undef XB_KEYWORD
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
inline constexpr std::array lacp_channel_keywords{Keyword{"auto", 0}, Keyword{"af_xdp", 1}, Keyword{"af_packet", 2}};
inline constexpr std::array receive_keywords{Keyword{"auto", 0}, Keyword{"tc", 1}, Keyword{"xdp", 2}};
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
