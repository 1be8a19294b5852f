// SPDX-License-Identifier: MIT
#include "tests/harness/traffic/udp_stream.h"

#include "tests/harness/netns.h"
#include "tests/harness/throw_errno.h"
#include "tests/harness/wait.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <endian.h>
#include <fstream>
#include <netinet/in.h>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>

namespace xbond::harness {
namespace {

constexpr std::uint32_t stream_magic = 0x78625354; // "xbST"
constexpr int buffer_bytes = 16 << 20;
// A sender that was held up for longer goes on from there: a burst of hundreds overflows the kernel's per-CPU backlog
// (net.core.netdev_max_backlog) and would be counted as lost.
constexpr std::chrono::milliseconds longest_catch_up{8};
constexpr std::uint64_t max_sequence = 100'000'000; // a hostile number must not grow the table

std::chrono::nanoseconds monotonic_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

void sleep_until(std::chrono::nanoseconds when) {
    const timespec at{when.count() / 1'000'000'000, when.count() % 1'000'000'000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {}
}

sockaddr_in address(const std::string &ip, std::uint16_t port) {
    sockaddr_in addr{};
    addr.sin_family = AF_INET;
    addr.sin_port = htons(port);
    if (inet_pton(AF_INET, ip.c_str(), &addr.sin_addr) != 1) {
        throw std::runtime_error("'" + ip + "' is not an IPv4 address");
    }
    return addr;
}

} // namespace

std::uint64_t backlog_drops() {
    std::ifstream file("/proc/net/softnet_stat");
    std::uint64_t sum = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::uint64_t processed = 0, dropped = 0;
        words >> std::hex >> processed >> dropped;
        sum += dropped;
    }
    return sum;
}

std::string StreamReport::text() const {
    return "sent " + std::to_string(sent) + " lost " + std::to_string(lost) + " duplicated " +
           std::to_string(duplicated) + " reordered " + std::to_string(reordered) + " longest gap " +
           std::to_string(longest_gap.count() / 1000) + " ms";
}

void StreamHeader::write(std::span<std::uint8_t> payload) const {
    const std::uint32_t words[2] = {htonl(stream_magic), htonl(stream)};
    const std::uint64_t number = htobe64(sequence);
    std::memcpy(payload.data(), words, sizeof words);
    std::memcpy(payload.data() + sizeof words, &number, sizeof number);
}

std::optional<StreamHeader> StreamHeader::read(std::span<const std::uint8_t> payload) {
    std::uint32_t words[2];
    std::uint64_t number = 0;
    if (payload.size() < bytes) {
        return std::nullopt;
    }
    std::memcpy(words, payload.data(), sizeof words);
    std::memcpy(&number, payload.data() + sizeof words, sizeof number);
    if (ntohl(words[0]) != stream_magic) {
        return std::nullopt;
    }
    return StreamHeader{ntohl(words[1]), be64toh(number)};
}

void StreamCounter::saw(std::uint64_t sequence, std::chrono::nanoseconds now) {
    if (sequence >= max_sequence) {
        return;
    }
    const std::lock_guard lock(mutex_);
    if (last_) {
        longest_gap_ = std::max(longest_gap_, now - *last_);
    }
    last_ = now;
    if (sequence >= seen_.size()) {
        seen_.resize(std::max<std::size_t>(sequence + 1, seen_.size() * 2));
    }
    if (seen_[sequence]) {
        ++duplicated_;
        return;
    }
    seen_[sequence] = true;
    ++received_;
    if (sequence < next_) {
        ++reordered_;
    }
    next_ = std::max(next_, sequence + 1);
}

std::uint64_t StreamCounter::received() const {
    const std::lock_guard lock(mutex_);
    return received_;
}

std::uint64_t StreamCounter::arrivals() const {
    const std::lock_guard lock(mutex_);
    return received_ + duplicated_;
}

StreamReport StreamCounter::report(std::uint64_t sent) const {
    const std::lock_guard lock(mutex_);
    return {sent,        received_,  sent > received_ ? sent - received_ : 0,
            duplicated_, reordered_, std::chrono::duration_cast<std::chrono::microseconds>(longest_gap_)};
}

Fd udp_socket(const std::string &local_ip, std::uint16_t local_port) {
    Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const sockaddr_in addr = address(local_ip, local_port);
    if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes) != 0 ||
        setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &buffer_bytes, sizeof buffer_bytes) != 0 ||
        bind(fd.get(), reinterpret_cast<const sockaddr *>(&addr), sizeof addr) != 0) {
        throw_errno("UDP socket on " + local_ip + ":" + std::to_string(local_port));
    }
    return fd;
}

