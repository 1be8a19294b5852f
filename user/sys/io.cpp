// SPDX-License-Identifier: MIT
#include "user/sys/io.h"

#include <array>
#include <fcntl.h>

#include "common/fd.h"

namespace xbond::sys {

Result<std::string> read_file(const std::string &path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) {
        return fail_errno("cannot open " + path);
    }
    std::string text;
    std::array<char, 4096> chunk;
    for (;;) {
        const ssize_t n = ::read(fd.get(), chunk.data(), chunk.size());
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_errno("cannot read " + path);
        }
        if (n == 0) {
            return text;
        }
        text.append(chunk.data(), static_cast<std::size_t>(n));
    }
}

} // namespace xbond::sys
