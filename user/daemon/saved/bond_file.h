// SPDX-License-Identifier: MIT
// What a successor needs of one bond, one file: <state-dir>/bonds/<name>.json with {version, boot_id, bond, lacp}.
#pragma once

#include <cstdint>
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
    std::uint64_t netns = 0;               // its cookie; 0: not known, as in files of earlier revisions

    bool operator==(const SavedBondFile &) const = default;
};

std::filesystem::path bond_file(const std::filesystem::path &dir, const std::string &bond);
std::filesystem::path unfinished_file(const std::filesystem::path &dir); // a change that is being carried out
std::string text_of(const SavedBondFile &);
Result<void> make_state_dirs(const std::filesystem::path &dir); // 0700

// All bonds of this boot and of this network namespace (or of one that is not known), by name; also those that are only
// in the files of earlier revisions (state.json, and a file of LACP's a bond). If only a bond's LACP cannot be
// understood, that is left out and starts anew.
struct SavedBonds {
    struct Unreadable {
        std::string name;
        Error why; // with the file's name
    };
    std::vector<SavedBondFile> bonds;
    std::vector<Unreadable> unreadable; // each harms itself alone
    std::optional<Error> incomplete;    // there may be more: state.json or the directory cannot be read
};
SavedBonds load_bonds(const std::filesystem::path &dir, std::uint64_t netns);
// A file that cannot be understood makes room for another and is kept: <name>.json.broken, or with a number behind it.
Result<std::filesystem::path> set_aside(const std::filesystem::path &file);
void forget_earlier_files(const std::filesystem::path &dir); // when all bonds have files of their own
// What was applied last (requests/applied.cpp).
inline std::filesystem::path applied_file(const std::filesystem::path &dir) { return dir / "applied"; }
void forget_files(const std::filesystem::path &dir); // the directories go, too, if nothing else is in them

} // namespace xbond::daemon
