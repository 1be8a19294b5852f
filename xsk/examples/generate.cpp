// SPDX-License-Identifier: MIT
// A load generator: numbered UDP frames of several flows, sent through a bond by AF_XDP; each leaves on the slave that the
// bond's mode takes for it.
//   xbond xsk allow bond0 group GROUP match udp dst 4791          # a rule for the caller's group, of whatever
//   c++ -std=c++17 generate.cpp -lxbond-xsk -o generate
//   ./generate [-r PER-SECOND] [-n COUNT] [-f FLOWS] [-s SIZE] [-c SOCKET] bond0 DESTINATION-MAC SOURCE-IP DESTINATION-IP
// Without -r as fast as it goes, without -n until SIGINT. The source port tells the flow, the first eight bytes behind the
// UDP header the number of the frame.
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include <xbond/xsk.hpp>

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t headers = 14 + 20 + 8, shortest = headers + 8, longest = 1514;
constexpr std::uint16_t first_port = 10000, target_port = 4791;

volatile std::sig_atomic_t ended = 0;

struct Wanted {
    double rate = 0;
    std::uint64_t count = UINT64_MAX;
    unsigned flows = 64;
    std::size_t size = 60;
    const char *socket = nullptr;
};

void put16(std::uint8_t *at, unsigned value) {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}

// The frame of which all others differ in flow and number; false: an address is none.
bool make_frame(std::array<std::uint8_t, longest> &frame, std::size_t size, const xbond_bond &bond, char **addresses) {
    unsigned mac[6];
    if (std::sscanf(addresses[0], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6) {
        return false;
    }
    std::copy(std::begin(mac), std::end(mac), frame.begin());
    std::copy(std::begin(bond.mac), std::end(bond.mac), frame.begin() + 6);
    put16(&frame[12], 0x0800);
    std::uint8_t *const ip = &frame[14];
    ip[0] = 0x45;
    put16(ip + 2, static_cast<unsigned>(size) - 14);
    ip[8] = 64;
    ip[9] = IPPROTO_UDP;
    if (inet_pton(AF_INET, addresses[1], ip + 12) != 1 || inet_pton(AF_INET, addresses[2], ip + 16) != 1) {
        return false;
    }
    unsigned sum = 0;
    for (int i = 0; i < 20; i += 2) {
        sum += static_cast<unsigned>(ip[i] << 8 | ip[i + 1]);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    put16(ip + 10, ~((sum & 0xffff) + (sum >> 16)));
    put16(ip + 22, target_port);
    put16(ip + 24, static_cast<unsigned>(size) - 34);
    return true;
}

// No sockets are closed over frames that wait in them.
void drain(xbond::xsk::Sockets &sockets, std::uint32_t free_frames) {
    const auto end = Clock::now() + 1s;
    xbond::xsk::Batch<> batch(sockets);
    while (sockets.stats().free_frames < free_frames && Clock::now() < end && !sockets.wait(1ms)) {
        batch.receive();
        batch.release();
    }
}

int generate(xbond::xsk::Sockets &sockets, const Wanted &wanted, const std::array<std::uint8_t, longest> &frame) {
    const auto begin = Clock::now();
    auto next_line = begin + 1s;
    const std::uint32_t free_frames = sockets.stats().free_frames;
    std::uint64_t number = 0;
    while (!ended && number < wanted.count) {
        const double elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
        const double due = wanted.rate > 0 ? elapsed * wanted.rate - static_cast<double>(number) : 64;
        xbond::xsk::Batch<> batch(sockets);
        batch.receive(); // what the rule gives, released with the next step
        batch.alloc(std::min({static_cast<std::uint64_t>(std::max(due, 0.0)), std::uint64_t{64}, wanted.count - number}));
        for (int i = 0; i < batch.size(); ++i) {
            auto *const bytes = static_cast<std::uint8_t *>(batch[i].data);
            const std::uint64_t mine = number + static_cast<std::uint64_t>(i);
            std::memcpy(bytes, frame.data(), wanted.size);
            put16(bytes + 34, static_cast<unsigned>(first_port + mine % wanted.flows));
            for (int byte = 0; byte < 8; ++byte) {
                bytes[headers + static_cast<std::size_t>(byte)] = static_cast<std::uint8_t>(mine >> (56 - 8 * byte));
            }
            batch[i].size = static_cast<std::uint32_t>(wanted.size);
        }
        const bool idle = batch.empty();
        number += static_cast<std::uint64_t>(batch.send());
        if (idle && sockets.wait(1ms)) {
            std::fprintf(stderr, "generate: %s\n", xbond::xsk::last_error());
            return 1;
        }
        if (Clock::now() >= next_line) {
            next_line += 1s;
            std::printf("%llu sent\n", static_cast<unsigned long long>(number));
            std::fflush(stdout);
        }
    }
    drain(sockets, free_frames);
    const auto stats = sockets.stats();
    std::printf("%llu sent, %llu dropped, %llu by another slave\n", static_cast<unsigned long long>(stats.tx_packets),
                static_cast<unsigned long long>(stats.tx_dropped), static_cast<unsigned long long>(stats.tx_failover));
    return 0;
}

bool read_options(int argc, char **argv, Wanted &wanted) {
    for (int option; (option = getopt(argc, argv, "r:n:f:s:c:")) != -1;) {
        switch (option) {
        case 'r':
            wanted.rate = std::atof(optarg);
            break;
        case 'n':
            wanted.count = std::strtoull(optarg, nullptr, 10);
            break;
        case 'f':
            wanted.flows = static_cast<unsigned>(std::atoi(optarg));
            break;
        case 's':
            wanted.size = static_cast<std::size_t>(std::atoi(optarg));
            break;
        case 'c':
            wanted.socket = optarg;
            break;
        default:
            return false;
        }
    }
    return argc - optind == 4 && wanted.flows > 0 && wanted.flows < 50000 && wanted.size >= shortest &&
           wanted.size <= longest;
}

} // namespace

int main(int argc, char **argv) {
    Wanted wanted;
    if (!read_options(argc, argv, wanted)) {
        std::fprintf(stderr, "Usage: %s [-r PER-SECOND] [-n COUNT] [-f FLOWS] [-s SIZE: %zu to %zu] [-c SOCKET] BOND "
                             "DESTINATION-MAC SOURCE-IP DESTINATION-IP\n",
                     argv[0], shortest, longest);
        return 2;
    }
    std::signal(SIGINT, [](int) { ended = 1; });
    std::signal(SIGTERM, [](int) { ended = 1; });
    auto options = xbond::xsk::default_options();
    options.socket = wanted.socket;
    xbond::xsk::Sockets sockets;
    if (sockets.open(argv[optind], options)) {
        std::fprintf(stderr, "generate: %s\n", xbond::xsk::last_error());
        return 1;
    }
    std::array<std::uint8_t, longest> frame{};
    if (!make_frame(frame, wanted.size, sockets.state().bond(), argv + optind + 1)) {
        std::fprintf(stderr, "generate: expected a MAC address and two of IPv4\n");
        return 2;
    }
    return generate(sockets, wanted, frame);
}
