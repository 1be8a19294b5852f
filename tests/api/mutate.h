// SPDX-License-Identifier: MIT
// Broken inputs: random edits of good ones, from a fixed seed so that a failure can be repeated.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace xbond::test {

class Mutator {
public:
    explicit Mutator(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

    // One to four edits: a byte changed, removed, doubled; a piece cut out, repeated or replaced by something nasty.
    std::string mutate(std::string text) {
        for (auto edits = 1 + below(4); edits > 0; --edits) {
            edit(text);
        }
        return text;
    }

    std::string noise(std::size_t length) {
        std::string out;
        for (std::size_t i = 0; i < length; ++i) {
            out += static_cast<char>(below(256));
        }
        return out;
    }

private:
    void edit(std::string &text) {
        static const std::vector<std::string_view> nasty{"null",
                                                         "-1",
                                                         "1e999",
                                                         "18446744073709551616",
                                                         "\"\"",
                                                         "{}",
                                                         "[]",
                                                         "[[[[[[[[[[",
                                                         "\xff\xfe",
                                                         "\\u0000",
                                                         "\\ud800",
                                                         "true",
                                                         ",",
                                                         "\"name\":",
                                                         "0.5",
                                                         "{\"",
                                                         std::string_view("\0", 1),
                                                         "999999999999",
                                                         "\"/\"",
                                                         "\"aaaaaaaaaaaaaaaaaaaaaaaa\""};
        const auto at = below(text.size() + 1);
        const auto length = std::min(text.size() - at, 1 + below(12));
        switch (below(6)) {
        case 0:
            text.insert(at, 1, static_cast<char>(below(256)));
            break;
        case 1:
            text.erase(at, 1);
            break;
        case 2:
            text.erase(at, length);
            break;
        case 3:
            text.insert(at, text.substr(at, length));
            break;
        case 4:
            text.insert(at, nasty[below(nasty.size())]);
            break;
        default:
            text.replace(at, length, nasty[below(nasty.size())]);
        }
    }

    std::mt19937 random_;
};

} // namespace xbond::test
