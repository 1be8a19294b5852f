// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <fstream>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "user/sys/unix_socket.h"

using namespace xbond;
using namespace xbond::sys;
namespace fs = std::filesystem;

namespace {

struct TempDir {
    TempDir() {
        char name[] = "/tmp/xb-sys-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~TempDir() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    TempDir(const TempDir &) = delete;
    TempDir &operator=(const TempDir &) = delete;
    fs::path path;
};

unsigned mode_of(const fs::path &path) {
    struct stat st {};
    REQUIRE(::stat(path.c_str(), &st) == 0);
    return st.st_mode & 07777;
}

} // namespace

TEST_CASE("unix socket: modes of the socket and of made directories do not hang on the umask") {
    const TempDir dir;
    const auto path = dir.path / "a/b/control";
    const mode_t before = ::umask(0077);
    const auto listener = listen_unix(path);
    ::umask(before);
    REQUIRE(listener);
    CHECK(mode_of(path) == 0666);
    CHECK(mode_of(dir.path / "a/b") == 0755);
    CHECK(mode_of(dir.path) == 0700);                                        // was there before
    CHECK(std::distance(fs::directory_iterator(dir.path / "a/b"), {}) == 1); // no lock file left
}

TEST_CASE("unix socket: accepting, and the peer's credentials") {
    const TempDir dir;
    const auto listener = listen_unix(dir.path / "control");
    REQUIRE(listener);
    CHECK(accept_unix(listener->get()).error().code == EAGAIN); // does not block

    const auto client = connect_unix(dir.path / "control");
    REQUIRE(client);
    const auto server = accept_unix(listener->get());
    REQUIRE(server);
    char byte;
    CHECK(::recv(server->get(), &byte, 1, 0) == -1);
    CHECK(errno == EAGAIN); // non-blocking

    const auto peer = peer_of(server->get());
    REQUIRE(peer);
    CHECK(peer->pid == ::getpid());
    CHECK(peer->uid == ::geteuid());
    CHECK(peer->gid == ::getegid());
    std::vector<gid_t> groups(static_cast<std::size_t>(::getgroups(0, nullptr)));
    REQUIRE(::getgroups(static_cast<int>(groups.size()), groups.data()) == static_cast<int>(groups.size()));
    CHECK(peer->groups == groups);
    CHECK(peer_of(-1).error().code == EBADF);
}

TEST_CASE("unix socket: another user's credentials and groups") {
    if (::geteuid() != 0) {
        std::puts("SKIPPED: needs root to become another user");
        return;
    }
    const TempDir dir;
    fs::permissions(dir.path, fs::perms(0755));
    const auto listener = listen_unix(dir.path / "control");
    REQUIRE(listener);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) { // dropped privileges: mode 0666 lets it in
        const gid_t groups[] = {4001, 4002, 4003};
        const bool dropped = ::setgroups(3, groups) == 0 && ::setgid(4000) == 0 && ::setuid(4000) == 0;
        const auto client = connect_unix(dir.path / "control");
        char byte;
        ::_exit(dropped && client && ::recv(client->get(), &byte, 1, 0) == 0 ? 0 : 1);
    }
    Result<Fd> server = accept_unix(listener->get());
    for (int i = 0; i < 1000 && !server; ++i) {
        ::usleep(5000);
        server = accept_unix(listener->get());
    }
    REQUIRE(server);
    const auto peer = peer_of(server->get());
    server->reset();
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    REQUIRE(peer);
    CHECK(peer->pid == child);
    CHECK(peer->uid == 4000);
    CHECK(peer->gid == 4000);
    CHECK(peer->groups == std::vector<gid_t>{4001, 4002, 4003});
}

TEST_CASE("unix socket: a live one is refused, a stale one replaced") {
    const TempDir dir;
    const auto path = dir.path / "control";
    auto first = listen_unix(path);
    REQUIRE(first);
    const auto second = listen_unix(path);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == EADDRINUSE);
    CHECK(second.error().message.find(path.string()) != std::string::npos);
    CHECK(connect_unix(path)); // the refused one has not touched it

    first->reset();
    CHECK(connect_unix(path).error().code == ECONNREFUSED);
    const auto third = listen_unix(path);
    REQUIRE(third);
    CHECK(connect_unix(path));
}

TEST_CASE("unix socket: a daemon too busy to accept is alive") {
    const TempDir dir;
    const auto path = dir.path / "control";
    const auto listener = listen_unix(path);
    REQUIRE(listener);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    std::vector<Fd> waiting; // until the backlog is full
    int refused = 0;
    while (refused == 0 && waiting.size() < 1000) {
        waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (::connect(waiting.back().get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) {
            refused = errno;
        }
    }
    REQUIRE(refused == EAGAIN);
    CHECK(listen_unix(path).error().code == EADDRINUSE);
    CHECK(fs::is_socket(path));
}

TEST_CASE("unix socket: a file that is no socket is left alone") {
    const TempDir dir;
    const auto path = dir.path / "precious";
    std::ofstream(path) << "data";
    CHECK(listen_unix(path).error().code == EADDRINUSE);
    CHECK(fs::file_size(path) == 4);
}

TEST_CASE("unix socket: bad paths say so") {
    CHECK(listen_unix("").error().code == ENAMETOOLONG);
    CHECK(listen_unix("/tmp/" + std::string(200, 'x')).error().code == ENAMETOOLONG);
    CHECK(connect_unix("/nonexistent/xbond").error().code == ENOENT);
    CHECK(listen_unix("/dev/null/control").error().code == ENOTDIR);
}

TEST_CASE("unix socket: descriptors that somebody passes are never taken in") {
    const TempDir dir;
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    const Fd here(pair[0]), there(pair[1]);
    char buffer[16];
    const int passed = 0;
    CHECK(receive_plain(here.get(), buffer) == -1);
    CHECK(errno == EAGAIN);
    REQUIRE(send_with(there.get(), "ab", {}) == 2);
    CHECK(receive_plain(here.get(), buffer) == 2);
    CHECK(std::string_view(buffer, 2) == "ab");
    REQUIRE(send_with(there.get(), "c", std::span(&passed, 1)) == 1);
    CHECK(receive_plain(here.get(), buffer) == -1);
    CHECK(errno == EBADMSG);

    // Where the kernel can it refuses them to the sender, of a listener's connections from the first byte on.
    const auto listener = listen_unix(dir.path / "control");
    REQUIRE(listener);
    const auto client = connect_unix(dir.path / "control");
    REQUIRE(client);
    const auto sent = send_with(client->get(), "d", std::span(&passed, 1));
    const auto accepted = accept_unix(listener->get());
    REQUIRE(accepted);
    if (sent == 1) { // before 6.16
        CHECK(receive_plain(accepted->get(), buffer) == -1);
        CHECK(errno == EBADMSG);
    } else {
        CHECK(receive_plain(accepted->get(), buffer) == -1);
        CHECK(errno == EAGAIN);
    }
}
