// SPDX-License-Identifier: MIT
// Files of sections with KEY=VALUE lines: systemd's and NetworkManager's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "user/import/machine.h"

namespace xbond::import {

struct IniEntry {
    std::string section, key, value;
    Place at;
};

// systemd.syntax(7): '#' and ';' begin a comment line, a backslash at the end of a line goes on in the next one. A line
// that is no assignment is noted; refused is a section header that is none.
Result<std::vector<IniEntry>> parse_systemd(std::string_view text, const std::string &file, Notes &);

// GKeyFile's rules: '#' begins a comment line, escapes \s \n \t \r \\, every line is a group or an assignment, or the
// file is refused.
Result<std::vector<IniEntry>> parse_keyfile(std::string_view text, const std::string &file);

// The last value of a key; null: it is not there, or empty there where empty means unset.
const IniEntry *find_entry(const std::vector<IniEntry> &, std::string_view section, std::string_view key);

} // namespace xbond::import
