// SPDX-License-Identifier: MIT
#include "user/daemon/requests/control_server.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <nlohmann/json.hpp>

#include "loader/bpf_calls.h"
#include "user/sys/netns.h"

namespace xbond::daemon {
namespace {

constexpr std::size_t max_reading_bytes = 2 * 65535 + 4096; // of a request that may change nothing: a frame in hex
constexpr Ms telling_turn(1);                               // of the loop
constexpr Ms accept_pause(100);                             // while there are no descriptors, or too many to close
constexpr std::size_t max_closing = 256; // connections that have gone and hold descriptors of clients

} // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::listen(sys::EventLoop &loop, const std::filesystem::path &path,
                                                             Handler handler) {
    XB_TRY(listener, sys::listen_unix(path));
    std::unique_ptr<ControlServer> server(new ControlServer(loop, std::move(handler)));
    server->path_ = path;
    server->listener_ = std::move(*listener);
    server->accepting_ = loop.on_readable(
        server->listener_.get(), [s = server.get()] { s->on_connect(); }, "client");
    return server;
}

ControlServer::~ControlServer() {
    *self_ = nullptr;
    std::error_code ec;
    std::filesystem::remove(path_, ec);
}

bool ControlServer::may_write(const sys::Peer &peer) const {
    return peer.uid == 0 || (group_ && (peer.gid == *group_ || std::find(peer.groups.begin(), peer.groups.end(),
                                                                         *group_) != peer.groups.end()));
}

ControlServer::Connection *ControlServer::find(std::uint64_t id) {
    const auto found = std::ranges::find(connections_, id, &Connection::id);
    return found == connections_.end() || found->gone ? nullptr : &*found;
}

// The listener stays readable, so the loop would do nothing but ask it.
void ControlServer::accept_later() {
    accepting_ = {};
    pause_ = loop_.at(sys::now() + accept_pause, [this] {
        accepting_ = loop_.on_readable(
            listener_.get(), [this] { on_connect(); }, "client");
    });
}

void ControlServer::on_connect() {
    if (closer_.waiting() > max_closing) {
        accept_later();
        return;
    }
    auto fd = sys::accept_unix(listener_.get());
    if (!fd) {
        if (fd.error().code == EMFILE || fd.error().code == ENFILE || fd.error().code == ENOMEM) {
            (void)make_room(true); // an idle connection gives its descriptor, or there is one a little later
            accept_later();
        }
        return;
    }
    if (auto peer = sys::peer_of(fd->get())) {
        admit(std::move(*fd), std::move(*peer));
    }
}

void ControlServer::admit(Fd fd, sys::Peer peer) {
    const bool writer = may_write(peer);
    const auto taken = static_cast<std::size_t>(
        std::ranges::count_if(connections_, [](const Connection &c) { return !c.gone && !c.writer; }));
    const auto all =
        static_cast<std::size_t>(std::ranges::count_if(connections_, [](const Connection &c) { return !c.gone; }));
    const bool full = writer ? all >= max_connections + reserved : taken >= max_connections;
    if (full && !make_room(writer)) {
        turn_away(fd);
        close(std::move(fd));
        return;
    }
    auto &connection = connections_.emplace_back();
    connection.id = next_id_++;
    connection.fd = std::move(fd);
    connection.peer = std::move(peer);
    connection.writer = writer;
    if (writer) {
        sys::take_descriptors(connection.fd.get());
    }
    connection.last_used = sys::now();
    watch(connection);
}

// The oldest idle connection of the uid that has most goes. Those who may write give way to nobody but each other.
bool ControlServer::make_room(bool for_writer) {
    std::map<std::uint32_t, std::size_t> places;
    for (const auto &c : connections_) {
        places[c.peer.uid] += c.gone || (c.writer && !for_writer) ? 0 : 1;
    }
    Connection *victim = nullptr;
    const auto before = [&](const Connection &a, const Connection &b) {
        const auto of_a = places[a.peer.uid], of_b = places[b.peer.uid];
        return a.writer != b.writer ? !a.writer : of_a != of_b ? of_a > of_b : a.last_used < b.last_used;
    };
    for (auto &c : connections_) {
        if (c.idle() && (for_writer || !c.writer) && (victim == nullptr || before(c, *victim))) {
            victim = &c;
        }
    }
    if (victim == nullptr) {
        return false;
    }
    turn_away(victim->fd);
    drop(*victim);
    return true;
}

