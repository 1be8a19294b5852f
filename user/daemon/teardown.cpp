// SPDX-License-Identifier: MIT
// All of this network namespace's bonds go, also those that nobody controls, and with them what xbond made on the host.
#include <spdlog/spdlog.h>

#include "user/daemon/bond/dissolve.h"
#include "user/daemon/daemon.h"
#include "user/sys/directory.h"
#include "user/sys/netns.h"

namespace xbond::daemon {

// What was pinned with another --bpffs: by its mark it is of this very namespace, or is not touched.
void Daemon::tear_down_elsewhere() {
    for (const auto &bpffs : sys::bpffs_mounts()) {
        const auto root = bpffs / "xbond" / std::to_string(settings_.netns);
        std::error_code ignored;
        if (std::filesystem::equivalent(root, host_->pin_root, ignored) || !sys::check_private(root.parent_path()) ||
            !sys::check_private(root)) { // anybody may have put marks there
            continue;
        }
        for (const auto &name : loader::pinned_bonds(root)) {
            if (loader::owner_of(root / name) != loader::Owner::this_netns) {
                continue;
            }
            spdlog::warn("{}: its pins are in {}: removed from there", name, (root / name).string());
            if (auto done = dissolve(*netlink_, root / name, name, {}); !done) {
                spdlog::error("{}: {}", name, done.error().message);
            }
        }
    }
    if (auto synced = list_links(); !synced) {
        spdlog::error("{}", synced.error().message);
    }
}

Result<void> Daemon::teardown() {
    XB_TRY_VOID(open());
    tear_down_elsewhere();
    XB_TRY_VOID(recover());
    changes_.add([this] { return destroy_all(); });
    loop_->run();
    if (failed_) {
        return tl::unexpected(*failed_);
    }
    remove_leftovers();
    return {};
}

Task<Result<void>> Daemon::destroy_all() {
    while (!bonds_.empty()) {
        (void)co_await forget(bonds_.begin()->first);
    }
    while (!left_alone_.empty()) {
        const auto name = left_alone_.begin()->first;
        if (auto done = co_await end_left_alone(name); !done) {
            failed_ = done.error();
            left_alone_.erase(name);
        }
    }
    loop_->stop();
    co_return Result<void>();
}

// With no bond there is nothing to come back to. Only directories that xbond makes by itself go, when they are empty.
void Daemon::remove_leftovers() {
    server_.reset();
    forget_files(settings_.state_dir);
    const auto own = lock_path().parent_path();
    std::error_code ec;
    std::filesystem::remove(lock_path(), ec); // still held: who waits for it finds no file, or one of its own
    for (const auto &empty : {host_->pin_root, host_->pin_root.parent_path(), own, own.parent_path()}) {
        std::filesystem::remove(empty, ec);
    }
}

} // namespace xbond::daemon
