// SPDX-License-Identifier: MIT
#include "user/cli/root_files.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <memory>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/sys/io.h"

namespace xbond::cli {

namespace {
constexpr std::size_t max_bytes = 1U << 20;
}

Result<RootFiles> RootFiles::open(const std::string &root) {
    Fd fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return fd ? Result<RootFiles>(RootFiles(std::move(fd))) : sys::fail_errno("cannot open " + root);
}

Fd RootFiles::open_below(const std::string &path, int flags) const {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return Fd(static_cast<int>(::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how)));
}

import::Files::Kind RootFiles::kind(const std::string &path) const {const auto slash = path.rfind('/');
const Fd parent = open_below(slash == std::string::npos ? "." : path.substr(0, slash), O_PATH | O_DIRECTORY);
const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
std::array<char, 64> target{};
if (parent && !name.empty()) {
    const auto n = ::readlinkat(parent.get(), name.c_str(), target.data(), target.size());
    if (n > 0 && std::string_view(target.data(), static_cast<std::size_t>(n)) == "/dev/null") {
        return Kind::masked;
    }
}
const Fd fd = open_below(path, O_PATH);
struct stat st {};
if (!fd) {
    return errno == ENOENT || errno == ENOTDIR ? Kind::missing : Kind::other;
}
if (::fstat(fd.get(), &st) != 0) {
    return Kind::other;
}
return S_ISREG(st.st_mode) ? Kind::file : S_ISDIR(st.st_mode) ? Kind::directory : Kind::other;
} // namespace xbond::cli

Result<std::string> RootFiles::read(const std::string &path) const {
    const Fd fd = open_below(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat st {};
    if (!fd || ::fstat(fd.get(), &st) != 0) {
        return sys::fail_errno("cannot read");
    }
    if (!S_ISREG(st.st_mode)) {
        return fail(EINVAL, "is no file");
    }
    std::string out;
    std::array<char, 65536> buffer;
    for (;;) {
        const auto n = ::read(fd.get(), buffer.data(), buffer.size());
        if (n < 0 && errno != EINTR) {
            return sys::fail_errno("cannot read");
        }
        if (n == 0) {
            return out;
        }
        out.append(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
        if (out.size() > max_bytes) {
            return fail(EFBIG, "is larger than a MiB");
        }
    }
}

std::vector<std::string> RootFiles::list(const std::string &directory) const {
    std::vector<std::string> out;
    Fd fd = open_below(directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
    if (!fd) {
        return out;
    }
    const std::unique_ptr<DIR, int (*)(DIR *)> dir(::fdopendir(fd.get()), ::closedir);
    if (!dir) {
        return out;
    }
    (void)fd.release();
    while (const auto *entry = ::readdir(dir.get())) {
        if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) {
            out.emplace_back(entry->d_name);
        }
    }
    std::ranges::sort(out);
    return out;
}

} // namespace xbond::cli
