// SPDX-License-Identifier: MIT
// Child processes that cannot outlive the test: PR_SET_PDEATHSIG, killed and reaped by the destructor. The death signal
// follows the thread that forked: start processes from the main thread only.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "common/fd.h"

namespace xbond::harness {

using Argv = std::vector<std::string>;

Argv split(const std::string &words); // at blanks; no quoting

struct CommandResult {
    int exit_code = -1; // 128 + signal when killed
    std::string out;
    std::string err;
    bool ok() const { return exit_code == 0; }
};

class Process {
public:
    // netns_fd < 0: the namespace of the caller. Output goes to memory files readable with out() and err().
    Process(const Argv &argv, int netns_fd, const std::string &input = {});
    Process(const Process &) = delete;
    Process &operator=(const Process &) = delete;
    ~Process();

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    std::optional<int> wait(std::chrono::milliseconds limit); // exit code; nothing when it still runs
    bool running() { return !wait(std::chrono::milliseconds{0}).has_value(); }
    std::string out() const;
    std::string err() const;

private:
    pid_t pid_ = -1;
    std::optional<int> exit_code_;
    Fd pidfd_, in_, out_, err_;
};

// Of its first thread: xbondd's loop.
std::chrono::nanoseconds cpu_time(pid_t pid);

CommandResult run(const Argv &argv, int netns_fd = -1, const std::string &input = {},
                  std::chrono::milliseconds limit = std::chrono::seconds{60});

} // namespace xbond::harness
