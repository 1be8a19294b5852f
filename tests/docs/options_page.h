// SPDX-License-Identifier: MIT
// docs/options.md as the tables of options have it.
#pragma once

#include <string>
#include <vector>

#include "user/core/options/option_table.h"

namespace xbond::test::docs {

// How an option is written, with a value that a new bond of one of its modes takes.
struct Written {
    std::string name;
    std::string value;
    std::string words;                                      // behind `type bond`
    std::string config;                                     // in a bond of the config file; empty: not there
    std::vector<std::pair<std::string, std::string>> files; // below bonding/, and what is written into each
};
std::vector<Written> written_options();

std::string options_section();       // the program's own table
std::string written_section();       // how each is written
std::string slave_options_section(); // of a slave

} // namespace xbond::test::docs
