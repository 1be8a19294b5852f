// SPDX-License-Identifier: MIT
#include "user/core/options/text.h"

#include <algorithm>
#include <charconv>

namespace xbond::core {
namespace {

constexpr std::string_view blanks = " \t\n\v\f\r";

template <typename Number> std::optional<Number> number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

} // namespace

std::string quoted(std::string_view text) {
    constexpr std::size_t longest = 64;
    std::string result = "\"";
    for (const char c : text.substr(0, longest)) {
        result += c >= ' ' && c <= '~' && c != '"' ? c : '?';
    }
    return result + (text.size() > longest ? "...\"" : "\"");
}

std::string_view first_word(std::string_view text) {
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) {
        return {};
    }
    text.remove_prefix(begin);
    return text.substr(0, std::min<std::size_t>(text.find_first_of(blanks), 32));
}

std::optional<std::uint64_t> plain_number(std::string_view text) {
    const bool plain = text.find_first_not_of("0123456789 \t\n\v\f\r") == std::string_view::npos;
    return plain ? number<std::uint64_t>(first_word(text)) : std::nullopt;
}

std::optional<std::int64_t> signed_number(std::string_view text) { return number<std::int64_t>(without_newline(text)); }

std::string_view without_newline(std::string_view text) {
    if (text.ends_with('\n')) {
        text.remove_suffix(1);
    }
    return text;
}

} // namespace xbond::core
