// SPDX-License-Identifier: MIT
#include "user/sys/directory.h"

#include <array>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/sys/io.h"

namespace xbond::sys {

namespace fs = std::filesystem;

namespace {

Result<Fd> is_held(const Fd &fd, const fs::path &path, const std::string &what) {
    std::array<char, 16> pid{};
    const auto n = ::pread(fd.get(), pid.data(), pid.size() - 1, 0);
    return fail(EBUSY, what + (n > 0 ? " (pid " + std::string(pid.data()) + ")" : "") + " holds " + path.string());
}

void write_pid(const Fd &fd) {
    const std::string pid = std::to_string(::getpid());
    // On a full disk the lock holds all the same; only the message about it is the poorer.
    if (::ftruncate(fd.get(), 0) == 0) {
        (void)!::pwrite(fd.get(), pid.data(), pid.size(), 0);
    }
}

} // namespace

Result<void> make_directories(const fs::path &dir, mode_t mode) {
    fs::path made;
    for (const auto &part : dir) {
        made /= part;
        if (::mkdir(made.c_str(), mode) == 0) {
            ::chmod(made.c_str(), mode);
        } else if (errno != EEXIST) {
            return fail_errno("cannot make directory " + made.string());
        }
    }
    return {};
}

Result<void> check_private(const fs::path &directory) {
    struct stat st {};
    if (::lstat(directory.c_str(), &st) != 0) {
        return fail_errno("cannot look at " + directory.string());
    }
    if (!S_ISDIR(st.st_mode)) {
        return fail(ENOTDIR, directory.string() + " is no directory");
    }
    if (st.st_uid != ::geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fail(EPERM, directory.string() + " belongs to uid " + std::to_string(st.st_uid) +
                               " or others may write in it: remove it, or give it to root with mode 0755");
    }
    return {};
}

bool others_may_write(const fs::path &directory) {
    struct stat st {};
    return ::stat(directory.c_str(), &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

Result<void> make_private(const fs::path &directory, mode_t mode) {
    XB_TRY_VOID(make_directories(directory.parent_path()));
    XB_TRY_VOID(make_directories(directory, mode));
    const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat st {};
    if (fd && ::fstat(fd.get(), &st) == 0 && st.st_uid == ::geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        (void)::fchmod(fd.get(), mode);
    }
    return check_private(directory);
}

Result<void> check_shared(const fs::path &directory) {
    struct stat st {};
    if (::stat(directory.c_str(), &st) != 0) {
        return fail_errno("cannot look at " + directory.string());
    }
    if (!S_ISDIR(st.st_mode)) {
        return fail(ENOTDIR, directory.string() + " is no directory");
    }
    const bool only_root = st.st_uid == 0 || st.st_uid == ::geteuid();
    if (!only_root || ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0)) {
        return fail(EPERM, directory.string() + " belongs to uid " + std::to_string(st.st_uid) +
                               " or others may write in it: what xbond puts there would not be safe");
    }
    return {};
}

Result<std::string> read_own_file(const fs::path &path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat st {};
    if (!fd || ::fstat(fd.get(), &st) != 0) {
        return fail_errno("cannot open " + path.string());
    }
    if (!S_ISREG(st.st_mode) || st.st_uid != ::geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fail(EPERM, path.string() + ": no regular file, of uid " + std::to_string(st.st_uid) +
                               ", or others may write it: not read");
    }
    return read_file("/proc/self/fd/" + std::to_string(fd.get()));
}

Result<Fd> lock_file(const fs::path &path, const std::string &what) {
    XB_TRY_VOID(make_directories(path.parent_path()));
    XB_TRY_VOID(check_private(path.parent_path()));
    for (;;) {
        Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!fd) {
            return fail_errno("cannot open " + path.string());
        }
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
            return errno == EWOULDBLOCK ? is_held(fd, path, what) : fail_errno("cannot lock " + path.string());
        }
        struct stat held {};
        struct stat named {};
        ::fstat(fd.get(), &held);
        if (::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino) { // else its holder removed it meanwhile
            write_pid(fd);
            return fd;
        }
    }
}

} // namespace xbond::sys
