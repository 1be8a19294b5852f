// SPDX-License-Identifier: MIT
// What Red Hat's and SUSE's ifcfg files have in common. Internal to user/import.
#pragma once

#include "user/import/machine.h"
#include "user/import/syntax/shell.h"

namespace xbond::import {

struct IfcfgFile {
    std::string path, name; // name: behind "ifcfg-"
    std::vector<ShellVariable> variables;

    const ShellVariable *find(std::string_view key) const;
    std::string value(std::string_view key) const; // empty: it is not there
    bool is(std::string_view key, bool otherwise = false) const;
};

// The files of a directory but those that editors and packages leave behind.
Result<std::vector<IfcfgFile>> read_ifcfg_files(const Files &, const std::string &directory);

// A note for each variable that is not among these.
void note_left(Draft &, const IfcfgFile &, std::initializer_list<std::string_view> quiet);
// A note for each line that says something.
void note_lines(Draft &, const Files &, const std::string &path, const std::string &what);

} // namespace xbond::import
