// SPDX-License-Identifier: MIT
#include "user/core/options/keywords.h"

#include <algorithm>

#include "user/core/options/text.h"

namespace xbond::core {
namespace {

template <typename Enum> std::string_view enum_word(std::span<const Keyword> words, Enum value) {
    return word_of(words, static_cast<std::uint32_t>(value));
}

template <typename Enum> std::optional<Enum> parse_enum(std::span<const Keyword> words, std::string_view text) {
    const auto value = value_of(words, text);
    return value ? std::optional(static_cast<Enum>(*value)) : std::nullopt;
}

} // namespace

std::string_view word_of(std::span<const Keyword> words, std::uint32_t value) {
    const auto found = std::ranges::find(words, value, &Keyword::value);
    return found == words.end() ? std::string_view{} : found->word;
}

std::optional<std::uint32_t> value_of(std::span<const Keyword> words, std::string_view text) {
    const auto number = plain_number(text);
    const auto found = std::ranges::find_if(words, [&](const Keyword &keyword) {
        return number ? keyword.value == *number : keyword.word == first_word(text);
    });
    return found == words.end() ? std::nullopt : std::optional(found->value);
}

std::string_view mode_name(Mode mode) { return traits(mode).keyword; }
std::string_view policy_name(HashPolicy policy) { return enum_word(policy_keywords, policy); }
std::string_view name(PrimaryReselect value) { return enum_word(reselect_keywords, value); }
std::string_view name(FailOverMac value) { return enum_word(fail_over_mac_keywords, value); }
std::string_view name(ArpValidate value) { return enum_word(arp_validate_keywords, value); }
std::string_view name(Monitors value) { return enum_word(monitors_keywords, value); }
std::string_view name(XdpPolicy value) { return enum_word(xdp_keywords, value); }
std::string_view name(Visibility value) { return enum_word(visibility_keywords, value); }
std::string_view name(LacpChannel value) { return enum_word(lacp_channel_keywords, value); }
std::string_view name(ReceivePath value) { return enum_word(receive_keywords, value); }

std::optional<Mode> parse_mode(std::string_view text) { return parse_enum<Mode>(mode_keywords, text); }
std::optional<HashPolicy> parse_policy(std::string_view text) { return parse_enum<HashPolicy>(policy_keywords, text); }

} // namespace xbond::core
