// SPDX-License-Identifier: MIT
// The tree as a file system (FUSE), and its mount point: taken for one program, and given back whatever ends it.
#pragma once

#include <filesystem>
#include <functional>

#include "common/fd.h"
#include "user/files/source.h"

namespace xbond::files {

class MountPoint {
public:
    // Makes the directory if it is missing, detaches what a killed predecessor left there, and starts a process that
    // does the same after us, however we end. EBUSY: somebody serves there. Before any thread is started.
    static Result<MountPoint> take(const std::filesystem::path &);
    const std::filesystem::path &path() const { return path_; }

private:
    std::filesystem::path path_;
    Fd held_;  // the directory below the mount, locked
    Fd alive_; // closed by our end
};

// Detaches a file system at the path whose program has gone. The directory stays.
void detach_dead(const std::filesystem::path &);

// Serves until SIGTERM, SIGINT or SIGHUP; unmounted then. `ready` is called when the files are there.
Result<void> serve(Source &, const MountPoint &, const std::function<void()> &ready);

} // namespace xbond::files