void ControlServer::turn_away(const Fd &fd) const {
    const auto line =
        api::encode_error({EUSERS, "too many connections to xbondd: this one gave way; close some and try again"});
    (void)!::send(fd.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

// Input is read only while there is nothing to do and nothing to fetch: a client's pace is its own affair.
void ControlServer::watch(Connection &connection) {
    const bool reads = !connection.working && !connection.has_output() && !connection.closing;
    const std::uint32_t events = (reads ? EPOLLIN : 0U) | (connection.has_output() ? EPOLLOUT : 0U);
    if (connection.io && connection.watched == events) {
        return;
    }
    connection.watched = events;
    connection.io = {}; // one registration a descriptor
    connection.io = loop_.on_io(
        connection.fd.get(), events, [this, &connection](std::uint32_t now) { on_io(connection, now); }, "client");
    if (!connection.io) {
        drop(connection);
    }
}

// What nobody has read may hold descriptors that the client passed, and they are closed with it: of a file that its own
// file system looks after, of hundreds of packet sockets. The loop does not wait for that.
void ControlServer::close(Fd fd) {
    (void)::shutdown(fd.get(), SHUT_RDWR);
    close_later(std::move(fd));
}

void ControlServer::close_later(Fd fd) {
    std::vector<Fd> one;
    one.push_back(std::move(fd));
    close_later(std::move(one));
}

void ControlServer::close_later(std::vector<Fd> descriptors) {
    closer_.run(
        [held = std::make_shared<std::vector<Fd>>(std::move(descriptors))]() -> sys::Worker::Then {
            held->clear();
            return {};
        },
        "close a client");
}

bool ControlServer::keep(Connection &connection, std::vector<Fd> beside) {
    if (beside.empty()) {
        return true;
    }
    if (beside.size() > 1 || connection.passed) {
        close_later(std::move(beside));
        return false;
    }
    connection.passed = std::move(beside.front());
    return true;
}

// Of a program, or of a network namespace: to close those does not wait for whoever passed them.
Result<void> ControlServer::check_passed(Connection &connection, const api::Request &request) {
    if (!connection.passed) {
        return {};
    }
    const auto wanted = api::beside(request);
    if ((wanted == api::Beside::program && loader::program_info(connection.passed.get())) ||
        (wanted == api::Beside::netns && sys::is_netns(connection.passed.get()))) {
        return {};
    }
    close_later(std::move(connection.passed));
    const char *const why = wanted == api::Beside::program ? ": the descriptor beside it is not that of a BPF program"
                            : wanted == api::Beside::netns
                                ? ": the descriptor beside it is not that of a network namespace"
                                : " takes no descriptor";
    return fail(EINVAL, std::string(api::command(request)) + why);
}

void ControlServer::drop(Connection &connection) {
    connection.io = {};
    close(std::move(connection.fd));
    if (connection.passed) {
        close_later(std::move(connection.passed));
    }
    connection.descriptors.clear();
    connection.gone = true;
    left(std::exchange(connection.bond, 0));
    loop_.post(
        [self = self_, id = connection.id] {
            if (*self != nullptr) {
                (*self)->connections_.remove_if([&](const Connection &c) { return c.id == id; });
            }
        },
        "client");
}

void ControlServer::on_io(Connection &connection, std::uint32_t events) {
    if ((events & EPOLLIN) != 0 && !read(connection)) {
        drop(connection);
        return;
    }
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) {
        drop(connection);
        return;
    }
    flush(connection);
}

bool ControlServer::read(Connection &connection) {
    char buffer[65536];
    std::vector<Fd> beside;
    const auto n = connection.writer ? sys::receive_with(connection.fd.get(), buffer, beside)
                                     : sys::receive_plain(connection.fd.get(), buffer);
    if (!keep(connection, std::move(beside))) {
        return false;
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        return false;
    }
    if (n > 0) {
        connection.in.append(buffer, static_cast<std::size_t>(n));
        connection.last_used = sys::now();
    }
    next_line(connection);
    return true;
}

// The next request waits for a turn of the loop of its own, so that timers and other sources come in between.
void ControlServer::next_line(Connection &connection) {
    if (connection.working || connection.closing) {
        return;
    }
    if (connection.in.find('\n') != std::string::npos) {
        connection.working = true;
        loop_.post(
            [self = self_, id = connection.id] {
                if (*self != nullptr) {
                    (*self)->queue(id);
                }
            },
            "request");
        return;
    }
    const std::size_t most = connection.writer ? api::max_request_bytes : max_reading_bytes;
    if (connection.in.size() > most) {
        connection.out += api::encode_error({EMSGSIZE, "request longer than " + std::to_string(most) + " bytes"});
        connection.closing = true;
        connection.in.clear();
    }
}

void ControlServer::queue(std::uint64_t id) {
    const auto *connection = find(id);
    if (connection == nullptr) {
        return;
    }
    if (connection->writer) {
        work_on(id, nullptr);
    } else if (reading_ < reading_at_once && waiting_.empty()) {
        work_on(id, std::make_shared<Place>(self_));
    } else {
        waiting_.push_back(id);
    }
}

void ControlServer::end_reading() {
    --reading_;
    while (reading_ < reading_at_once && !waiting_.empty()) {
        loop_.post(
            [self = self_, id = waiting_.front(), place = std::make_shared<Place>(self_)] {
                if (*self != nullptr) {
                    (*self)->work_on(id, place);
                }
            },
            "request");
        waiting_.pop_front();
    }
}

void ControlServer::work_on(std::uint64_t id, Placed place) {
    if (auto *connection = find(id)) {
        const auto end = connection->in.find('\n');
        const std::string line = connection->in.substr(0, end);
        connection->in.erase(0, end + 1);
        answer(*connection, line, std::move(place));
    }
}

void ControlServer::answer(Connection &connection, std::string_view line, Placed place) {
    const auto id = connection.id;
    const auto request = line.size() > max_reading_bytes && !connection.writer
                             ? fail(EMSGSIZE, "request longer than " + std::to_string(max_reading_bytes) + " bytes")
                             : api::parse_request(line);
    if (!request) {
        deliver(id, api::encode_error(request.error()));
    } else if ((api::is_write(*request) && !may_write(connection.peer)) ||
               (api::needs_root(*request) && connection.peer.uid != 0)) {
        deliver(id, api::encode_error(api::denied(connection.peer.uid)));
    } else if (const auto passed = check_passed(connection, *request); !passed) {
        deliver(id, api::encode_error(passed.error()));
    } else if (std::holds_alternative<api::Watch>(*request)) {
        connection.monitor = true;
        deliver(id, api::encode_ok(nlohmann::json::object()));
    } else if (const auto *open = std::get_if<api::StateOpen>(&*request); open != nullptr && open_) {
        open_(*open, connection.peer, [self = self_, id, place](Opened opened) mutable {
            place.reset();
            if (*self != nullptr) {
                (*self)->deliver_opened(id, std::move(opened));
            }
        });
    } else {
        handler_(*request, std::move(connection.passed), [self = self_, id, place](const std::string &reply) mutable {
            place.reset();
            if (*self != nullptr) {
                (*self)->deliver(id, reply);
            }
        });
    }
}

void ControlServer::deliver(std::uint64_t id, const std::string &reply) {
    auto *connection = find(id);
    if (connection == nullptr) {
        return;
    }
    connection->working = false;
    connection->last_used = sys::now();
    connection->out += reply;
    flush(*connection);
    limit_backlogs();
}

void ControlServer::deliver_opened(std::uint64_t id, Opened opened) {
    auto *connection = find(id);
    if (connection == nullptr) {
        left(opened.bond);
        return;
    }
    if (opened.bond != 0) {
        left(std::exchange(connection->bond, opened.bond));
    }
    std::ranges::move(opened.descriptors, std::back_inserter(connection->descriptors));
    deliver(id, opened.line);
}

bool ControlServer::has_listeners(std::uint32_t bond) const {
    return std::ranges::any_of(connections_, [&](const Connection &c) { return !c.gone && c.bond == bond; });
}

void ControlServer::left(std::uint32_t bond) {
    if (bond != 0 && left_ && !has_listeners(bond)) {
        left_(bond);
    }
}

// Who has not read the last line yet will find all news when it does.
void ControlServer::tell(std::uint32_t bond) {
    for (auto &connection : connections_) {
        if (!connection.gone && connection.bond == bond && !connection.has_output()) {
            connection.out += "{\"changed\":true}\n";
            flush(connection);
        }
    }
}

void ControlServer::end_listening(std::uint32_t bond) {
    for (auto &connection : connections_) {
        if (!connection.gone && connection.bond == bond) {
            connection.bond = 0;
            connection.out += "{\"gone\":true}\n";
            connection.closing = true;
            flush(connection);
        }
    }
}

void ControlServer::flush(Connection &connection) {
    while (connection.has_output()) {
        std::vector<int> beside;
        std::ranges::transform(connection.descriptors, std::back_inserter(beside), &Fd::get);
        const auto n =
            sys::send_with(connection.fd.get(), std::string_view(connection.out).substr(connection.sent), beside);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (n < 0) {
            drop(connection);
            return;
        }
        connection.descriptors.clear();
        connection.sent += static_cast<std::size_t>(n);
    }
    if (!connection.has_output()) {
        connection.out = {}; // a long reply's memory too
        connection.sent = 0;
        if (connection.closing) {
            drop(connection);
            return;
        }
        next_line(connection);
        if (connection.has_output()) { // the refusal of a long line
            flush(connection);
            return;
        }
    }
    watch(connection);
}

void ControlServer::broadcast(const std::string &line) {
    for (auto &connection : connections_) {
        if (!connection.monitor || connection.gone) {
            continue;
        }
        if (connection.backlog() + line.size() > max_monitor_backlog) {
            drop(connection);
            continue;
        }
        connection.out += line;
        connection.told = true;
    }
    limit_backlogs();
    if (!std::exchange(telling_, true)) {
        loop_.post(
            [self = self_] {
                if (*self != nullptr) {
                    (*self)->tell_monitors();
                }
            },
            "monitors");
    }
}

// Of those who may only read: who has most to fetch, and for longest, goes, unless nobody else has anything.
void ControlServer::limit_backlogs() {
    for (;;) {
        std::size_t all = 0;
        Connection *worst = nullptr;
        for (auto &connection : connections_) {
            if (connection.gone || connection.writer) {
                continue;
            }
            all += connection.backlog();
            const bool worse = worst == nullptr || connection.backlog() > worst->backlog() ||
                               (connection.backlog() == worst->backlog() && connection.last_used < worst->last_used);
            worst = worse ? &connection : worst;
        }
        if (all <= max_backlogs || all == worst->backlog()) {
            return;
        }
        drop(*worst);
    }
}

// As many as a turn has time for.
void ControlServer::tell_monitors() {
    const Time began = sys::now();
    for (auto &connection : connections_) {
        if (connection.gone || !std::exchange(connection.told, false)) {
            continue;
        }
        flush(connection);
        if (sys::now() - began > telling_turn) {
            loop_.post(
                [self = self_] {
                    if (*self != nullptr) {
                        (*self)->tell_monitors();
                    }
                },
                "monitors");
            return;
        }
    }
    telling_ = false;
}

} // namespace xbond::daemon
