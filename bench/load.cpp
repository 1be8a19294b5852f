// SPDX-License-Identifier: MIT
// xb_load: the measured traffic of bench/path and bench/failover. It enters named network namespaces only to open
// sockets there, so that sender and receiver are one process.
//   xb_load pps    FROM TO ADDRESS MS          64-byte frames, one core: packets per second, packets lost
//   xb_load tcp    FROM TO ADDRESS MS          one TCP connection, one core: bits per second
//   xb_load stream FROM TO ADDRESS PPS COUNT [NETNS FLAPS LINK...]
//                                              a constant stream: received, lost, duplicates, longest gap in us;
//                                              meanwhile the links in NETNS go down and up again in turn
//   xb_load hold                               queues what arrives until SIGTERM, unread: packets received (bench/vm)
// FROM and TO are names below /run/netns; ADDRESS is an IPv4 address that TO answers for.
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <system_error>
#include <thread>
#include <vector>

#include "common/fd.h"

namespace {

using xbond::Fd;
using Clock = std::chrono::steady_clock;
using std::chrono::duration;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::uint16_t port = 9000;
constexpr std::size_t payload = 18; // 64-byte frame with Ethernet, IPv4, UDP headers and FCS
constexpr unsigned batch_packets = 64;

int check(int rc, const std::string &what) {
    if (rc < 0) {
        throw std::system_error(errno, std::generic_category(), what);
    }
    return rc;
}

template <typename T> void set_option(const Fd &fd, int level, int option, const T &value) {
    check(setsockopt(fd.get(), level, option, &value, sizeof value), "setsockopt");
}

// Opens a socket in a namespace: sockets stay where they were made.
Fd socket_in(const std::string &netns, int type) {
    const Fd ns(check(open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC), "network namespace " + netns));
    check(setns(ns.get(), CLONE_NEWNET), "enter " + netns);
    Fd fd(check(socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket"));
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd, SOL_SOCKET, SO_RCVTIMEO, timeval{1, 0});
    return fd;
}

sockaddr_in address_of(const std::string &text) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    if (inet_pton(AF_INET, text.c_str(), &a.sin_addr) != 1) {
        throw std::runtime_error("'" + text + "' is no IPv4 address");
    }
    return a;
}

struct Pair {
    Fd from, to;
};

void bind_receiver(const Fd &fd) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(port);
    check(bind(fd.get(), reinterpret_cast<const sockaddr *>(&any), sizeof any), "bind");
}

Pair open_pair(const std::vector<std::string> &args, int type) {
    const sockaddr_in to = address_of(args[2]);
    Pair p{socket_in(args[0], type), socket_in(args[1], type)};
    if (type == SOCK_DGRAM) {
        set_option(p.to, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20);
    }
    bind_receiver(p.to);
    if (type == SOCK_STREAM) {
        check(listen(p.to.get(), 1), "listen");
    }
    check(connect(p.from.get(), reinterpret_cast<const sockaddr *>(&to), sizeof to), "connect to " + args[2]);
    return p;
}

// Runs `batch` for `time`; the median seconds of a batch. A batch is far shorter than a time slice of the scheduler, so
// that what else runs on the machine spoils few of them, and not the median.
template <typename Batch> double median_batch(const std::string &ms, Batch batch) {
    std::vector<double> seconds;
    const auto end = Clock::now() + milliseconds(std::stoi(ms));
    for (auto begin = Clock::now(); begin < end;) {
        batch();
        const auto now = Clock::now();
        seconds.push_back(duration<double>(now - begin).count());
        begin = now;
    }
    const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
    std::ranges::nth_element(seconds, middle);
    return *middle;
}

void pin_to_cpu() {
    cpu_set_t cpu;
    CPU_ZERO(&cpu);
    CPU_SET(sched_getcpu(), &cpu);
    check(sched_setaffinity(0, sizeof cpu, &cpu), "pin to a CPU");
}

