// SPDX-License-Identifier: MIT
#include "user/cli/client.h"

#include <cstring>
#include <sys/socket.h>

#include "user/sys/unix_socket.h"

namespace xbond::cli {

Result<Client> Client::connect(const std::filesystem::path &socket) {
    XB_TRY(fd, sys::connect_unix(socket));
    return Client(std::move(*fd));
}

Result<void> Client::send(std::string_view line) {
    while (!line.empty()) {
        const auto n = ::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            const int code = errno;
            return fail(code, std::string("cannot send to xbondd: ") + std::strerror(code));
        }
        line.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
    }
    return {};
}

Result<std::string> Client::receive() {
    for (;;) {
        if (const auto end = pending_.find('\n'); end != std::string::npos) {
            std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            return line;
        }
        char buffer[65536];
        const auto n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
        if (n == 0) {
            return fail(EPIPE, "xbondd closed the connection");
        }
        if (n < 0 && errno != EINTR) {
            const int code = errno;
            return fail(code, std::string("cannot read from xbondd: ") + std::strerror(code));
        }
        pending_.append(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
    }
}

} // namespace xbond::cli
