// SPDX-License-Identifier: MIT
// Text as users type it: quoting for messages, and the kernel's reading of option values (`option.values`).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace xbond::core {

// In quotes, at most 64 characters, control characters replaced: values come from anybody who may write.
std::string quoted(std::string_view);

// First word, at most 32 characters; a trailing newline is no part of it.
std::string_view first_word(std::string_view);

// A text of only digits and blanks, as a number; none if it is anything else or too large.
std::optional<std::uint64_t> plain_number(std::string_view);

// A decimal number with an optional minus and nothing around it but a trailing newline.
std::optional<std::int64_t> signed_number(std::string_view);

std::string_view without_newline(std::string_view);

// Which of the words somebody may have meant by one that is none of them: "; did you mean miimon?", or nothing where
// none is near.
std::string meant(std::string_view word, std::span<const std::string_view> known);

} // namespace xbond::core