// Sends a batch, then takes it in, on one core: the whole path runs in this thread and nothing waits for a scheduler.
void pps(const std::vector<std::string> &args) {
    pin_to_cpu();
    const Pair p = open_pair(args, SOCK_DGRAM);
    std::array<std::array<char, payload>, batch_packets> data{};
    std::array<iovec, batch_packets> iov{};
    std::array<mmsghdr, batch_packets> messages{};
    for (unsigned i = 0; i < batch_packets; i++) {
        iov[i] = {data[i].data(), payload};
        messages[i].msg_hdr.msg_iov = &iov[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    std::uint64_t lost = 0;
    const double seconds = median_batch(args[3], [&] {
        const auto sent = check(sendmmsg(p.from.get(), messages.data(), batch_packets, 0), "send");
        int received = 0;
        while (received < sent) {
            const int n = recvmmsg(p.to.get(), messages.data(), static_cast<unsigned>(sent - received), 0, nullptr);
            if (n < 0) {
                break; // a second without a packet: the rest of the batch is lost
            }
            received += n;
        }
        lost += static_cast<unsigned>(sent - received);
    });
    std::printf("%.0f %llu\n", batch_packets / seconds, static_cast<unsigned long long>(lost));
}

// One thread at both ends of the connection, for the same reason.
void tcp(const std::vector<std::string> &args) {
    constexpr std::size_t batch_bytes = 1 << 20;
    pin_to_cpu();
    const Pair p = open_pair(args, SOCK_STREAM);
    const Fd peer(check(accept(p.to.get(), nullptr, nullptr), "accept"));
    std::vector<char> data(1 << 17);
    const auto move = [&] {
        for (std::size_t received = 0; received < batch_bytes;) {
            const ssize_t sent = send(p.from.get(), data.data(), data.size(), MSG_DONTWAIT);
            if (sent < 0 && errno != EAGAIN) {
                check(-1, "send");
            }
            ssize_t n = 0;
            while ((n = recv(peer.get(), data.data(), data.size(), MSG_DONTWAIT)) > 0) {
                received += static_cast<std::size_t>(n);
            }
            if (n == 0 || errno != EAGAIN) {
                throw std::runtime_error("the connection broke");
            }
            pollfd readable{.fd = peer.get(), .events = POLLIN, .revents = 0};
            if (sent < 0 && poll(&readable, 1, 5000) == 0) {
                throw std::runtime_error("the connection stalls");
            }
        }
    };
    for (int i = 0; i < 20; i++) {
        move(); // past slow start
    }
    std::printf("%.0f\n", batch_bytes * 8 / median_batch(args[3], move));
}

struct Received { // what the stream's receiver saw
    std::vector<std::uint8_t> times;
    std::uint64_t different = 0, duplicates = 0;
    Clock::duration longest_gap{};
};

// Until the socket has been silent for a second, its receive timeout.
void receive_stream(const Fd &fd, Received &seen) {
    Clock::time_point last{};
    std::uint32_t sequence = 0;
    while (recv(fd.get(), &sequence, sizeof sequence, 0) == sizeof sequence) {
        const auto now = Clock::now();
        if (last != Clock::time_point{}) {
            seen.longest_gap = std::max(seen.longest_gap, now - last);
        }
        last = now;
        if (sequence >= seen.times.size()) {
            continue;
        }
        if (seen.times[sequence]++ == 0) {
            seen.different++;
        } else {
            seen.duplicates++;
        }
    }
}

// Sets interfaces of one namespace down and up.
class Links {
public:
    explicit Links(const std::string &netns) : control_(socket_in(netns, SOCK_DGRAM)) {}

    // GLINK makes the kernel act on the new state now; else a bridge above may hear of it only a second later.
    void set(const std::string &link, bool up) const {
        ifreq request{};
        link.copy(request.ifr_name, IFNAMSIZ - 1);
        check(ioctl(control_.get(), SIOCGIFFLAGS, &request), link);
        request.ifr_flags = static_cast<short>(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
        check(ioctl(control_.get(), SIOCSIFFLAGS, &request), "set " + link + (up ? " up" : " down"));
        ethtool_value value{.cmd = ETHTOOL_GLINK};
        request.ifr_data = reinterpret_cast<char *>(&value);
        check(ioctl(control_.get(), SIOCETHTOOL, &request), "link state of " + link);
    }

private:
    Fd control_;
};

// `flaps` in even parts of `time`, each three fifths up, then two fifths down.
void flap(const Links &links, const std::vector<std::string> &names, unsigned flaps, Clock::duration time) {
    auto due = Clock::now();
    for (unsigned i = 0; i < flaps; i++) {
        const std::string &name = names[i % names.size()];
        std::this_thread::sleep_until(due + time / flaps * 3 / 5);
        links.set(name, false);
        due += time / flaps;
        std::this_thread::sleep_until(due);
        links.set(name, true);
    }
}

void stream(const std::vector<std::string> &args) {
    const Pair p = open_pair(args, SOCK_DGRAM);
    const std::chrono::nanoseconds interval(1'000'000'000 / std::stol(args[3]));
    const auto count = static_cast<std::uint32_t>(std::stoul(args[4]));
    Received seen;
    seen.times.resize(count);
    std::thread receiver([&] { receive_stream(p.to, seen); });
    std::thread flapper;
    if (args.size() > 7) {
        flapper = std::thread([&, flaps = static_cast<unsigned>(std::stoul(args[6]))] {
            flap(Links(args[5]), {args.begin() + 7, args.end()}, flaps, interval * count);
        });
    }
    auto due = Clock::now();
    for (std::uint32_t sequence = 0; sequence < count; sequence++, due += interval) {
        std::array<char, payload> data{};
        std::memcpy(data.data(), &sequence, sizeof sequence);
        std::this_thread::sleep_until(due);
        if (send(p.from.get(), data.data(), data.size(), 0) < 0 && errno != ENOBUFS && errno != ENETDOWN) {
            check(-1, "send");
        }
    }
    receiver.join();
    if (flapper.joinable()) {
        flapper.join();
    }
    std::printf("%llu %llu %llu %lld\n", static_cast<unsigned long long>(seen.different),
                static_cast<unsigned long long>(count - seen.different),
                static_cast<unsigned long long>(seen.duplicates),
                static_cast<long long>(std::chrono::duration_cast<microseconds>(seen.longest_gap).count()));
}

// Reading would cost instructions that belong to no path.
void hold() {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    check(sigprocmask(SIG_BLOCK, &stop, nullptr), "block SIGTERM");
    const Fd fd(check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
    set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, 512 << 20);
    bind_receiver(fd);
    int signal = 0;
    sigwait(&stop, &signal);
    std::uint64_t received = 0;
    for (char byte = 0; recv(fd.get(), &byte, 1, MSG_DONTWAIT) >= 0;) {
        received++;
    }
    std::printf("%llu\n", static_cast<unsigned long long>(received));
}

} // namespace

int main(int argc, char **argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    const std::vector<std::string> args(argv + std::min(argc, 2), argv + argc);
    try {
        if (what == "pps" && args.size() == 4) {
            pps(args);
        } else if (what == "tcp" && args.size() == 4) {
            tcp(args);
        } else if (what == "stream" && (args.size() == 5 || args.size() > 7)) {
            stream(args);
        } else if (what == "hold" && args.empty()) {
            hold();
        } else {
            std::fprintf(stderr, "usage: xb_load pps|tcp FROM TO ADDRESS MS | hold |\n"
                                 "       stream FROM TO ADDRESS PPS COUNT [NETNS FLAPS LINK...]\n");
            return 2;
        }
    } catch (const std::exception &e) {
        std::fprintf(stderr, "xb_load: %s\n", e.what());
        return 1;
    }
    return 0;
}
