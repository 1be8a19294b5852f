// SPDX-License-Identifier: MIT
#include "user/cli/top.h"

#include <csignal>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "common/fd.h"
#include "user/show/top.h"
#include "user/sys/io.h"

namespace xbond::cli {

using nlohmann::ordered_json;

namespace {

show::Screen screen() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 && size.ws_row != 0
               ? show::Screen{size.ws_col, size.ws_row}
               : show::Screen{};
}

// The other screen of the terminal, keys as they are typed; all of it given back at the end.
class Terminal {
public:
    Terminal() {
        if (::tcgetattr(STDIN_FILENO, &before_) == 0) {
            termios keys = before_;
            keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
            keys_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
        }
        std::cout << "\033[?1049h\033[?25l" << std::flush;
    }
    Terminal(const Terminal &) = delete;
    Terminal &operator=(const Terminal &) = delete;
    ~Terminal() {
        std::cout << "\033[?25h\033[?1049l" << std::flush;
        if (keys_) {
            (void)::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
        }
    }
    static void draw(const std::string &text) {
        std::string out = "\033[H"; // from the top, each line to its end, what is below cleared: nothing flickers
        for (const char c : text) {
            out += c == '\n' ? "\033[K\r\n" : std::string(1, c);
        }
        std::cout << out << "\033[J" << std::flush;
    }

private:
    termios before_{};
    bool keys_ = false;
};

Result<Fd> signals() {
    sigset_t set{};
    ::sigemptyset(&set);
    for (const int one : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) {
        ::sigaddset(&set, one);
    }
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    Fd fd(::signalfd(-1, &set, SFD_CLOEXEC));
    return fd ? Result<Fd>(std::move(fd)) : sys::fail_errno("cannot wait for signals");
}

enum class Next : std::uint8_t { look, draw, end };

// For the rest of the interval, or until a key or a signal wants something.
Next wait(const Fd &signal_fd, std::chrono::milliseconds interval) {
    pollfd fds[2] = {{signal_fd.get(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (::poll(fds, 2, static_cast<int>(interval.count())) <= 0) {
        return Next::look;
    }
    if ((fds[0].revents & POLLIN) != 0) {
        signalfd_siginfo info{};
        const auto n = ::read(signal_fd.get(), &info, sizeof info);
        return n == sizeof info && info.ssi_signo == SIGWINCH ? Next::draw : Next::end;
    }
    char key = 0;
    const auto n = ::read(STDIN_FILENO, &key, 1);
    return n <= 0 || key == 'q' || key == 'Q' || key == '\033' ? Next::end : Next::look;
}

} // namespace

Result<void> top(std::chrono::milliseconds interval, const std::function<Result<ordered_json>()> &status) {
    XB_TRY(before, status());
    if (::isatty(STDOUT_FILENO) == 0) {
        (void)::poll(nullptr, 0, static_cast<int>(interval.count()));
        XB_TRY(now, status());
        std::cout << show::top_text(*before, *now, {200, 10'000});
        return {};
    }
    XB_TRY(signal_fd, signals());
    const Terminal terminal;
    ordered_json first = ordered_json::object(), last = *before;
    for (;;) {
        Terminal::draw(show::top_text(first, last, screen()));
        const auto next = wait(*signal_fd, interval);
        if (next == Next::end) {
            return {};
        }
        if (next == Next::look) {
            XB_TRY(now, status());
            first = std::move(last);
            last = std::move(*now);
        }
    }
}

} // namespace xbond::cli
