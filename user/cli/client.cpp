// SPDX-License-Identifier: MIT
#include "user/cli/client.h"

#include <cstring>
#include <poll.h>
#include <sys/socket.h>

#include "user/sys/unix_socket.h"

namespace xbond::cli {

Result<Client> Client::connect(const std::filesystem::path &socket) {
    XB_TRY(fd, sys::connect_unix(socket));
    return Client(std::move(*fd));
}

Result<void> Client::wait_for(short events) const {
    pollfd p{fd_.get(), events, 0};
    const int timeout = patience_ ? static_cast<int>(patience_->count()) : -1;
    for (;;) {
        const int n = ::poll(&p, 1, timeout);
        if (n > 0) {
            return {};
        }
        if (n == 0) {
            return fail(ETIMEDOUT, "xbondd does not answer within " + std::to_string(timeout / 1000) +
                                       " s; it may be busy or stopped (--timeout SECONDS waits longer)");
        }
        if (errno != EINTR) {
            const int code = errno;
            return fail(code, std::string("cannot wait for xbondd: ") + std::strerror(code));
        }
    }
}

Result<void> Client::send(std::string_view line, int descriptor) {
    while (!line.empty()) {
        XB_TRY_VOID(wait_for(POLLOUT));
        const auto n = sys::send_with(fd_.get(), line, {&descriptor, descriptor < 0 ? 0U : 1U});
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            const int code = errno;
            return fail(code, std::string("cannot send to xbondd: ") + std::strerror(code));
        }
        if (n > 0) {
            line.remove_prefix(static_cast<std::size_t>(n));
            descriptor = -1; // beside the first byte
        }
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
        XB_TRY_VOID(wait_for(POLLIN));
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

bool Client::alive() const {
    pollfd p{fd_.get(), POLLIN, 0};
    return pending_.empty() && ::poll(&p, 1, 0) == 0;
}

} // namespace xbond::cli
