// SPDX-License-Identifier: MIT
#include "tests/harness/daemon.h"

#include "tests/harness/wait.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <system_error>

namespace xbond::harness {

std::string program(const std::string &name) { return std::string(XBOND_BIN_DIR "/") + name; }

CommandResult Cli::run(const Argv &arguments, const std::string &input) const {
    Argv argv{program("xbond"), "--socket", socket_};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return ns_.run(argv, input);
}

std::string Cli::ok(const std::string &words) const {
    auto result = (*this)(words);
    if (!result.ok()) {
        throw std::runtime_error("xbond " + words + ": exit " + std::to_string(result.exit_code) + ": " + result.err);
    }
    return result.out;
}

nlohmann::json Cli::json(const std::string &words) const { return nlohmann::json::parse(ok("-j " + words)); }

Daemon::Daemon(const NetNs &ns) : ns_(ns), dir_("xbondd") {}

// One that was killed leaves its lock behind.
Daemon::~Daemon() {
    process_.reset();
    std::error_code ignored;
    std::filesystem::remove_all("/run/xbond/" + std::to_string(ns_.inode()), ignored);
    std::filesystem::remove("/run/xbond", ignored);
}

std::filesystem::path Daemon::pin_dir() const { return bpffs_.path() / "xbond" / std::to_string(ns_.inode()); }

Argv Daemon::command(const Argv &extra) const {
    Argv argv{program("xbondd"), "--socket", socket(), "--state-dir", state_dir(), "--bpffs", bpffs_.path().string()};
    argv.insert(argv.end(), extra.begin(), extra.end());
    return argv;
}

void Daemon::start(const Argv &extra) {
    process_ = std::make_unique<Process>(command(extra), ns_.fd());
    const bool serves = wait_until([&] { return !running() || cli()("status -j").ok(); }, 30s, 20ms);
    if (!serves || !running()) {
        throw std::runtime_error("xbondd does not serve; its log:\n" + log());
    }
}

bool Daemon::start_watched(const std::function<void(pid_t)> &watch) {
    Argv argv{"sh", "-c", R"(kill -STOP $$; exec "$0" "$@")"};
    const Argv own = command({});
    argv.insert(argv.end(), own.begin(), own.end());
    process_ = std::make_unique<Process>(argv, ns_.fd());
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(process_->pid()), &info, WSTOPPED | WNOWAIT);
    watch(process_->pid());
    thaw();
    return wait_until([&] { return !running() || cli()("status -j").ok(); }, 30s, 20ms) && running();
}

CommandResult Daemon::run_to_end(const Argv &extra) const { return ns_.run(command(extra)); }

int Daemon::stop() {
    process_->signal(SIGTERM);
    const auto exit_code = process_->wait(20s);
    if (!exit_code) {
        throw std::runtime_error("xbondd does not end on SIGTERM; its log:\n" + log());
    }
    return *exit_code;
}

void Daemon::kill9() {
    process_->signal(SIGKILL);
    process_->wait(10s);
}

void Daemon::freeze() const {
    process_->signal(SIGSTOP);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(process_->pid()), &info, WSTOPPED | WNOWAIT);
}

void Daemon::thaw() const { process_->signal(SIGCONT); }

void Daemon::hang_up() const { process_->signal(SIGHUP); }

std::string Daemon::log() const { return process_ ? process_->out() + process_->err() : std::string(); }

ControlClient::ControlClient(const std::filesystem::path &socket_path)
    : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{2, 0}; // for a daemon that does not read
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_un addr{};
    addr.sun_family = AF_UNIX;
    std::strncpy(addr.sun_path, socket_path.c_str(), sizeof addr.sun_path - 1);
    if (connect(fd_.get(), reinterpret_cast<const sockaddr *>(&addr), sizeof addr) != 0) {
        throw std::system_error(errno, std::generic_category(), "connect to " + socket_path.string());
    }
}

std::optional<std::string> ControlClient::exchange(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0) {
            break; // closed by the daemon: what it said before that is still there to read
        }
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return read_line();
}

std::optional<std::string> ControlClient::read_line() {
    while (buffered_.find('\n') == std::string::npos) {
        char buffer[65536];
        pollfd wait{fd_.get(), POLLIN, 0};
        if (poll(&wait, 1, 2000) <= 0) {
            return std::nullopt;
        }
        const ssize_t n = recv(fd_.get(), buffer, sizeof buffer, 0);
        if (n <= 0) {
            return std::nullopt;
        }
        buffered_.append(buffer, static_cast<std::size_t>(n));
    }
    const auto end = buffered_.find('\n');
    std::string line = buffered_.substr(0, end);
    buffered_.erase(0, end + 1);
    return line;
}

} // namespace xbond::harness
