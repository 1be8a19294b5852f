// SPDX-License-Identifier: MIT
#include "tests/harness/process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <poll.h>
#include <sched.h>
#include <sstream>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace xbond::harness {
namespace {

Fd memory_file(const std::string &content = {}) {
    Fd fd(memfd_create("xbond-test", MFD_CLOEXEC));
    if (!fd || write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
        lseek(fd.get(), 0, SEEK_SET) != 0) {
        throw std::system_error(errno, std::generic_category(), "memfd");
    }
    return fd;
}

std::string content(int fd) {
    std::string text;
    char buffer[65536];
    ssize_t n = 0;
    while ((n = pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0) {
        text.append(buffer, static_cast<std::size_t>(n));
    }
    return text;
}

// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void exec_child(char *const *argv, int netns_fd, int in, int out, int err, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(126);
    }
    if (netns_fd >= 0 && setns(netns_fd, CLONE_NEWNET) != 0) {
        _exit(126);
    }
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execvp(argv[0], argv);
    _exit(127);
}

} // namespace

Argv split(const std::string &words) {
    std::istringstream in(words);
    Argv argv;
    for (std::string word; in >> word;) {
        argv.push_back(word);
    }
    return argv;
}

Process::Process(const Argv &argv, int netns_fd, const std::string &input)
    : in_(memory_file(input)), out_(memory_file()), err_(memory_file()) {
    std::vector<char *> args;
    args.reserve(argv.size() + 1);
    std::transform(argv.begin(), argv.end(), std::back_inserter(args),
                   [](const std::string &arg) { return const_cast<char *>(arg.c_str()); });
    args.push_back(nullptr);
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ < 0) {
        throw std::system_error(errno, std::generic_category(), "fork");
    }
    if (pid_ == 0) {
        exec_child(args.data(), netns_fd, in_.get(), out_.get(), err_.get(), parent);
    }
    pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
}

Process::~Process() {
    if (!exit_code_) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
}

void Process::signal(int number) const {
    if (exit_code_ || kill(pid_, number) != 0) {
        throw std::runtime_error("signal to a process that has ended");
    }
}

std::optional<int> Process::wait(std::chrono::milliseconds limit) {
    if (!exit_code_) {
        pollfd ended{pidfd_.get(), POLLIN, 0};
        if (poll(&ended, 1, static_cast<int>(limit.count())) <= 0) {
            return std::nullopt;
        }
        int status = 0;
        waitpid(pid_, &status, 0);
        exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return exit_code_;
}

std::string Process::out() const { return content(out_.get()); }
std::string Process::err() const { return content(err_.get()); }

std::chrono::nanoseconds cpu_time(pid_t pid) {
    std::int64_t ns = 0;
    std::ifstream("/proc/" + std::to_string(pid) + "/schedstat") >> ns;
    return std::chrono::nanoseconds(ns);
}

CommandResult run(const Argv &argv, int netns_fd, const std::string &input, std::chrono::milliseconds limit) {
    Process process(argv, netns_fd, input);
    const auto exit_code = process.wait(limit);
    if (!exit_code) {
        throw std::runtime_error("'" + argv.at(0) + "' did not end in time");
    }
    return {*exit_code, process.out(), process.err()};
}

} // namespace xbond::harness
