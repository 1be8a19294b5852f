// SPDX-License-Identifier: MIT
// A command line as it is typed, split at blanks.
#pragma once

#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "user/cli/command.h"

namespace xbond::test {

inline Result<cli::Invocation> parse_line(const std::string &line) {
    std::istringstream in(line);
    const std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
    return cli::parse_command(words);
}

} // namespace xbond::test
