// SPDX-License-Identifier: MIT
// Applications on libxbond-xsk in a test's namespace.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/netns/lab.h"
#include "xbond/xsk.h"

namespace xbond::harness {

class State { // opened inside the namespace; throws with the library's sentence
public:
    State(const NetNs &ns, const Daemon &daemon, const std::string &bond = "bond0");
    State(const State &) = delete;
    State &operator=(const State &) = delete;
    ~State();

    xbond_state *get() const { return state_; }
    xbond_bond bond() const;
    xbond_slave slave(const std::string &name) const; // throws when it is none
    std::vector<std::string> senders() const;
    int update() const { return xbond_state_update(state_); }
    bool has_news() const; // its descriptor is readable
    // Where a frame would go; "" nowhere.
    std::string choice(const std::vector<std::uint8_t> &frame) const;

private:
    std::string name(std::uint32_t ifindex) const;
    const NetNs &ns_;
    xbond_state *state_ = nullptr;
};

class Sockets { // xbond_xsk of a bond
public:
    Sockets(const NetNs &ns, const Daemon &daemon, std::uint64_t queues = 0);
    Sockets(const Sockets &) = delete;
    Sockets &operator=(const Sockets &) = delete;
    ~Sockets() { close(); }
    void close();

    // Frames received until `wanted` are here or the time is over: the slave's ifindex and the bytes.
    struct Received {
        std::uint32_t ifindex;
        std::vector<std::uint8_t> bytes;
    };
    std::vector<Received> receive(std::size_t wanted, std::chrono::milliseconds limit = 2s) const;
    bool send(const std::vector<std::uint8_t> &frame) const;
    int send_too_long() const; // one byte more than there is room for; what xbond_xsk_tx took
    xbond_xsk_stats stats() const;
    // Takes news in until there are so many sockets.
    bool wait_sockets(std::uint32_t n, std::chrono::milliseconds limit = 5s) const;

private:
    const NetNs &ns_;
    xbond_xsk *xsk_ = nullptr;
};

// An AF_XDP socket on a queue, as any program would bind it; the errno of the refusal, or 0.
int bind_plain_xsk(const NetNs &ns, const std::string &ifname, std::uint32_t queue);

} // namespace xbond::harness
