// SPDX-License-Identifier: MIT
// Text of files that somebody else wrote.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "user/api/protocol.h"
#include "user/import/machine.h"

namespace xbond::import {

inline constexpr std::size_t max_line = 16384; // bytes; longer ones are no configuration

// The file, if it is there and is a file; refused: a NUL byte, a line that is too long, a file that cannot be read.
Result<std::optional<std::string>> read_text(const Files &, const std::string &path);

std::string_view trim(std::string_view); // blanks, tabs, CR, LF at both ends
std::vector<std::string> words(std::string_view, std::string_view separators = " \t\r\n\v\f");
std::vector<std::string_view> lines(std::string_view);
std::vector<std::string_view> lines(std::string &&) = delete; // they would outlive it
std::string lower(std::string_view);
bool is_utf8(std::string_view);
bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words);
bool ends_with_one_of(std::string_view word, std::initializer_list<std::string_view> words);

bool is_glob(std::string_view);
using api::glob_fits;

// "00:00:5E:00:53:01", "00-00-5e-...", "0000.5e00.5301" as 00:00:5e:00:53:01.
std::optional<std::string> mac_text(std::string_view);
std::optional<std::int64_t> whole_number(std::string_view); // an optional minus, digits
std::optional<bool> yes_or_no(std::string_view);            // as systemd, YAML and NetworkManager spell it

// A time of systemd.time(7) in microseconds: "0.1", "200ms", "1min 2s". A number alone counts in `unit` microseconds.
std::optional<std::uint64_t> time_span(std::string_view, std::uint64_t unit);

// A name as interfaces have, to be put in a path or a config; false: a blank, a slash, too long.
bool is_interface_name(std::string_view);

} // namespace xbond::import
