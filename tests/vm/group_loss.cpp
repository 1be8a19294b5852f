// SPDX-License-Identifier: MIT
// For guests: what of a steady multicast stream is lost from the moment on in which a group has been joined.
//
// usage: xb_group_loss NETNS FROM TO ROUNDS
// In namespace NETNS (of `ip netns`) a thread sends 1000 datagrams a second to a group out of the device FROM; half a
// second later this one joins it on the device TO. Each round has a group of its own. Prints for each round how many of
// the datagrams that were sent after the join had returned did not arrive, of the first second's.
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

#include "common/fd.h"

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using xbond::Fd;

constexpr std::uint16_t port = 7077;
constexpr auto pause_between = 1ms;
constexpr std::size_t most = 8192; // datagrams of a round

void check(bool ok, const std::string &what) {
    if (!ok) {
        throw std::system_error(errno, std::generic_category(), what);
    }
}

void enter(const Fd &netns) { check(::setns(netns.get(), CLONE_NEWNET) == 0, "setns"); }

ip_mreqn group_on(int round, const std::string &device) {
    ip_mreqn request{};
    request.imr_multiaddr.s_addr = ::htonl(0xef090800U + static_cast<std::uint32_t>(round)); // 239.9.8.x
    request.imr_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
    check(request.imr_ifindex != 0, device);
    return request;
}

class Stream { // sends until it is destroyed
public:
    Stream(int socket, in_addr group) : socket_(socket), group_(group), sent_at_(most), thread_([this] { send(); }) {}
    Stream(const Stream &) = delete;
    Stream &operator=(const Stream &) = delete;
    ~Stream() { stop(); }
    void stop() {
        stop_ = true;
        if (thread_.joinable()) {
            thread_.join();
        }
    }
    std::uint32_t sent() const { return sent_; }
    // Once stopped: numbers of those sent between the two moments.
    std::vector<std::uint32_t> between(Clock::time_point from, Clock::time_point to) const {
        std::vector<std::uint32_t> numbers;
        for (std::uint32_t n = 0; n < sent_; ++n) {
            if (sent_at_[n] >= from && sent_at_[n] < to) {
                numbers.push_back(n);
            }
        }
        return numbers;
    }

private:
    void send() {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = ::htons(port);
        to.sin_addr = group_;
        for (auto next = Clock::now(); !stop_ && sent_ < most; next += pause_between) {
            std::this_thread::sleep_until(next);
            std::array<std::uint32_t, 16> payload{sent_};
            sent_at_[sent_] = Clock::now();
            (void)::sendto(socket_, payload.data(), sizeof payload, 0, reinterpret_cast<sockaddr *>(&to), sizeof to);
            ++sent_;
        }
    }

    int socket_;
    in_addr group_;
    std::atomic<bool> stop_ = false;
    std::atomic<std::uint32_t> sent_ = 0;
    std::vector<Clock::time_point> sent_at_;
    std::thread thread_;
};

Fd receiver() {
    Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    check(static_cast<bool>(fd), "socket");
    const int room = 4 << 20, none = 0;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    ::setsockopt(fd.get(), IPPROTO_IP, IP_MULTICAST_ALL, &none, sizeof none);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = ::htons(port);
    check(::bind(fd.get(), reinterpret_cast<sockaddr *>(&here), sizeof here) == 0, "bind");
    return fd;
}

Fd sender(const Fd &home, const Fd &away, int round, const std::string &device) {
    enter(away);
    Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const ip_mreqn out = group_on(round, device);
    check(::setsockopt(fd.get(), IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof out) == 0, "IP_MULTICAST_IF");
    enter(home);
    return fd;
}

void receive_until(int fd, Clock::time_point end, std::vector<bool> &arrived) {
    for (auto now = Clock::now(); now < end; now = Clock::now()) {
        pollfd waiting{fd, POLLIN, 0};
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - now).count();
        std::uint32_t number = most;
        if (::poll(&waiting, 1, static_cast<int>(left) + 1) == 1 && ::recv(fd, &number, sizeof number, 0) > 0 &&
            number < most) {
            arrived[number] = true;
        }
    }
}

void play(const Fd &home, const Fd &away, int round, const std::string &from, const std::string &to) {
    const Fd in = receiver(), out = sender(home, away, round, from);
    const ip_mreqn group = group_on(round, to);
    std::vector<bool> arrived(most);
    Stream stream(out.get(), group.imr_multiaddr);
    while (stream.sent() < 500) { // it runs steadily
        (void)::poll(nullptr, 0, 1);
    }
    check(::setsockopt(in.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0, "cannot join");
    const auto joined = Clock::now();
    receive_until(in.get(), joined + 1500ms, arrived);
    stream.stop();
    receive_until(in.get(), Clock::now() + 300ms, arrived);
    const auto wanted = stream.between(joined, joined + 1s);
    std::size_t lost = 0;
    for (const auto number : wanted) {
        lost += arrived[number] ? 0 : 1;
    }
    std::printf("lost %zu of %zu\n", lost, wanted.size());
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 5) {
        std::fputs("usage: xb_group_loss NETNS FROM TO ROUNDS\n", stderr);
        return 2;
    }
    try {
        const Fd home(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
        const Fd away(::open((std::string("/run/netns/") + argv[1]).c_str(), O_RDONLY | O_CLOEXEC));
        check(home && away, argv[1]);
        for (int round = 1; round <= std::atoi(argv[4]); ++round) {
            play(home, away, round, argv[2], argv[3]);
        }
    } catch (const std::exception &error) {
        std::fprintf(stderr, "xb_group_loss: %s\n", error.what());
        return 1;
    }
    return 0;
}
