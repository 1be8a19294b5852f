// SPDX-License-Identifier: MIT
// What an option says of its values where they are keywords, made from the list of these at compile time:
// one_of<list> is "any|all", numbered<list> "any|all (0..1)". Internal to user/core/options.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace xbond::core {

template <const auto &Keywords> struct ValuesText {
    static constexpr std::size_t words_size = [] {
        std::size_t size = Keywords.size() - 1;
        for (const auto &keyword : Keywords) {
            size += keyword.word.size();
        }
        return size;
    }();
    static constexpr std::string_view range_begin = " (0..";
    static constexpr auto text = [] {
        static_assert(Keywords.size() <= 10 && Keywords.front().value == 0 &&
                      Keywords.back().value == Keywords.size() - 1);
        std::array<char, words_size + range_begin.size() + 2> out{};
        auto at = out.begin();
        for (const auto &keyword : Keywords) {
            if (at != out.begin()) {
                *at++ = '|';
            }
            at = std::ranges::copy(keyword.word, at).out;
        }
        at = std::ranges::copy(range_begin, at).out;
        *at++ = static_cast<char>('0' + Keywords.back().value);
        *at = ')';
        return out;
    }();
};
template <const auto &Keywords>
inline constexpr std::string_view one_of{ValuesText<Keywords>::text.data(), ValuesText<Keywords>::words_size};
template <const auto &Keywords>
inline constexpr std::string_view numbered{ValuesText<Keywords>::text.data(), ValuesText<Keywords>::text.size()};

} // namespace xbond::core
