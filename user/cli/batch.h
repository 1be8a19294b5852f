// SPDX-License-Identifier: MIT
// `-batch FILE`: commands a line, as ip has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "user/cli/command.h"

namespace xbond::cli {

struct BatchLine {
    std::vector<std::string> words; // what stands in quotes is one, without them
    unsigned number = 0;            // in the file, of its first line
    bool open_quote = false;        // one without end
};
// '#' begins a comment, a backslash at the end goes on with the next line; empty lines are left out.
std::vector<BatchLine> batch_lines(std::string_view text);

int run_batch(const Batch &, const Globals &); // an ExitCode

} // namespace xbond::cli
