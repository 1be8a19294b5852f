// SPDX-License-Identifier: MIT
// xbond top on a real terminal: tmux's.
#include <catch2/catch.hpp>
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
