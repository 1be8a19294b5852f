// SPDX-License-Identifier: MIT
#include "user/cli/metrics.h"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <list>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <vector>

#include "common/fd.h"
#include "user/core/options/text.h"
#include "user/sys/io.h"
#include "user/sys/unix_socket.h"

namespace xbond::cli {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t most_connections = 32, most_request = 8192;
constexpr auto patience = 10s; // for a request, and for its answer to be fetched
constexpr std::string_view unix_prefix = "unix:";

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

Result<Address> parse_address(const std::string &where) {
    const auto wrong = [&](const char *why) {
        return fail(EINVAL, "--listen " + where + ": " + why + "; expected 127.0.0.1:PORT, [::1]:PORT or unix:PATH");
    };
    const auto colon = where.rfind(':');
    if (colon == std::string::npos) {
        return wrong("there is no port");
    }
    const auto port = core::plain_number(where.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) {
        return wrong("a port is 1..65535");
    }
    std::string host = where.substr(0, colon);
    Address out;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        auto &v6 = reinterpret_cast<sockaddr_in6 &>(out.storage);
        if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6.sin6_addr) != 1 ||
            !IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)) {
            return wrong("no address of the loopback interface");
        }
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(static_cast<std::uint16_t>(*port));
        out.size = sizeof v6;
        return out;
    }
    auto &v4 = reinterpret_cast<sockaddr_in &>(out.storage);
    if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1 || ntohl(v4.sin_addr.s_addr) >> 24 != 127) {
        return wrong("no address of the loopback interface");
    }
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(*port));
    out.size = sizeof v4;
    return out;
}

Result<Fd> listen_at(const std::string &where) {
    if (where.starts_with(unix_prefix)) {
        return sys::listen_unix(where.substr(unix_prefix.size()));
    }
    XB_TRY(address, parse_address(where));
    Fd fd(::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(fd.get(), reinterpret_cast<const sockaddr *>(&address->storage), address->size) != 0 ||
        ::listen(fd.get(), 16) != 0) {
        return sys::fail_errno("cannot listen on " + where);
    }
    return fd;
}

std::string response(std::string_view status, std::string_view type, const std::string &body) {
    return "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + std::string(type) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

std::string answer(std::string_view request, const std::function<Result<std::string>()> &page) {
    const auto line = request.substr(0, request.find("\r\n"));
    constexpr std::string_view get = "GET ", plain = "text/plain; charset=utf-8";
    if (!line.starts_with(get)) {
        return response("405 Method Not Allowed", plain, "GET only\n");
    }
    const auto path = line.substr(get.size(), line.find_first_of(" ?", get.size()) - get.size());
    if (path == "/") {
        return response("200 OK", "text/html; charset=utf-8", "<a href=\"/metrics\">xbond's metrics</a>\n");
    }
    if (path != "/metrics") {
        return response("404 Not Found", plain, "/metrics\n");
    }
    const auto text = page();
    return text ? response("200 OK", "text/plain; version=0.0.4; charset=utf-8", *text)
                : response("503 Service Unavailable", plain, text.error().message + "\n");
}

struct Connection {
    Fd fd;
    std::string in, out;
    std::size_t sent = 0;
    Clock::time_point until;
};

// Whether it is to be kept.
bool work_on(Connection &connection, const std::function<Result<std::string>()> &page) {
    if (connection.out.empty()) {
        char buffer[4096];
        const auto n = ::recv(connection.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (n <= 0) {
            return n < 0 && (errno == EAGAIN || errno == EINTR);
        }
        connection.in.append(buffer, static_cast<std::size_t>(n));
        if (connection.in.find("\r\n\r\n") == std::string::npos && connection.in.find("\n\n") == std::string::npos) {
            return connection.in.size() <= most_request;
        }
        connection.out = answer(connection.in, page);
        connection.until = Clock::now() + patience;
    }
    const auto n = ::send(connection.fd.get(), connection.out.data() + connection.sent,
                          connection.out.size() - connection.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    connection.sent += static_cast<std::size_t>(n);
    return connection.sent < connection.out.size();
}

} // namespace

Result<void> check_listen(const std::string &where) {
    if (where.starts_with(unix_prefix)) {
        return where.size() > unix_prefix.size() ? Result<void>() : fail(EINVAL, "--listen unix:PATH needs a path");
    }
    XB_TRY_VOID(parse_address(where));
    return {};
}

Result<void> serve_metrics(const std::string &where, const std::function<Result<std::string>()> &page) {
    XB_TRY(listener, listen_at(where));
    std::list<Connection> connections;
    for (;;) {
        const bool room = connections.size() < most_connections;
        std::vector<pollfd> polled{{listener->get(), static_cast<short>(room ? POLLIN : 0), 0}};
        for (const auto &c : connections) {
            polled.push_back({c.fd.get(), static_cast<short>(c.out.empty() ? POLLIN : POLLOUT), 0});
        }
        if (::poll(polled.data(), polled.size(), connections.empty() ? -1 : 1000) < 0 && errno != EINTR) {
            return sys::fail_errno("cannot wait for connections");
        }
        std::size_t i = 1;
        std::erase_if(connections, [&](Connection &c) {
            const bool ready = polled[i++].revents != 0; // byte by byte is no way to keep a place
            return Clock::now() > c.until || (ready && !work_on(c, page));
        });
        if ((polled[0].revents & POLLIN) != 0) {
            if (auto fd = sys::accept_unix(listener->get())) {
                connections.push_back({std::move(*fd), {}, {}, 0, Clock::now() + patience});
            }
        }
    }
}

} // namespace xbond::cli
