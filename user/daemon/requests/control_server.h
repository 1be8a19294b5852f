// SPDX-License-Identifier: MIT
// The control socket: connections, lines, permissions, monitor subscribers. What a request does is the handler's.
//
// Anybody may connect, so nobody may cost the others much: one request of a connection is worked on in a turn of the
// loop; nothing is read from a connection that has an answer to fetch; places are shared by uid, and some are kept for
// those who may write; requests of the others are in work two at a time, so that root's is never behind many.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"
#include "user/api/protocol.h"
#include "user/sys/event_loop.h"
#include "user/sys/unix_socket.h"
#include "user/sys/worker.h"
#include "xbond/result.h"

namespace xbond::daemon {

class ControlServer {
public:
    // Gives the reply line to a request, now or later, exactly once. It may be called after the connection has gone.
    using Reply = std::function<void(std::string)>;
    // Monitor requests never reach it, nor does state.open. `passed`: the program that came beside xdp.attach.
    using Handler = std::function<void(const api::Request &, Fd passed, Reply)>;
    // What state.open gives: a reply, descriptors beside it, and of which bond the connection hears news from then on
    // (0: none).
    struct Opened {
        std::string line;
        std::vector<Fd> descriptors;
        std::uint32_t bond = 0;
    };
    using Open = std::function<void(const api::StateOpen &, const sys::Peer &, std::function<void(Opened)>)>;

    static constexpr std::size_t max_connections = 64;           // of those who may only read
    static constexpr std::size_t reserved = 16;                  // more, for root and the group
    static constexpr std::size_t reading_at_once = 2;            // requests in work, of those who may only read
    static constexpr std::size_t max_monitor_backlog = 4U << 20; // bytes that a monitor has not fetched
    static constexpr std::size_t max_backlogs = 32U << 20;       // that all who may only read have not

    static Result<std::unique_ptr<ControlServer>> listen(sys::EventLoop &, const std::filesystem::path &, Handler);
    ~ControlServer();

    void set_open(Open open) { open_ = std::move(open); }
    void set_left(std::function<void(std::uint32_t bond)> left) { left_ = std::move(left); } // the last listener of one
    void tell(std::uint32_t bond);          // its listeners: something has changed
    void end_listening(std::uint32_t bond); // it has gone
    bool has_listeners(std::uint32_t bond) const;

    // Waits until connections that have gone are closed. The loop's thread does not wait for that.
    bool drain(Ms patience) { return closer_.drain(patience); }
    void set_group(std::optional<gid_t> group) { group_ = group; } // may write, besides root
    // To monitors, in turns that come later: whoever tells has others to serve. Slow readers are cut off.
    void broadcast(const std::string &line);

private:
    struct Connection {
        std::uint64_t id = 0;
        Fd fd;
        sys::Peer peer;
        bool writer = false;
        std::string in;
        Fd passed; // beside what is in `in`: the one that xdp.attach needs, from those who may write
        std::string out;
        std::size_t sent = 0; // of `out`
        Time last_used{};
        bool monitor = false;
        std::uint32_t bond = 0;      // whose news it hears
        std::vector<Fd> descriptors; // that go with the first byte of `out`
        bool working = false;        // a request waits for its turn, or for its reply
        bool closing = false;        // after `out` is written
        bool gone = false;
        bool told = false;         // something that has not been tried to be sent
        std::uint32_t watched = 0; // epoll's events
        sys::EventLoop::Source io;

        std::size_t backlog() const { return out.size() - sent; }
        bool has_output() const { return backlog() > 0; }
        bool idle() const { return !working && !has_output() && !gone; }
    };

    // A request in work of somebody who may only read. With the last copy the next in line comes.
    class Place {
    public:
        explicit Place(std::shared_ptr<ControlServer *> server) : server_(std::move(server)) { ++(*server_)->reading_; }
        Place(const Place &) = delete;
        Place &operator=(const Place &) = delete;
        ~Place() {
            if (*server_ != nullptr) {
                (*server_)->end_reading();
            }
        }

    private:
        std::shared_ptr<ControlServer *> server_;
    };
    using Placed = std::shared_ptr<Place>; // none: of somebody who may write

    ControlServer(sys::EventLoop &loop, Handler handler) : loop_(loop), handler_(std::move(handler)), closer_(loop) {}
    void accept_later();
    void on_connect();
    void close(Fd);
    void close_later(Fd);
    void close_later(std::vector<Fd>);
    bool keep(Connection &, std::vector<Fd> beside); // false: more than any request needs
    Result<void> check_passed(Connection &, const api::Request &);
    void admit(Fd, sys::Peer);
    bool make_room(bool for_writer);
    void turn_away(const Fd &) const;
    void on_io(Connection &, std::uint32_t events);
    bool read(Connection &); // false: the connection is over
    void next_line(Connection &);
    void queue(std::uint64_t id);
    void work_on(std::uint64_t id, Placed);
    void end_reading();
    void answer(Connection &, std::string_view line, Placed);
    void deliver(std::uint64_t id, const std::string &reply);
    void deliver_opened(std::uint64_t id, Opened);
    void left(std::uint32_t bond);
    void flush(Connection &);
    void tell_monitors();
    void limit_backlogs();
    void watch(Connection &);
    void drop(Connection &);
    Connection *find(std::uint64_t id);
    bool may_write(const sys::Peer &) const;

    sys::EventLoop &loop_;
    Handler handler_;
    Open open_;
    std::function<void(std::uint32_t)> left_;
    std::filesystem::path path_;
    Fd listener_;
    sys::EventLoop::Source accepting_;
    sys::EventLoop::Source pause_; // while accepting makes no sense
    std::list<Connection> connections_;
    std::uint64_t next_id_ = 1;
    std::optional<gid_t> group_;
    std::size_t reading_ = 0;
    std::deque<std::uint64_t> waiting_; // for that to be less
    bool telling_ = false;              // monitors, in a turn to come
    // Callbacks that outlive the server see that it has gone.
    std::shared_ptr<ControlServer *> self_ = std::make_shared<ControlServer *>(this);
    sys::Worker closer_; // of connections
};

} // namespace xbond::daemon
