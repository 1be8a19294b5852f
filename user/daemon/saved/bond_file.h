// SPDX-License-Identifier: MIT
// What a successor needs of one bond, one file: <state-dir>/bonds/<name>.json with {version, boot_id, bond, lacp}.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "user/core/lacp/state.h"
#include "user/daemon/saved/saved_state.h"

namespace xbond::daemon {

struct SavedBondFile {
    std::string boot_id; // another boot: interface indexes mean nothing any more
    SavedController bond;
    std::optional<lacp::SystemState> lacp; // mode 802.3ad; its options follow from the bond's

    bool operator==(const SavedBondFile &) const = default;
};

std::filesystem::path bond_file(const std::filesystem::path &dir, const std::string &bond);
std::string text_of(const SavedBondFile &);
Result<void> make_state_dirs(const std::filesystem::path &dir); // 0700

// All bonds of this boot, by name; also those that are only in the files of earlier revisions (state.json, and a file
// of LACP's a bond). An error, with the file's name, where one cannot be understood; if only its LACP cannot, that is
// left out and starts anew.
Result<std::vector<SavedBondFile>> load_bonds(const std::filesystem::path &dir);
void forget_earlier_files(const std::filesystem::path &dir); // when all bonds have files of their own
void forget_files(const std::filesystem::path &dir);         // the directories go, too, if nothing else is in them

} // namespace xbond::daemon
