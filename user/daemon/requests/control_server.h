// SPDX-License-Identifier: MIT
// The control socket: connections, lines, permissions, monitor subscribers. What a request does is the handler's.
#pragma once

#include <filesystem>
#include <functional>
#include <list>
#include <optional>
#include <string>

#include "common/fd.h"
#include "user/api/protocol.h"
#include "user/sys/event_loop.h"
#include "user/sys/unix_socket.h"
#include "xbond/result.h"

namespace xbond::daemon {

class ControlServer {
public:
    // Returns the reply line. Monitor requests never reach it.
    using Handler = std::function<std::string(const api::Request &)>;

    static Result<std::unique_ptr<ControlServer>> listen(sys::EventLoop &, const std::filesystem::path &, Handler);
    ~ControlServer();

    void set_group(std::optional<gid_t> group) { group_ = group; } // may write, besides root
    void broadcast(const std::string &line);                       // to monitors; slow readers are cut off

private:
    struct Connection {
        Fd fd;
        sys::Peer peer;
        std::string in, out;
        bool monitor = false;
        bool closing = false; // after `out` is written
        sys::EventLoop::Source io;
    };

    ControlServer(sys::EventLoop &loop, Handler handler) : loop_(loop), handler_(std::move(handler)) {}
    void on_connect();
    void on_io(Connection &, std::uint32_t events);
    bool read_lines(Connection &); // false: the connection is over
    std::string answer(Connection &, std::string_view line);
    void flush(Connection &);
    void watch(Connection &);
    void drop(Connection &);
    bool may_write(const sys::Peer &) const;

    sys::EventLoop &loop_;
    Handler handler_;
    std::filesystem::path path_;
    Fd listener_;
    sys::EventLoop::Source accepting_;
    std::list<Connection> connections_;
    std::optional<gid_t> group_;
};

} // namespace xbond::daemon
