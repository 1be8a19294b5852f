// SPDX-License-Identifier: MIT
// A control socket in a loop of the test's own, and clients of any uid.
#pragma once

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <grp.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "user/daemon/requests/control_server.h"

namespace xbond::daemon::test {

inline const std::string read_request = R"({"v":1,"cmd":"status"})"
                                        "\n";
inline const std::string write_request = R"({"v":1,"cmd":"link.del","name":"bond0"})"
                                         "\n";

// Of this thread alone, as far as the kernel is concerned.
inline Fd connect_as(uid_t uid, const std::filesystem::path &socket) {
    REQUIRE(::syscall(SYS_setresuid, -1, uid, -1) == 0);
    auto fd = sys::connect_unix(socket);
    REQUIRE(::syscall(SYS_setresuid, -1, 0, -1) == 0);
    REQUIRE(fd);
    return std::move(*fd);
}

inline void send_line(const Fd &fd, const std::string &line) {
    REQUIRE(::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

inline bool is_readable(const Fd &fd) {
    pollfd one{fd.get(), POLLIN, 0};
    return ::poll(&one, 1, 0) == 1;
}

inline const std::string watch_request = R"({"v":1,"cmd":"monitor"})"
                                         "\n";

struct Fixture {
    std::filesystem::path dir;
    sys::EventLoop loop = *sys::EventLoop::create();
    std::unique_ptr<ControlServer> server;
    int handled = 0;
    bool later = false; // replies are kept instead of given
    std::vector<ControlServer::Reply> kept;
    Fd passed; // with the last request

    Fixture() {
        std::string name = (std::filesystem::temp_directory_path() / "xbond-control-XXXXXX").string();
        dir = ::mkdtemp(name.data());
        ::chmod(dir.c_str(), 0755);
        server = *ControlServer::listen(
            loop, dir / "control", [this](const api::Request &, Fd passed, const ControlServer::Reply &reply) {
                ++handled;
                this->passed = std::move(passed);
                later ? void(kept.push_back(reply)) : reply(api::encode_ok(nlohmann::json::object()));
            });
    }
    ~Fixture() {
        server.reset();
        std::filesystem::remove_all(dir);
    }

    void run_until(const std::function<bool()> &done) {
        const auto end = loop.at(sys::now() + Ms(10000), [&] { loop.stop(1); });
        const std::function<void()> look = [&] { done() ? loop.stop() : loop.post(look); };
        look();
        CHECK(loop.run() == 0);
    }

    // A child inherits the locks that other threads hold at that moment, the allocator's among them.
    pid_t fork() const {
        REQUIRE(server->drain(Ms(10000)));
        return ::fork();
    }

    // A child with the given identity sends `text`; its exit code is the errno of the reply, 0 for ok.
    int ask_as(uid_t uid, gid_t gid, const std::string &text, std::vector<int> beside = {}) {
        const pid_t child = fork();
        if (child == 0) {
            if (uid != 0 &&
                (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0)) {
                ::_exit(201);
            }
            auto fd = sys::connect_unix(dir / "control");
            if (!fd) {
                ::_exit(202);
            }
            const auto answer = [&]() -> int {
                std::string line;
                for (char c = 0; ::read(fd->get(), &c, 1) == 1 && c != '\n';) {
                    line += c;
                }
                auto reply = api::parse_reply(line);
                return reply ? 0 : reply.error().code;
            };
            if (!beside.empty()) { // descriptors are taken from those who have had an answer
                (void)sys::send_with(fd->get(),
                                     R"({"v":1})"
                                     "\n",
                                     {});
                (void)answer();
            }
            if (beside.empty()) {
                (void)!::write(fd->get(), text.data(), text.size());
            } else if (sys::send_with(fd->get(), text, beside) < 0) {
                ::_exit(203);
            }
            if (!beside.empty() && text.find('\n') == std::string::npos) {
                ::shutdown(fd->get(), SHUT_WR);
            }
            ::_exit(answer());
        }
        int status = -1;
        auto poll = sys::EventLoop::Source();
        std::function<void()> look = [&] {
            if (::waitpid(child, &status, WNOHANG) == child) {
                loop.stop();
                return;
            }
            poll = loop.at(sys::now() + Ms(1), look);
        };
        look();
        loop.run();
        return WEXITSTATUS(status);
    }
};

} // namespace xbond::daemon::test
