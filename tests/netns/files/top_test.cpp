// SPDX-License-Identifier: MIT
// What is shown over and over: xbond top on a real terminal, tmux's; xbond status --watch.
#include <catch2/catch.hpp>
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/harness/wait.h"
#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

class Terminal { // a tmux server of its own
public:
    Terminal(const Lab &lab, const std::filesystem::path &directory, const std::string &command)
        : ns_(lab.ns()), socket_(directory / "tmux") {
        tmux({"-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", command});
    }
    Terminal(const Terminal &) = delete;
    Terminal &operator=(const Terminal &) = delete;
    ~Terminal() { tmux({"kill-server"}); }
    CommandResult tmux(const Argv &arguments) const {
        Argv argv{"env", "TERM=xterm", "tmux", "-S", socket_};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        return ns_.run(argv);
    }
    std::string screen() const { return tmux({"capture-pane", "-p"}).out; }
    bool shows(const std::string &text) const {
        return wait_until([&] { return screen().find(text) != std::string::npos; }, 10s, 50ms);
    }

private:
    const NetNs &ns_;
    std::filesystem::path socket_;
};

} // namespace

TEST_CASE("top: in a window of 80x24, resized to 200x60, with a link that is lost; q ends it") {
    if (!run({"sh", "-c", "command -v tmux"}).ok()) {
        std::cout << "SKIPPED: tmux is not installed\n";
        return;
    }
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode active-backup miimon 50");
    const std::string command =
        program("xbond") + " --socket " + lab.daemon().socket().string() + " top; echo ended $?; exec cat";
    const Terminal terminal(lab, lab.daemon().dir(), command);
    REQUIRE(terminal.shows("1 bonds, 2 slaves, 0 not up"));
    CHECK(terminal.shows("  e0*  active"));
    lab.network().cut("s0");
    CHECK(terminal.shows("2 slaves, 1 not up"));
    CHECK(terminal.shows("  e1*  active"));
    CHECK(terminal.shows("carrier lost"));
    terminal.tmux({"resize-window", "-x", "200", "-y", "60"});
    CHECK(terminal.shows("active e1"));
    terminal.tmux({"send-keys", "q"});
    CHECK(terminal.shows("ended 0"));
    CHECK(terminal.screen().find("BOND") == std::string::npos); // the screen is as it was
}

TEST_CASE("top: without a terminal one picture with rates is printed") {
    Lab lab(Kind::bridge, 1);
    lab.make_bond("mode balance-rr");
    const auto out = lab.cli().ok("top");
    CHECK(out.find("\nbond0  balance-rr  up ") != std::string::npos);
    CHECK(out.find("\n  e0") != std::string::npos);
    CHECK(out.find('\033') == std::string::npos);
    CHECK(lab.cli()("top nothere").exit_code == 1);
}

TEST_CASE("status --watch: a picture an interval, over a controller's restart, until it is interrupted") {
    Lab lab(Kind::bridge, 1);
    lab.make_bond("mode active-backup miimon 50");
    const Argv argv{program("xbond"), "--socket", lab.daemon().socket().string(), "status", "--watch", "1", "bond0"};
    Process watch(argv, lab.ns().fd());
    const auto pictures = [&] {
        const auto out = watch.out();
        std::size_t found = 0;
        for (std::size_t at = 0; (at = out.find("bond0: active-backup, up", at)) != std::string::npos; ++at) {
            ++found;
        }
        return found;
    };
    CHECK(wait_until([&] { return pictures() >= 2; }, 10s));
    lab.daemon().stop();
    CHECK(wait_until([&] { return watch.err().find("trying again") != std::string::npos; }, 10s));
    lab.daemon().start();
    const auto before = pictures();
    CHECK(wait_until([&] { return pictures() > before; }, 10s));
    CHECK(watch.out().find('\033') == std::string::npos);
    watch.signal(SIGINT);
    CHECK(watch.wait(5s) == 0);
}

TEST_CASE("status --watch: ends when nobody reads any more, and with its bond") {
    Lab lab(Kind::bridge, 1);
    lab.make_bond("mode active-backup miimon 50");
    const auto xbond = program("xbond") + " --socket " + lab.daemon().socket().string() + " status --watch 1";
    const auto piped = lab.ns().run({"bash", "-c", "(" + xbond + " -j; echo ended $? >&2) | head -n 1"});
    CHECK(piped.out.starts_with("{\"version\":1,"));
    CHECK(piped.err == "ended 0\n");
    Process watch(split(xbond + " bond0"), lab.ns().fd());
    CHECK(wait_until([&] { return !watch.out().empty(); }, 10s));
    lab.cli().ok("link del bond0");
    CHECK(watch.wait(10s) == 1);
    CHECK(lab.cli()("status --watch 1 nothere").exit_code == 1);
}
