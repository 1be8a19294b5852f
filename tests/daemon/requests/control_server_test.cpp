// SPDX-License-Identifier: MIT
// Who may do what over the control socket (peer credentials), and that bad clients do not disturb others.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "user/daemon/requests/control_server.h"

using namespace xbond;
using namespace xbond::daemon;

namespace {

const std::string read_request = R"({"v":1,"cmd":"status"})"
                                 "\n";
const std::string write_request = R"({"v":1,"cmd":"link.del","name":"bond0"})"
                                  "\n";

struct Fixture {
    std::filesystem::path dir;
    sys::EventLoop loop = *sys::EventLoop::create();
    std::unique_ptr<ControlServer> server;
    int handled = 0;

    Fixture() {
        std::string name = (std::filesystem::temp_directory_path() / "xbond-control-XXXXXX").string();
        dir = ::mkdtemp(name.data());
        ::chmod(dir.c_str(), 0755);
        server = *ControlServer::listen(loop, dir / "control", [this](const api::Request &) {
            ++handled;
            return api::encode_ok(nlohmann::json::object());
        });
    }
    ~Fixture() {
        server.reset();
        std::filesystem::remove_all(dir);
    }

    // A child with the given identity sends `text`; its exit code is the errno of the reply, 0 for ok.
    int ask_as(uid_t uid, gid_t gid, const std::string &text) {
        const pid_t child = ::fork();
        if (child == 0) {
            if (uid != 0 &&
                (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0)) {
                ::_exit(201);
            }
            auto fd = sys::connect_unix(dir / "control");
            if (!fd) {
                ::_exit(202);
            }
            (void)!::write(fd->get(), text.data(), text.size());
            std::string line;
            for (char c = 0; ::read(fd->get(), &c, 1) == 1 && c != '\n';) {
                line += c;
            }
            auto reply = api::parse_reply(line);
            ::_exit(reply ? 0 : reply.error().code);
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

} // namespace

TEST_CASE("control socket: root writes, others only read, the group writes") {
    if (::getuid() != 0) {
        WARN("SKIPPED: needs root");
        return;
    }
    Fixture f;
    CHECK(f.ask_as(0, 0, read_request) == 0);
    CHECK(f.ask_as(0, 0, write_request) == 0);
    CHECK(f.ask_as(65534, 65534, read_request) == 0);
    CHECK(f.handled == 3);
    CHECK(f.ask_as(65534, 65534, write_request) == EPERM);
    CHECK(f.handled == 3);
    f.server->set_group(65534);
    CHECK(f.ask_as(65534, 65534, write_request) == 0);
    CHECK(f.ask_as(65533, 65533, write_request) == EPERM);
}

TEST_CASE("control socket: garbage and endless lines are answered with an error") {
    Fixture f;
    CHECK(f.ask_as(0, 0, "\xff\xfe{\n") == EINVAL);
    CHECK(f.ask_as(0, 0, "\n") == EINVAL);
    CHECK(f.ask_as(0, 0, std::string(api::max_request_bytes + 100, 'x')) == EMSGSIZE);
    CHECK(f.handled == 0);
    CHECK(f.ask_as(0, 0, read_request) == 0);
}
