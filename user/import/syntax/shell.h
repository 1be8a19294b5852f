// SPDX-License-Identifier: MIT
// Shell text as words. Nothing is expanded: a word that would need it says so.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "user/import/machine.h"

namespace xbond::import {

struct ShellWord {
    std::string text; // quotes and escapes resolved
    unsigned line = 0;
    bool expands = false;     // holds $NAME or the like: its value is not known
    bool substitutes = false; // holds $(...) or `...`
    bool redirects = false;   // is > or >>
};

struct ShellCommand {
    std::vector<ShellWord> words;
    unsigned line = 0;
};

// Commands, split at newlines, ';', '&', '|' and parentheses. An error: a quote without end.
Result<std::vector<ShellCommand>> parse_shell(std::string_view text, const Place &begin);

struct ShellVariable {
    std::string name, value;
    Place at;
    bool expands = false;
    bool has_blanks = false; // unquoted: a shell would take the rest for a command
};

// A file that is sourced for its variables, in the order of the file, each once with its last value. Refused: a quote
// without end, a command substitution, a name or a value that is no UTF-8.
Result<std::vector<ShellVariable>> parse_variables(std::string_view text, const std::string &file);

} // namespace xbond::import
