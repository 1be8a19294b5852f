// SPDX-License-Identifier: MIT
#include "tests/harness/packet_socket.h"

#include <algorithm>
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>

#include "tests/harness/device.h"
#include "tests/harness/throw_errno.h"
#include "tests/harness/wait.h"

namespace xbond::harness {
namespace {

constexpr int receive_buffer_bytes = 64 << 20;

// Takes what waits in the socket.
int count_waiting(const Fd &socket, const std::vector<std::uint8_t> &frame) {
    int seen = 0;
    std::uint8_t buffer[2048];
    for (ssize_t size = 0; (size = recv(socket.get(), buffer, sizeof buffer, MSG_DONTWAIT)) >= 0;) {
        seen += std::equal(frame.begin(), frame.end(), buffer, buffer + size);
    }
    return seen;
}

} // namespace

Fd packet_socket(std::uint32_t ifindex, std::uint16_t protocol) {
    Fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    check(bool(fd), "AF_PACKET socket");
    check(setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof receive_buffer_bytes) == 0,
          "SO_RCVBUFFORCE");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(protocol);
    address.sll_ifindex = static_cast<int>(ifindex);
    if (protocol != 0 || ifindex != 0) {
        check(bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0, "bind AF_PACKET");
    }
    return fd;
}

void bypass_qdisc(const Fd &socket) {
    const int on = 1;
    check(setsockopt(socket.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) == 0, "PACKET_QDISC_BYPASS");
}

PacketSocket::PacketSocket(const std::string &ifname) : socket_(packet_socket(ifindex(ifname), ETH_P_ALL)) {}

void PacketSocket::send(const std::vector<std::uint8_t> &frame) const {
    // A program that drops the frame makes the call fail with ENOBUFS: not an error of the test.
    check(::send(socket_.get(), frame.data(), frame.size(), 0) >= 0 || errno == ENOBUFS, "send");
}

int PacketSocket::count(const std::vector<std::uint8_t> &frame, int want) const {
    int seen = 0;
    wait_until([&] { return (seen += count_waiting(socket_, frame)) >= want; }, 2s, 1ms);
    return seen;
}

} // namespace xbond::harness
