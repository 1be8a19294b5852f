// SPDX-License-Identifier: MIT
// Lets one call of a process fail, or kills it there: the nth of a kind of those that can fail for good reason, counted
// from the moment it is armed. By ptrace, so that nothing in the program knows of it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace xbond::harness {

class SyscallFault {
public:
    explicit SyscallFault(pid_t process); // of all its threads, also those to come; returns when they are watched
    ~SyscallFault();
    SyscallFault(const SyscallFault &) = delete;
    SyscallFault &operator=(const SyscallFault &) = delete;

    struct Point {
        std::string what;        // "bpf command 28", "netlink 16", "rename"
        std::vector<int> errnos; // with which it may fail
        std::size_t nth = 0;     // of those that are called so, from 0: threads meet differently each time, and which
                                 // call is the nth of all says little
    };
    static constexpr int kill = -1; // instead of an errno

    void count(); // from here on
    void arm(const Point &, int how);
    // Since then: all points, in order. The one that was armed is among them if it has been met.
    std::vector<Point> disarm();
    bool met() const;

private:
    struct Thread {
        bool entered = false; // the next stop is the end of a call
        int fails_with = 0;   // which the kernel was kept from
    };
    void run();
    bool follow_all();
    void stopped(pid_t thread, int status);
    void at_call(pid_t thread);

    pid_t process_;
    std::map<pid_t, Thread> threads_; // the tracer's own
    mutable std::mutex lock_;
    std::vector<Point> points_;
    std::map<std::string, std::size_t> seen_; // of each kind
    bool counting_ = false, met_ = false, stop_ = false, ready_ = false;
    Point armed_;
    int how_ = 0;
    std::atomic<bool> ended_ = false;
    std::thread tracer_;
};

} // namespace xbond::harness
