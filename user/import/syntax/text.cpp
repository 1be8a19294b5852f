// SPDX-License-Identifier: MIT
#include "user/import/syntax/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace xbond::import {

Result<std::optional<std::string>> read_text(const Files &files, const std::string &path) {
    const auto kind = files.kind(path);
    if (kind == Files::Kind::other) {
        return refuse({path, 0}, "is no regular file, or cannot be opened");
    }
    if (kind != Files::Kind::file) {
        return std::optional<std::string>();
    }
    auto text = files.read(path);
    if (!text) {
        return refuse({path, 0}, text.error().message);
    }
    if (text->starts_with("\xef\xbb\xbf")) { // an editor's byte order mark
        text->erase(0, 3);
    }
    unsigned line = 1;
    for (std::string_view rest = *text; !rest.empty(); ++line) {
        const auto one = rest.substr(0, rest.find('\n'));
        if (one.find('\0') != std::string_view::npos) {
            return refuse({path, line}, "holds a NUL byte");
        }
        if (one.size() > max_line) {
            return refuse({path, line}, "a line of " + std::to_string(one.size()) + " bytes; at most " +
                                            std::to_string(max_line) + " are read");
        }
        rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    }
    return std::optional(std::move(*text));
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n\v\f";
    const auto begin = text.find_first_not_of(blanks);
    return begin == std::string_view::npos ? std::string_view{}
                                           : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::vector<std::string> words(std::string_view text, std::string_view separators) {
    std::vector<std::string> out;
    while (true) {
        const auto begin = text.find_first_not_of(separators);
        if (begin == std::string_view::npos) {
            return out;
        }
        text.remove_prefix(begin);
        out.emplace_back(text.substr(0, text.find_first_of(separators)));
        text.remove_prefix(out.back().size());
    }
}

std::vector<std::string_view> lines(std::string_view text) {
    std::vector<std::string_view> out;
    while (!text.empty()) {
        out.push_back(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(text.size(), out.back().size() + 1));
    }
    return out;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    return out;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto first = static_cast<unsigned char>(text.front());
        const std::size_t more = first < 0x80                    ? 0
                                 : first >= 0xc2 && first < 0xe0 ? 1
                                 : first >= 0xe0 && first < 0xf0 ? 2
                                 : first >= 0xf0 && first < 0xf5 ? 3
                                                                 : text.size();
        if (more >= text.size()) {
            return false;
        }
        std::uint32_t code = more == 0 ? first : first & (0x3fU >> more);
        for (std::size_t i = 1; i <= more; ++i) {
            const auto next = static_cast<unsigned char>(text[i]);
            if ((next & 0xc0) != 0x80) {
                return false;
            }
            code = code << 6 | (next & 0x3fU);
        }
        constexpr std::array<std::uint32_t, 4> smallest{0, 0x80, 0x800, 0x10000};
        if (code < smallest.at(more) || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
            return false;
        }
        text.remove_prefix(more + 1);
    }
    return true;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
}

bool ends_with_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(words, [&](std::string_view end) { return word.ends_with(end); });
}

bool is_glob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

std::optional<std::string> mac_text(std::string_view text) {
    std::string digits;
    const char separator = text.find(':') != std::string_view::npos   ? ':'
                           : text.find('-') != std::string_view::npos ? '-'
                                                                      : '.';
    const auto parts = words(text, std::string_view(&separator, 1));
    const std::size_t width = separator == '.' ? 4 : 2;
    if (parts.size() != 12 / width) {
        return std::nullopt;
    }
    for (const auto &part : parts) {
        if (part.size() > width || part.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
            return std::nullopt;
        }
        digits += std::string(width - part.size(), '0') + lower(part);
    }
    std::string out;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        out += (out.empty() ? "" : ":") + digits.substr(i, 2);
    }
    return out;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty() ? std::optional(value)
                                                                                     : std::nullopt;
}

std::optional<bool> yes_or_no(std::string_view text) {
    const auto word = lower(text);
    if (is_one_of(word, {"1", "yes", "y", "true", "t", "on"})) {
        return true;
    }
    return is_one_of(word, {"0", "no", "n", "false", "f", "off"}) ? std::optional(false) : std::nullopt;
}

namespace {

struct Unit {
    std::string_view name;
    double microseconds;
};
constexpr double second = 1e6;
constexpr std::array units{
    Unit{"usec", 1},         Unit{"us", 1},           Unit{"µs", 1},          Unit{"msec", 1e3},
    Unit{"ms", 1e3},         Unit{"seconds", second}, Unit{"second", second}, Unit{"sec", second},
    Unit{"s", second},       Unit{"minutes", 60e6},   Unit{"minute", 60e6},   Unit{"min", 60e6},
    Unit{"m", 60e6},         Unit{"hours", 3600e6},   Unit{"hour", 3600e6},   Unit{"hr", 3600e6},
    Unit{"h", 3600e6},       Unit{"days", 86400e6},   Unit{"day", 86400e6},   Unit{"d", 86400e6},
    Unit{"weeks", 604800e6}, Unit{"week", 604800e6},  Unit{"w", 604800e6}};

} // namespace

std::optional<std::uint64_t> time_span(std::string_view text, std::uint64_t unit) {
    double sum = 0;
    text = trim(text);
    if (text.empty()) {
        return std::nullopt;
    }
    while (!text.empty()) {
        const auto digits = text.substr(0, text.find_first_not_of("0123456789."));
        double value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) {
            return std::nullopt;
        }
        text = trim(text.substr(digits.size()));
        const auto name = text.substr(0, text.find_first_of("0123456789. \t"));
        const auto *found = std::ranges::find(units, name, &Unit::name);
        if (!name.empty() && found == units.end()) {
            return std::nullopt;
        }
        sum += value * (name.empty() ? static_cast<double>(unit) : found->microseconds);
        text = trim(text.substr(name.size()));
    }
    constexpr double largest = 1e18;
    return sum < largest ? std::optional(static_cast<std::uint64_t>(std::llround(sum))) : std::nullopt;
}

bool is_interface_name(std::string_view name) {
    constexpr std::size_t longest = 15; // IFNAMSIZ - 1
    return !name.empty() && name.size() <= longest && name != "." && name != ".." &&
           std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~' && c != '/' && c != ':'; });
}

} // namespace xbond::import
