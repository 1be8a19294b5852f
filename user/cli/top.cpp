// SPDX-License-Identifier: MIT
#include "user/cli/top.h"

#include <csignal>
#include <cstring>
#include <initializer_list>
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

Result<Fd> signals(std::initializer_list<int> wanted) {
    sigset_t set{};
    ::sigemptyset(&set);
    for (const int one : wanted) {
        ::sigaddset(&set, one);
    }
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    Fd fd(::signalfd(-1, &set, SFD_CLOEXEC));
    return fd ? Result<Fd>(std::move(fd)) : sys::fail_errno("cannot wait for signals");
}

// Whether to look again: neither a signal nor the reader's end came in that time.
bool undisturbed(const Fd &signal_fd, std::chrono::milliseconds time) {
    pollfd fds[2] = {{signal_fd.get(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}}; // POLLERR: a pipe without a reader
    return ::poll(fds, 2, static_cast<int>(time.count())) == 0;
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
    XB_TRY(signal_fd, signals({SIGINT, SIGTERM, SIGHUP, SIGWINCH}));
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

Result<void> watch_status(std::chrono::milliseconds interval, const std::function<Result<ordered_json>()> &status,
                          const std::function<void(const ordered_json &)> &print) {
    // A write into a pipe without a reader is an error then, not the end by a signal.
    XB_TRY(signal_fd, signals({SIGINT, SIGTERM, SIGHUP, SIGPIPE}));
    XB_TRY(first, status());
    const bool clears = ::isatty(STDOUT_FILENO) == 1;
    Result<ordered_json> now(std::move(*first));
    do {
        if (now) {
            std::cout << (clears ? "\033[H\033[2J" : "");
            print(*now);
            std::cout << std::flush;
        } else if (now.error().code == ENODEV) {
            return tl::unexpected(now.error());
        } else {
            std::cerr << "xbond: no answer: " << now.error().message << "; trying again\n";
        }
        if (!std::cout || !undisturbed(*signal_fd, interval)) {
            return {};
        }
        now = status();
    } while (true);
}

} // namespace xbond::cli
