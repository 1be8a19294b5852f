// SPDX-License-Identifier: MIT
// An anonymous network namespace for the thread of one test, left again at its end.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string>

#include "common/fd.h"
#include "tests/harness/wait.h"
#include "user/sys/netlink.h"

namespace xbond::sys {

class PrivateNetns {
public:
    PrivateNetns() : home_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
        entered_ = ::unshare(CLONE_NEWNET) == 0;
        if (!entered_) {
            std::puts("SKIPPED: may not make a network namespace");
        }
    }
    PrivateNetns(const PrivateNetns &) = delete;
    PrivateNetns &operator=(const PrivateNetns &) = delete;
    ~PrivateNetns() {
        if (entered_ && ::setns(home_.get(), CLONE_NEWNET) != 0) {
            std::abort(); // never let the next test touch what it should not
        }
    }
    explicit operator bool() const { return entered_; }

private:
    Fd home_;
    bool entered_ = false;
};

// A command in the namespace of the thread.
inline bool shell(const std::string &command) { return std::system(command.c_str()) == 0; }

// Passes events to `wanted` until it says true; false after the deadline.
template <typename Wanted> bool wait_event(Netlink &netlink, Wanted wanted) {
    const auto end = harness::Clock::now() + std::chrono::seconds(5);
    bool found = false;
    while (!found && harness::Clock::now() < end) {
        pollfd p{netlink.event_fd(), POLLIN, 0};
        ::poll(&p, 1, 100);
        netlink.drain([&](const NetlinkEvent &event) { found = found || wanted(event); });
    }
    return found;
}

struct Pair { // veth x0 and x1
    std::uint32_t x0, x1;
};

inline Pair make_pair(Netlink &netlink, bool up) {
    if (!netlink.create_veth("x0", "x1", std::nullopt, 1500)) {
        throw std::runtime_error("no veth pair");
    }
    const Pair pair{netlink.link("x0")->ifindex, netlink.link("x1")->ifindex};
    if (up && (!netlink.set_up(pair.x0, true) || !netlink.set_up(pair.x1, true))) {
        throw std::runtime_error("veth pair does not go up");
    }
    return pair;
}

} // namespace xbond::sys
