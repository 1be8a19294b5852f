// SPDX-License-Identifier: MIT
// Which calls of one thread of another process could have slept: those that wait for RTNL, a driver, the verifier or a
// disk. By ptrace, so that nothing in the program knows of it.
#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <sys/types.h>
#include <thread>

namespace xbond::harness {

class SyscallWatch {
public:
    explicit SyscallWatch(pid_t thread); // returns when it is watched
    ~SyscallWatch();
    SyscallWatch(const SyscallWatch &) = delete;
    SyscallWatch &operator=(const SyscallWatch &) = delete;

    std::set<std::string> could_sleep() const; // "openat /etc/x", "sendto netlink 17", ...
    std::size_t seen() const { return seen_; } // calls in all

private:
    void run();
    void look(pid_t);

    pid_t thread_;
    std::atomic<bool> ready_{false}, stop_{false};
    std::atomic<std::size_t> seen_{0};
    mutable std::mutex lock_;
    std::set<std::string> found_;
    std::thread tracer_;
};

} // namespace xbond::harness
