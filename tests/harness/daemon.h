// SPDX-License-Identifier: MIT
// xbondd in a namespace, with its own socket, state directory and bpffs; and xbond talking to it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "tests/harness/netns.h"
#include "tests/harness/process.h"
#include "tests/harness/sandbox.h"

namespace xbond::harness {

std::string program(const std::string &name); // path of a program of this build

class Cli {
public:
    Cli(const NetNs &ns, std::filesystem::path socket) : ns_(ns), socket_(std::move(socket)) {}
    CommandResult run(const Argv &arguments, const std::string &input = {}) const;
    CommandResult operator()(const std::string &words) const { return run(split(words)); }
    std::string ok(const std::string &words) const; // stdout; throws with stderr when it fails
    nlohmann::json json(const std::string &words) const;

private:
    const NetNs &ns_;
    std::filesystem::path socket_;
};

class Daemon {
public:
    explicit Daemon(const NetNs &ns); // not started
    ~Daemon();
    Daemon(const Daemon &) = delete;
    Daemon &operator=(const Daemon &) = delete;
    void start(const Argv &extra = {}); // returns when it serves; throws with its log when it does not
    // As start(), after `watch` was told its pid, at its first instruction; whether it serves. Its end is no error.
    bool start_watched(const std::function<void(pid_t)> &watch);
    // Runs it to its end, for starts that must fail and for --teardown.
    CommandResult run_to_end(const Argv &extra) const;
    int stop(); // SIGTERM; exit code
    void kill9();
    void freeze() const;
    void thaw() const;
    void hang_up() const; // SIGHUP
    pid_t pid() const { return process_->pid(); }
    bool running() { return process_ && process_->running(); }
    std::string log() const;
    Cli cli() const { return {ns_, socket()}; }
    std::filesystem::path socket() const { return dir_.path() / "control"; }
    std::filesystem::path state_dir() const { return dir_.path() / "state"; }
    std::filesystem::path pin_dir() const; // <bpffs>/xbond/<netns inode>
    std::filesystem::path dir() const { return dir_.path(); }

private:
    Argv command(const Argv &extra) const;
    const NetNs &ns_;
    TempDir dir_;
    BpfFs bpffs_;
    std::unique_ptr<Process> process_;
};

// One connection to the control socket, for requests that xbond would never send.
class ControlClient {
public:
    explicit ControlClient(const std::filesystem::path &socket);
    // The reply line; nothing when the daemon closed the connection or was silent for two seconds.
    std::optional<std::string> exchange(std::string_view bytes);
    std::optional<std::string> read_line();

private:
    Fd fd_;
    std::string buffered_;
};

} // namespace xbond::harness
