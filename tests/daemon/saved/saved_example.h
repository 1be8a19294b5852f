// SPDX-License-Identifier: MIT
// What a daemon may have to save, every member with a value that is not its default.
#pragma once

#include <filesystem>
#include <string>

#include "user/daemon/saved/saved_state.h"

namespace xbond::test {

struct TempDir {
    std::filesystem::path path;
    TempDir();
    ~TempDir();
    TempDir(const TempDir &) = delete;
    TempDir &operator=(const TempDir &) = delete;
};
std::string slurp(const std::filesystem::path &);
void spill(const std::filesystem::path &, const std::string &text);

daemon::SavedState saved_example(const std::string &boot_id);
lacp::SystemState lacp_example(); // but for the options, which are not saved with it

} // namespace xbond::test
