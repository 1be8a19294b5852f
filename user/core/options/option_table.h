// SPDX-License-Identifier: MIT
// The rows behind options.h: what each option accepts and where it is kept (6.2). Internal to user/core.
#pragma once

#include "user/core/options/options.h"

namespace xbond::core {

using Warnings = std::vector<std::string>;

struct Keyword {
    std::string_view word;
    std::uint32_t value;
};

struct NumberRange { // empty (first > last): only keywords, and the numbers of their values
    std::uint32_t first = 1;
    std::uint32_t last = 0;
};

struct OptionRule {
    OptionInfo info;
    std::span<const Keyword> words;
    NumberRange range;
    Result<void> (*set)(Options &, std::uint32_t value, Warnings &) = nullptr; // messages without the option's name
    std::uint32_t (*get)(const Options &) = nullptr;
    // Options whose value is no number: primary. Both null with set and get null: an action.
    Result<void> (*set_text)(Options &, std::string_view) = nullptr;
    std::string (*get_text)(const Options &) = nullptr;
    bool any_mode_with_monitors = false; // in every mode where `monitors` is not exclusive
};

std::span<const OptionRule> option_rules();
std::span<const Keyword> mode_words();
std::span<const Keyword> policy_words();
std::span<const Keyword> primary_reselect_words();
std::span<const Keyword> fail_over_mac_words();
std::span<const Keyword> arp_validate_words();
std::span<const Keyword> monitors_words();
std::span<const Keyword> xdp_words();
std::span<const Keyword> visibility_words();

} // namespace xbond::core
