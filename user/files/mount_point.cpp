// SPDX-License-Identifier: MIT
#include <csignal>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "user/files/mount.h"
#include "user/sys/directory.h"
#include "user/sys/io.h"

namespace xbond::files {

namespace fs = std::filesystem;

namespace {

// A look that was under way when the program ended was given up: ECONNABORTED.
bool is_dead(const fs::path &path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

bool is_served(const fs::path &path) {
    struct statfs kind {};
    struct stat here {};
    struct stat above {};
    return ::statfs(path.c_str(), &kind) == 0 && kind.f_type == static_cast<decltype(kind.f_type)>(FUSE_SUPER_MAGIC) &&
           ::stat(path.c_str(), &here) == 0 && ::stat(path.parent_path().c_str(), &above) == 0 &&
           here.st_dev != above.st_dev;
}

// The process that stays behind. It has no descriptor but the one that tells of our end, and no signal ends it.
[[noreturn]] void wait_and_detach(int alive, const fs::path &path) {
    (void)::setsid();
    sigset_t all{};
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    (void)::prctl(PR_SET_NAME, "xbond-unmount", 0, 0, 0);
    (void)::dup2(alive, 0);
    (void)::close_range(1, ~0U, 0);
    (void)::chdir("/");
    char nothing = 0;
    while (::read(0, &nothing, 1) < 0 && errno == EINTR) {}
    detach_dead(path);
    ::_exit(0);
}

} // namespace

void detach_dead(const fs::path &path) {
    for (int n = 0; n < 16 && is_dead(path); ++n) { // one on top of another
        if (::umount2(path.c_str(), MNT_DETACH) != 0) {
            return;
        }
    }
}

Result<MountPoint> MountPoint::take(const fs::path &path) {
    MountPoint out;
    out.path_ = path;
    detach_dead(path);
    XB_TRY_VOID(sys::make_directories(path));
    XB_TRY_VOID(sys::check_shared(path.parent_path()));
    out.held_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!out.held_) {
        return sys::fail_errno("cannot open " + path.string());
    }
    if (is_served(path) || ::flock(out.held_.get(), LOCK_EX | LOCK_NB) != 0) {
        return fail(EBUSY, "another program serves files at " + path.string());
    }
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return sys::fail_errno("cannot make a pipe");
    }
    Fd reading(ends[0]);
    out.alive_.reset(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) {
        return sys::fail_errno("cannot start the process that unmounts");
    }
    if (child == 0) {
        wait_and_detach(reading.get(), path);
    }
    return out;
}

} // namespace xbond::files
