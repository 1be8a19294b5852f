// SPDX-License-Identifier: MIT
#include "user/core/wire/hex.h"

namespace xbond::wire {
namespace {

constexpr std::string_view digits = "0123456789abcdef";
constexpr std::size_t max_frame = 65535;

int digit_of(char c) {
    const auto found = digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c);
    return found == std::string_view::npos ? -1 : static_cast<int>(found);
}

// A byte of somebody's text in a message: itself where it can be printed, its number otherwise.
std::string shown(char c) {
    if (c > ' ' && c <= '~') {
        return {'"', c, '"'};
    }
    const auto byte = static_cast<std::uint8_t>(c);
    return {'b', 'y', 't', 'e', ' ', '0', 'x', digits[byte >> 4], digits[byte & 15]};
}

} // namespace

Result<std::vector<std::uint8_t>> parse_hex(std::string_view text) {
    std::vector<std::uint8_t> out;
    int high = -1;
    for (const char c : text) {
        const int digit = digit_of(c);
        if (digit < 0) {
            if (high < 0 && (c == ' ' || c == ':')) {
                continue;
            }
            return fail(EINVAL, "expected hex digits, two a byte, got " + shown(c));
        }
        if (high < 0) {
            high = digit;
        } else {
            out.push_back(static_cast<std::uint8_t>(high << 4 | digit));
            high = -1;
        }
    }
    if (high >= 0 || out.empty() || out.size() > max_frame) {
        return fail(EINVAL, "expected 1.." + std::to_string(max_frame) + " bytes as hex digits, two a byte");
    }
    return out;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
    std::string out;
    for (const auto b : bytes) {
        out += digits[b >> 4];
        out += digits[b & 15];
    }
    return out;
}

} // namespace xbond::wire
