// SPDX-License-Identifier: MIT
#include "user/daemon/requests/control_server.h"

#include <algorithm>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace xbond::daemon {
namespace {

constexpr std::size_t max_connections = 64;
constexpr std::size_t max_backlog_bytes = 4U << 20; // a reader that far behind is cut off

} // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::listen(sys::EventLoop &loop, const std::filesystem::path &path,
                                                             Handler handler) {
    XB_TRY(listener, sys::listen_unix(path));
    std::unique_ptr<ControlServer> server(new ControlServer(loop, std::move(handler)));
    server->path_ = path;
    server->listener_ = std::move(*listener);
    server->accepting_ = loop.on_readable(server->listener_.get(), [s = server.get()] { s->on_connect(); });
    return server;
}

ControlServer::~ControlServer() {
    std::error_code ec;
    std::filesystem::remove(path_, ec);
}

void ControlServer::on_connect() {
    auto fd = sys::accept_unix(listener_.get());
    if (!fd) {
        return;
    }
    auto peer = sys::peer_of(fd->get());
    if (!peer || connections_.size() >= max_connections) {
        return;
    }
    auto &connection = connections_.emplace_back();
    connection.fd = std::move(*fd);
    connection.peer = std::move(*peer);
    watch(connection);
}

void ControlServer::watch(Connection &connection) {
    const std::uint32_t events = connection.out.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
    connection.io = {}; // one registration a descriptor
    connection.io =
        loop_.on_io(connection.fd.get(), events, [this, &connection](std::uint32_t now) { on_io(connection, now); });
}

void ControlServer::drop(Connection &connection) {
    connection.io = {};
    connection.fd.reset();
    loop_.post([this, &connection] { connections_.remove_if([&](const Connection &c) { return &c == &connection; }); });
}

void ControlServer::on_io(Connection &connection, std::uint32_t events) {
    if ((events & EPOLLIN) != 0 && !read_lines(connection)) {
        drop(connection);
        return;
    }
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) {
        drop(connection);
        return;
    }
    flush(connection);
}

bool ControlServer::read_lines(Connection &connection) {
    char buffer[65536];
    const auto n = ::recv(connection.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        return false;
    }
    if (n > 0) {
        connection.in.append(buffer, static_cast<std::size_t>(n));
    }
    std::size_t begin = 0;
    for (auto end = connection.in.find('\n'); end != std::string::npos; end = connection.in.find('\n', begin)) {
        connection.out += answer(connection, std::string_view(connection.in).substr(begin, end - begin));
        begin = end + 1;
    }
    connection.in.erase(0, begin);
    if (connection.in.size() > api::max_request_bytes) {
        connection.out +=
            api::encode_error({EMSGSIZE, "request longer than " + std::to_string(api::max_request_bytes) + " bytes"});
        connection.closing = true;
        connection.in.clear();
    }
    return true;
}

bool ControlServer::may_write(const sys::Peer &peer) const {
    return peer.uid == 0 || (group_ && (peer.gid == *group_ || std::find(peer.groups.begin(), peer.groups.end(),
                                                                         *group_) != peer.groups.end()));
}

std::string ControlServer::answer(Connection &connection, std::string_view line) {
    auto request = api::parse_request(line);
    if (!request) {
        return api::encode_error(request.error());
    }
    if (api::is_write(*request) && !may_write(connection.peer)) {
        return api::encode_error(api::denied(connection.peer.uid));
    }
    if (std::holds_alternative<api::Watch>(*request)) {
        connection.monitor = true;
        return api::encode_ok(nlohmann::json::object());
    }
    return handler_(*request);
}

void ControlServer::flush(Connection &connection) {
    while (!connection.out.empty()) {
        const auto n =
            ::send(connection.fd.get(), connection.out.data(), connection.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (n < 0) {
            drop(connection);
            return;
        }
        connection.out.erase(0, static_cast<std::size_t>(n));
    }
    if (connection.out.size() > max_backlog_bytes || (connection.out.empty() && connection.closing)) {
        drop(connection);
        return;
    }
    watch(connection);
}

void ControlServer::broadcast(const std::string &line) {
    for (auto &connection : connections_) {
        if (connection.monitor && connection.fd) {
            connection.out += line;
            flush(connection);
        }
    }
}

} // namespace xbond::daemon
