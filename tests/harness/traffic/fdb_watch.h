// SPDX-License-Identifier: MIT
// A Linux bridge's forwarding table as it changes (what `bridge monitor fdb` prints): on which port each address is,
// and every move from one port to another.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/harness/netns.h"

struct nlmsghdr;

namespace xbond::harness {

struct FdbMove {                     // without having been forgotten in between
    std::chrono::nanoseconds time{}; // CLOCK_MONOTONIC, when it was read
    MacAddr mac;
    std::string from, to; // ports
};

// Knows what changed since it was made: make it before the first frame. Throws when the kernel dropped a notification.
class FdbWatch {
public:
    explicit FdbWatch(const NetNs &ns);
    FdbWatch(const FdbWatch &) = delete;
    FdbWatch &operator=(const FdbWatch &) = delete;
    ~FdbWatch();

    std::string port_of(const MacAddr &) const; // "" when the bridge does not know it
    std::vector<FdbMove> moves() const;
    std::size_t known() const; // addresses
    void forget_moves() const;
    std::string text() const; // what happened, for INFO

private:
    void read_loop();
    void drain() const; // with the lock held
    void take(const nlmsghdr &message) const;
    std::string name_of(std::uint32_t ifindex) const;

    Fd socket_, names_, stop_;
    mutable std::mutex mutex_;
    mutable bool lost_ = false;
    mutable std::map<std::string, std::string> where_; // MAC to port
    mutable std::vector<FdbMove> moves_;
    mutable std::string text_;
    std::thread thread_;
};

// "" or the first address that moved more than once.
std::string flap_in(const std::vector<FdbMove> &moves);

} // namespace xbond::harness
