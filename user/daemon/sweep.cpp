// SPDX-License-Identifier: MIT
#include "user/daemon/sweep.h"

#include <algorithm>
#include <set>
#include <spdlog/spdlog.h>
#include <string>

#include "loader/datapath.h"
#include "user/daemon/saved/bond_file.h"
#include "user/sys/directory.h"
#include "user/sys/netns.h"

namespace xbond::daemon {

namespace fs = std::filesystem;

namespace {

std::set<std::string> others(const fs::path &pin_root, std::uint64_t own_inode) {
    std::set<std::string> inodes;
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator(pin_root, ignored)) {
        if (auto name = entry.path().filename().string(); name != std::to_string(own_inode)) {
            inodes.insert(std::move(name));
        }
    }
    return inodes;
}

void remove_run_files(std::uint64_t inode) {
    const auto state = sys::default_state_dir(inode), own = state.parent_path();
    const auto lock = sys::lock_file(own / "lock", "another xbondd");
    if (!lock) {
        return; // somebody is there after all
    }
    forget_files(state);
    std::error_code ignored;
    for (const auto &left : {sys::default_socket(inode), sys::default_files_dir(inode), own / "lock", own}) {
        fs::remove(left, ignored);
    }
}

} // namespace

bool sweep_dead_netns(const fs::path &pin_root, std::uint64_t own_inode) {
    if (others(pin_root, own_inode).empty()) {
        return false;
    }
    std::set<std::string> alive{std::to_string(own_inode)};
    for (const auto inode : sys::visible_netns()) {
        alive.insert(std::to_string(inode));
    }
    for (const auto &inode : loader::remove_dead(pin_root, [&](const auto &one) { return alive.contains(one); })) {
        spdlog::info("network namespace {} has gone: its pins and its state are removed", inode);
        remove_run_files(std::stoull(inode));
    }
    return std::ranges::any_of(others(pin_root, own_inode), [&](const auto &left) { return !alive.contains(left); });
}

} // namespace xbond::daemon
