// SPDX-License-Identifier: MIT
// Who may do what over the control socket (peer credentials), and that bad clients do not disturb others.
#include <array>
#include <bpf/bpf.h>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "loader/bpf_calls.h"
#include "tests/daemon/requests/control_lab.h"
#include "user/daemon/requests/control_server.h"

using namespace xbond;
using namespace xbond::daemon;
using namespace xbond::daemon::test;

namespace {

Fd some_program() {
    std::array<bpf_insn, 2> code{};
    code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    code[0].imm = XDP_PASS;
    code[1].code = BPF_JMP | BPF_EXIT;
    return Fd(bpf_prog_load(BPF_PROG_TYPE_XDP, "some", "GPL", code.data(), code.size(), nullptr));
}

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

TEST_CASE("control socket: xdp.attach gets the program beside it, no other request takes a descriptor") {
    if (::getuid() != 0) {
        WARN("SKIPPED: needs root");
        return;
    }
    Fixture f;
    const std::string attach = R"({"v":1,"cmd":"xdp.attach","name":"bond0","file":"/f.o"})"
                               "\n";
    const Fd program = some_program(), other(::memfd_create("beside", MFD_CLOEXEC));
    REQUIRE(program);
    CHECK(f.ask_as(0, 0, attach, {program.get()}) == 0);
    REQUIRE(f.passed);
    CHECK(loader::program_info(f.passed.get())->id == loader::program_info(program.get())->id);
    CHECK((::fcntl(f.passed.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(f.ask_as(0, 0, attach) == 0);
    CHECK_FALSE(f.passed);
    f.passed.reset();
    const int handled = f.handled;
    CHECK(f.ask_as(0, 0, attach, {other.get()}) == EINVAL);
    CHECK(f.ask_as(0, 0, write_request, {program.get()}) == EINVAL);
    CHECK(f.ask_as(0, 0, read_request, {program.get()}) == EINVAL);
    // Two are more than any request needs: the connection ends.
    CHECK(f.ask_as(0, 0, attach, {program.get(), program.get()}) != 0);
    CHECK(f.ask_as(65534, 65534, attach, {program.get()}) != 0);
    CHECK(f.ask_as(65534, 65534, read_request, {program.get()}) != 0);
    CHECK(f.handled == handled);
    CHECK_FALSE(f.passed);
}

TEST_CASE("control socket: no client leaves a descriptor behind in the daemon") {
    if (::getuid() != 0) {
        WARN("SKIPPED: needs root");
        return;
    }
    Fixture f;
    const auto descriptors = [&] {
        REQUIRE(f.server->drain(Ms(10000)));
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    };
    const Fd other(::memfd_create("beside", MFD_CLOEXEC));
    const std::vector<int> many(200, other.get());
    REQUIRE(f.ask_as(0, 0, read_request) == 0);
    const auto before = descriptors();
    for (const uid_t uid : {0U, 65534U}) {
        CHECK(f.ask_as(uid, uid, read_request, many) != 0);
        CHECK(f.ask_as(uid, uid, "no end of line", many) != 0);
        CHECK(f.ask_as(uid, uid, "{\n", {other.get()}) != 0);
    }
    CHECK(descriptors() == before);
}

TEST_CASE("control socket: garbage and endless lines are answered with an error") {
    Fixture f;
    CHECK(f.ask_as(0, 0, "\xff\xfe{\n") == EINVAL);
    CHECK(f.ask_as(0, 0, "\n") == EINVAL);
    CHECK(f.ask_as(0, 0, std::string(api::max_request_bytes + 100, 'x')) == EMSGSIZE);
    CHECK(f.handled == 0);
    CHECK(f.ask_as(0, 0, read_request) == 0);
}

namespace {

// A client in this process: what it does costs the server's loop nothing but what the loop does for it.
struct Client {
    Fd fd;
    explicit Client(const Fixture &f) : fd(*sys::connect_unix(f.dir / "control")) {}
    void send(const std::string &text) const { REQUIRE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) > 0); }
    std::string received() const { // what is there, without waiting
        std::string text(1 << 20, '\0');
        const auto n = ::recv(fd.get(), text.data(), text.size(), MSG_DONTWAIT);
        text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        return text;
    }
    bool closed() const {
        char c = 0;
        return ::recv(fd.get(), &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
    }
};

// Runs the loop until the condition holds; false after five seconds.
bool run_until(sys::EventLoop &loop, const std::function<bool()> &condition) {
    const auto end = sys::now() + std::chrono::seconds(5);
    bool met = false;
    auto timer = sys::EventLoop::Source();
    std::function<void()> look = [&] {
        met = condition();
        if (met || sys::now() > end) {
            loop.stop();
        } else {
            timer = loop.at(sys::now() + Ms(1), look);
        }
    };
    timer = loop.at(sys::now(), look);
    loop.run();
    return met;
}

} // namespace

TEST_CASE("control socket: timers run between the requests that a client sends in one go") {
    Fixture f;
    const Client client(f);
    std::string many;
    for (int i = 0; i < 500; ++i) {
        many += read_request;
    }
    client.send(many);
    int between = 0; // turns that a timer had while requests were waiting
    auto timer = sys::EventLoop::Source();
    std::function<void()> tick = [&] {
        between += f.handled > 0 && f.handled < 500 ? 1 : 0;
        timer = f.loop.at(sys::now(), tick);
    };
    timer = f.loop.at(sys::now(), tick);
    REQUIRE(run_until(f.loop, [&] {
        (void)client.received();
        return f.handled == 500;
    }));
    CHECK(between > 100);
}

TEST_CASE("control socket: a client that fetches no answers is asked for no more requests") {
    Fixture f;
    f.later = true;
    const Client lazy(f);
    lazy.send(read_request + read_request);
    REQUIRE(run_until(f.loop, [&] { return f.kept.size() == 1; }));
    f.kept[0](std::string(8 << 20, 'x') + "\n"); // more than a socket holds
    const Client other(f);
    other.send(read_request);
    REQUIRE(run_until(f.loop, [&] { return f.kept.size() == 2; })); // the other's
    std::size_t fetched = 0;
    REQUIRE(run_until(f.loop, [&] {
        fetched += lazy.received().size();
        return fetched == (8U << 20) + 1; // a reply of any size arrives
    }));
    CHECK(run_until(f.loop, [&] { return f.kept.size() == 3; })); // and then its second request is worked on
}

TEST_CASE("control socket: a reply to a client that has gone disturbs nobody") {
    Fixture f;
    f.later = true;
    auto gone = std::make_optional<Client>(f);
    gone->send(read_request);
    REQUIRE(run_until(f.loop, [&] { return f.kept.size() == 1; }));
    gone.reset();
    const Client other(f);
    other.send(read_request);
    REQUIRE(run_until(f.loop, [&] { return f.kept.size() == 2; }));
    f.kept[0]("late\n");
    f.kept[1]("here\n");
    std::string answer;
    CHECK(run_until(f.loop, [&] { return !(answer += other.received()).empty(); }));
    CHECK(answer == "here\n");
    f.server.reset();
    f.kept[1]("too late\n");
}

TEST_CASE("control socket: when all places are taken the oldest idle connection gives way, and is told") {
    Fixture f;
    std::vector<Client> clients;
    const std::size_t places = ControlServer::max_connections + ControlServer::reserved; // this process is root
    if (::getuid() != 0) {
        WARN("SKIPPED: needs root");
        return;
    }
    for (std::size_t i = 0; i < places; ++i) {
        clients.emplace_back(f);
        clients.back().send(read_request);
        REQUIRE(run_until(f.loop, [&] { return f.handled == static_cast<int>(i) + 1; }));
    }
    const Client one_more(f);
    one_more.send(read_request);
    REQUIRE(run_until(f.loop, [&] { return f.handled == static_cast<int>(places) + 1; }));
    const auto told = clients.front().received();
    CHECK(told.find("too many connections") != std::string::npos);
    CHECK(clients.front().closed());
    CHECK_FALSE(clients.back().closed());
}

TEST_CASE("control socket: idle connections of one user lock neither root nor another user out") {
    if (::getuid() != 0) {
        WARN("SKIPPED: needs root");
        return;
    }
    Fixture f;
    int ready[2];
    int hold[2];
    REQUIRE(::pipe(ready) == 0);
    REQUIRE(::pipe(hold) == 0);
    const pid_t greedy = f.fork();
    if (greedy == 0) { // takes every place that there is, and keeps them
        ::close(hold[1]);
        if (::setgroups(0, nullptr) != 0 || ::setresgid(65534, 65534, 65534) != 0 ||
            ::setresuid(65534, 65534, 65534) != 0) {
            ::_exit(1);
        }
        std::vector<Fd> taken;
        for (std::size_t i = 0; i < 2 * ControlServer::max_connections; ++i) {
            if (auto fd = sys::connect_unix(f.dir / "control")) {
                taken.push_back(std::move(*fd));
            }
        }
        (void)!::write(ready[1], "", 1);
        char c = 0;
        (void)!::read(hold[0], &c, 1);
        ::_exit(0);
    }
    ::close(hold[0]);
    pollfd p{ready[0], POLLIN, 0};
    REQUIRE(run_until(f.loop, [&] { return ::poll(&p, 1, 0) == 1; }));
    CHECK(f.ask_as(0, 0, write_request) == 0);
    CHECK(f.ask_as(65533, 65533, read_request) == 0);
    ::close(hold[1]);
    int status = 0;
    ::waitpid(greedy, &status, 0);
    CHECK(WEXITSTATUS(status) == 0);
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_CASE("control socket: a client that may only read sends no request longer than a frame in hex") {
    if (::getuid() != 0) {
        WARN("SKIPPED: needs root");
        return;
    }
    Fixture f;
    CHECK(f.ask_as(65534, 65534, std::string(300 << 10, 'x')) == EMSGSIZE);
    CHECK(f.handled == 0);
}
