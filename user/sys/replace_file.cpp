// SPDX-License-Identifier: MIT
#include "user/sys/replace_file.h"

#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include "common/fd.h"
#include "user/sys/io.h"

namespace xbond::sys {
namespace {

Result<void> write_whole(const Fd &fd, std::string_view text, const std::string &name, Durable durable) {
    while (!text.empty()) {
        const auto n = ::write(fd.get(), text.data(), text.size());
        if (n < 0 && errno != EINTR) {
            return fail_errno("cannot write " + name);
        }
        text.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
    }
    if (durable == Durable::yes && ::fsync(fd.get()) != 0) {
        return fail_errno("cannot write " + name);
    }
    return {};
}

} // namespace

Result<void> replace_file(const std::filesystem::path &path, std::string_view text, Durable durable) {
    const std::string fresh = path.native() + ".new";
    Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) {
        return fail_errno("cannot write " + fresh);
    }
    auto done = write_whole(fd, text, fresh, durable);
    if (done && ::close(fd.release()) != 0) { // a full disk may be told of here
        done = fail_errno("cannot write " + fresh);
    }
    if (done && std::rename(fresh.c_str(), path.c_str()) != 0) {
        done = fail_errno("cannot replace " + path.native());
    }
    if (!done) {
        ::unlink(fresh.c_str());
    }
    return done;
}

} // namespace xbond::sys
