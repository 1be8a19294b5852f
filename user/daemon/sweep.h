// SPDX-License-Identifier: MIT
// What network namespaces that have gone left behind: pins, and what belongs to them in /run. Nobody else comes back to
// that.
#pragma once

#include <cstdint>
#include <filesystem>

namespace xbond::daemon {

// In `<bpffs>/xbond`. Whether there may be more to sweep later: of a namespace in which nobody is seen, but whose
// devices the kernel has not taken down yet. Reads files and /proc: for hands, or while no loop runs.
bool sweep_dead_netns(const std::filesystem::path &pin_root, std::uint64_t own_inode);

} // namespace xbond::daemon
