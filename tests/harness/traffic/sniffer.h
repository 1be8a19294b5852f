// SPDX-License-Identifier: MIT
// Frames seen on an interface, and raw frames put onto one.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include "tests/harness/netns.h"
#include "tests/harness/wait.h"

namespace xbond::harness {

using Bytes = std::vector<std::uint8_t>;

struct Frame {
    std::chrono::nanoseconds time{}; // CLOCK_REALTIME, from the kernel
    bool outgoing = false;           // sent by the interface, seen by its tap
    unsigned packet_type = 0;        // PACKET_HOST, PACKET_BROADCAST, ...
    std::uint32_t ifindex = 0;
    std::optional<std::uint16_t> vlan_tci; // from metadata; not in bytes
    Bytes bytes;
};

using FrameMatch = std::function<bool(const Frame &)>;

// An AF_PACKET socket with a thread that reads it. `frames` throws when the kernel dropped a frame for want of room:
// a count would then mean nothing.
class Sniffer {
public:
    struct Options {
        std::uint16_t protocol = 0x0003; // ETH_P_ALL; another one sees only what no hook took before
        bool promiscuous = false;
        bool incoming_only = false;
        std::function<void(const Frame &)> on_frame; // instead of keeping the frames; called in the thread
    };
    // ifname "" = every interface: such a socket also survives an interface going down and up.
    Sniffer(const NetNs &ns, const std::string &ifname, Options options);
    Sniffer(const NetNs &ns, const std::string &ifname) : Sniffer(ns, ifname, Options{}) {}
    Sniffer(const Sniffer &) = delete;
    Sniffer &operator=(const Sniffer &) = delete;
    ~Sniffer();

    std::vector<Frame> frames() const;
    std::vector<Frame> frames(const FrameMatch &match) const;
    std::size_t count(const FrameMatch &match) const { return frames(match).size(); }
    bool wait_count(const FrameMatch &match, std::size_t wanted, std::chrono::milliseconds limit = 5s) const;
    void clear();

private:
    void read_loop();
    void take(std::span<const std::uint8_t> bytes, msghdr &message);

    Options options_;
    std::uint32_t ifindex_ = 0;
    Fd socket_, stop_;
    mutable std::mutex mutex_;
    std::vector<Frame> frames_;
    std::thread thread_;
};

class Injector {
public:
    Injector(const NetNs &ns, const std::string &ifname);
    void send(std::span<const std::uint8_t> frame) const; // throws with the kernel's errno, ENOBUFS (dropped) apart
    void send(std::span<const std::uint8_t> frame, int times) const;

private:
    Fd socket_;
};

// Keeps the calling thread on one CPU while it lives (per-CPU counters of the data path).
class OnOneCpu {
public:
    explicit OnOneCpu(int cpu = 0);
    OnOneCpu(const OnOneCpu &) = delete;
    OnOneCpu &operator=(const OnOneCpu &) = delete;
    ~OnOneCpu();

private:
    std::vector<unsigned char> old_;
};

} // namespace xbond::harness
