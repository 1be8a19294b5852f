// SPDX-License-Identifier: MIT
#include "user/core/options/text.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>
#include <vector>

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

namespace {

// Letters to add, to take away or to change.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
        }
    }
    return row.back();
}

} // namespace

std::string meant(std::string_view word, std::span<const std::string_view> known) {
    constexpr std::size_t longest = 32; // of what is worth a guess
    std::string_view nearest;
    std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const auto candidate : known) {
        const auto far = word.size() > longest ? best : distance(word, candidate);
        if (far < best && far < candidate.size()) {
            best = far;
            nearest = candidate;
        }
    }
    return nearest.empty() ? "" : "; did you mean " + std::string(nearest) + "?";
}

} // namespace xbond::core
