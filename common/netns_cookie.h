// SPDX-License-Identifier: MIT
// Which network namespace this is. The inode of one that has gone is given to the next at once; the cookie is unique
// for as long as the host runs.
#pragma once

#include <cstdint>
#include <sys/socket.h>

#include "common/fd.h"

namespace xbond {

// Of the calling thread. 0: this kernel (below 5.14) knows none.
inline std::uint64_t netns_cookie() {
#ifdef SO_NETNS_COOKIE
    constexpr int option = SO_NETNS_COOKIE;
#else
    constexpr int option = 71;
#endif
    const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    return socket && ::getsockopt(socket.get(), SOL_SOCKET, option, &cookie, &size) == 0 ? cookie : 0;
}

} // namespace xbond
