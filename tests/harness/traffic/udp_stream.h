// SPDX-License-Identifier: MIT
// UDP streams of constant rate with a sequence number in each datagram, and the count of what became of them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "common/fd.h"

namespace xbond::harness {

class NetNs;

struct StreamReport {
    std::uint64_t sent = 0, received = 0, lost = 0, duplicated = 0, reordered = 0;
    std::chrono::microseconds longest_gap{}; // between two arrivals
    std::string text() const;
};

// Frames that the kernel threw away since it started because a CPU did not get around to its backlog: on a busy machine
// the one loss that is not the bond's.
std::uint64_t backlog_drops();

// What a stream datagram carries, in network byte order.
struct StreamHeader {
    static constexpr std::size_t bytes = 16;
    std::uint32_t stream = 0;
    std::uint64_t sequence = 0; // final_sequence: "that was all", repeated a few times
    static constexpr std::uint64_t final_sequence = ~std::uint64_t{0};

    void write(std::span<std::uint8_t> payload) const; // at least `bytes`
    static std::optional<StreamHeader> read(std::span<const std::uint8_t> payload);
};

// Counts arrivals of one stream. Thread-safe.
class StreamCounter {
public:
    void saw(std::uint64_t sequence, std::chrono::nanoseconds now);
    std::uint64_t received() const; // without duplicates
    std::uint64_t arrivals() const; // with them
    StreamReport report(std::uint64_t sent) const;

private:
    mutable std::mutex mutex_;
    std::vector<bool> seen_;
    std::uint64_t received_ = 0, duplicated_ = 0, reordered_ = 0, next_ = 0;
    std::optional<std::chrono::nanoseconds> last_;
    std::chrono::nanoseconds longest_gap_{};
};

Fd udp_socket(const std::string &local_ip, std::uint16_t local_port); // in the caller's namespace; large buffers

// Reads a socket in a thread, counts, and sends back what it got when `echo`.
class StreamReceiver {
public:
    StreamReceiver(int socket, std::uint32_t stream, bool echo);
    ~StreamReceiver();
    const StreamCounter &counter() const { return counter_; }
    bool finished() const { return finished_; } // the sender said so

private:
    void loop(std::uint32_t stream, bool echo);
    int socket_;
    Fd stop_;
    StreamCounter counter_;
    std::atomic<bool> finished_ = false;
    std::thread thread_;
};

// Sends at a constant rate on absolute times: what a short delay held up is sent at once, after a long one it goes on
// from there.
class StreamSender {
public:
    StreamSender(int connected_socket, std::uint32_t stream, unsigned packets_per_second, std::size_t payload_bytes);
    ~StreamSender();
    std::uint64_t sent() const { return sent_; }
    std::uint64_t stop(); // the number sent
    void say_finished() const;

private:
    void loop(unsigned packets_per_second, std::size_t payload_bytes);
    int socket_;
    std::uint32_t stream_;
    std::atomic<bool> stop_ = false;
    std::atomic<std::uint64_t> sent_ = 0;
    std::thread thread_;
};

Fd connected_udp(const std::string &local_ip, const std::string &remote_ip, std::uint16_t remote_port);

// From `client` to an echo at `server_ip` in `server` and back.
class UdpEcho {
public:
    UdpEcho(const NetNs &client, const NetNs &server, const std::string &server_ip, unsigned packets_per_second);
    struct Reports {
        StreamReport outbound, inbound;
    };
    std::uint64_t sent() const { return sender_->sent(); }
    std::uint64_t received() const { return back_->counter().received(); }
    Reports finish(); // stops, waits for what is on its way

private:
    Fd server_socket_, client_socket_;
    std::unique_ptr<StreamReceiver> there_, back_;
    std::unique_ptr<StreamSender> sender_;
};

} // namespace xbond::harness
