// SPDX-License-Identifier: MIT
// Network namespaces by name and inode, and the mount namespace that pins must live in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "xbond/result.h"

namespace xbond::sys {

Result<std::uint64_t> netns_inode();                     // of the calling thread
std::set<std::uint64_t> visible_netns();                 // inodes of those with a process or a mount that can be seen
Result<void> enter_netns(std::string_view name_or_path); // /run/netns/NAME, or a path when it has a slash

// Where pins go. `ip netns exec` gives each command a mount namespace with a /sys of its own: a bpffs mounted there
// would die with the command and take the data path along. So, unless `wanted` is given (used as it is): when
// /sys/fs/bpf is no bpffs here, join the mount namespace of process 1 or, where that is refused, of the outermost
// ancestor process that may be joined, and mount bpffs on /sys/fs/bpf there if it is missing. Call before any thread is
// started and before relative paths are opened (they are lost: make them absolute first).
Result<Fd> own_netns(); // of the calling thread
// A network namespace that somebody holds, by a process in it, a mount or a descriptor. ENOENT: none that `is_it` says
// yes to can be seen. Goes through all of /proc.
Result<Fd> find_netns(const std::function<bool(int netns_fd)> &is_it);
// The same; where it was found the last time is looked at first, and noted.
Result<Fd> find_netns(const std::function<bool(int netns_fd)> &is_it, std::filesystem::path &found);
// A name of /run/netns, a path when it has a slash, or, as `ip` has it, the number of a process where nothing has that
// name.
Result<Fd> open_netns(std::string_view name_path_or_pid);
// Of a descriptor that somebody has passed: waits for nobody's file system.
bool is_netns(int fd);
// Runs `body` in a thread of its own that has entered the namespace; what it opens stays there.
Result<void> within_netns(int netns_fd, const std::function<Result<void>()> &body);

// Joins the mount namespace that others see, as above, unless what is at `needed` would be out of sight there. Before
// any thread is started; relative paths are lost.
void join_outer_mounts(const std::filesystem::path &needed);

Result<std::filesystem::path> settle_bpffs(const std::optional<std::filesystem::path> &wanted);

// Where bpf file systems are mounted, in this mount namespace.
std::vector<std::filesystem::path> bpffs_mounts();

// Default places, with the inode of the network namespace in them.
std::filesystem::path default_socket(std::uint64_t netns);    // /run/xbond/<inode>/control
std::filesystem::path default_state_dir(std::uint64_t netns); // /run/xbond/<inode>/state
std::filesystem::path default_files_dir(std::uint64_t netns); // /run/xbond/<inode>/files

} // namespace xbond::sys