Fd connected_udp(const std::string &local_ip, const std::string &remote_ip, std::uint16_t remote_port) {
    Fd fd = udp_socket(local_ip, 0);
    const sockaddr_in addr = address(remote_ip, remote_port);
    if (connect(fd.get(), reinterpret_cast<const sockaddr *>(&addr), sizeof addr) != 0) {
        throw_errno("connect to " + remote_ip);
    }
    return fd;
}

StreamReceiver::StreamReceiver(int socket, std::uint32_t stream, bool echo)
    : socket_(socket), stop_(eventfd(0, EFD_CLOEXEC)), thread_([this, stream, echo] { loop(stream, echo); }) {}

StreamReceiver::~StreamReceiver() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
}

void StreamReceiver::loop(std::uint32_t stream, bool echo) {
    std::uint8_t payload[2048];
    pollfd wait[2] = {{socket_, POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (true) {
        if ((poll(wait, 2, -1) < 0 && errno != EINTR) || wait[1].revents != 0) {
            return;
        }
        sockaddr_in from{};
        socklen_t from_size = sizeof from;
        const ssize_t n =
            recvfrom(socket_, payload, sizeof payload, MSG_DONTWAIT, reinterpret_cast<sockaddr *>(&from), &from_size);
        if (n < 0) { // nothing there, or an ICMP error from before the other end was ready
            continue;
        }
        const auto header = StreamHeader::read(std::span(payload, static_cast<std::size_t>(n)));
        if (!header || header->stream != stream) {
            continue;
        }
        if (header->sequence == StreamHeader::final_sequence) {
            finished_ = true;
            continue;
        }
        counter_.saw(header->sequence, monotonic_now());
        if (echo) {
            sendto(socket_, payload, static_cast<std::size_t>(n), 0, reinterpret_cast<sockaddr *>(&from), from_size);
        }
    }
}

StreamSender::StreamSender(int connected_socket, std::uint32_t stream, unsigned packets_per_second,
                           std::size_t payload_bytes)
    : socket_(connected_socket),
      stream_(stream),
      thread_([this, packets_per_second, payload_bytes] { loop(packets_per_second, payload_bytes); }) {}

StreamSender::~StreamSender() { stop(); }

std::uint64_t StreamSender::stop() {
    stop_ = true;
    if (thread_.joinable()) {
        thread_.join();
    }
    return sent_;
}

void StreamSender::say_finished() const {
    std::uint8_t payload[StreamHeader::bytes];
    StreamHeader{stream_, StreamHeader::final_sequence}.write(payload);
    for (int i = 0; i < 5; ++i) {
        ::send(socket_, payload, sizeof payload, 0);
    }
}

void StreamSender::loop(unsigned packets_per_second, std::size_t payload_bytes) {
    std::vector<std::uint8_t> payload(std::max(payload_bytes, StreamHeader::bytes));
    auto start = monotonic_now();
    for (std::uint64_t n = 0; !stop_; ++n) {
        const auto due = start + std::chrono::nanoseconds(n * 1'000'000'000ULL / packets_per_second);
        sleep_until(due);
        if (const auto late = monotonic_now() - due; late > longest_catch_up) {
            start += late;
        }
        StreamHeader{stream_, n}.write(payload);
        // A failed send counts as sent: the application handed a packet over and the path lost it. ECONNREFUSED is the
        // pending error of an earlier packet and sends nothing: once more.
        if (::send(socket_, payload.data(), payload.size(), 0) < 0 && errno == ECONNREFUSED) {
            ::send(socket_, payload.data(), payload.size(), 0);
        }
        sent_ = n + 1;
    }
}

UdpEcho::UdpEcho(const NetNs &client, const NetNs &server, const std::string &server_ip, unsigned packets_per_second) {
    static std::atomic<std::uint32_t> next_stream = 1;
    const std::uint32_t stream = next_stream++;
    constexpr std::uint16_t port = 7;
    constexpr std::size_t payload_bytes = 64;
    server.inside([&] { server_socket_ = udp_socket(server_ip, port); });
    client.inside([&] { client_socket_ = connected_udp("0.0.0.0", server_ip, port); });
    there_ = std::make_unique<StreamReceiver>(server_socket_.get(), stream, true);
    back_ = std::make_unique<StreamReceiver>(client_socket_.get(), stream, false);
    sender_ = std::make_unique<StreamSender>(client_socket_.get(), stream, packets_per_second, payload_bytes);
}

UdpEcho::Reports UdpEcho::finish() {
    const std::uint64_t sent = sender_->stop();
    wait_until([&] { return there_->counter().received() == sent; }, 300ms);
    wait_until([&] { return back_->counter().received() == there_->counter().received(); }, 300ms);
    return {there_->counter().report(sent), back_->counter().report(there_->counter().received())};
}

} // namespace xbond::harness
