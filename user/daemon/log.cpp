// SPDX-License-Identifier: MIT
#include "user/daemon/log.h"

#include <csignal>
#include <cstdint>
#include <memory>
#include <mutex>
#include <poll.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace xbond::daemon {
namespace {

// A pipe that poll() calls writable takes this much at once (PIPE_BUF).
constexpr std::size_t longest_line = 4096;

class StderrSink : public spdlog::sinks::base_sink<std::mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg &message) override {
        spdlog::memory_buf_t text;
        formatter_->format(message, text);
        if (dropped_ > 0 &&
            write("xbondd: " + std::to_string(dropped_) + " lines dropped: the log's reader was slow\n")) {
            dropped_ = 0;
        }
        if (dropped_ > 0 || !write(std::string_view(text.data(), text.size()))) {
            ++dropped_;
        }
    }
    void flush_() override {}

private:
    static bool write(std::string_view line) {
        std::string cut;
        if (line.size() > longest_line) {
            cut = std::string(line.substr(0, longest_line - 1)) + "\n";
            line = cut;
        }
        pollfd p{STDERR_FILENO, POLLOUT, 0};
        if (::poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0) {
            return false;
        }
        // A socket (the journal's) may be writable and yet not take it all.
        auto n = ::send(STDERR_FILENO, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == ENOTSOCK) {
            n = ::write(STDERR_FILENO, line.data(), line.size());
        }
        return n > 0;
    }

    std::uint64_t dropped_ = 0;
};

} // namespace

void start_log() {
    std::signal(SIGPIPE, SIG_IGN);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("xbondd", std::make_shared<StderrSink>()));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
}

} // namespace xbond::daemon
