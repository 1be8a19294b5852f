// SPDX-License-Identifier: MIT
// Names in the BPF file system. A bpffs knows directories and pinned objects only, and no dot in a name; an empty
// directory serves as a mark that survives the controller.
#pragma once

#include <filesystem>

#include "common/fd.h"
#include "xbond/result.h"

namespace xbond::loader {

// Makes the directory and those above it.
Result<void> make_pin_dir(const std::filesystem::path &dir);

Result<void> pin(int fd, const std::filesystem::path &path);

// Takes the place of what is pinned there in one step.
Result<void> replace_pin(int fd, const std::filesystem::path &path);

// ENOENT when nothing is pinned there.
Result<Fd> open_pin(const std::filesystem::path &path);

// A pin or a mark; silent when there is none.
void remove_pin(const std::filesystem::path &path);

} // namespace xbond::loader
