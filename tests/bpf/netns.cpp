// SPDX-License-Identifier: MIT
#include "tests/bpf/netns.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>

namespace xbond::test {
namespace {

[[noreturn]] void throw_errno(const std::string &what) { throw std::system_error(errno, std::system_category(), what); }

} // namespace

void ip(const std::string &args) {
    if (std::system(("ip " + args).c_str()) != 0)
        throw std::runtime_error("failed: ip " + args);
}

void enter_netns() {
    if (unshare(CLONE_NEWNET) != 0)
        throw_errno("unshare(CLONE_NEWNET)");
    // No frame but the test's: no address detection, no membership reports.
    std::ofstream("/proc/sys/net/ipv6/conf/default/disable_ipv6") << 1;
    ip("link set lo up");
    ip("link add bond0 type veth peer name bond0p");
    ip("link set bond0 up");
    ip("link set bond0p up");
}

std::uint32_t add_veth(const std::string &name) {
    ip("link add " + name + " type veth peer name " + name + "_p");
    ip("link set " + name + " up");
    ip("link set " + name + "_p up");
    return ifindex(name);
}

std::uint32_t ifindex(const std::string &name) {
    const unsigned index = if_nametoindex(name.c_str());
    if (index == 0)
        throw_errno(name);
    return index;
}

MacAddr mac_of(const std::string &name) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    const int failed = ioctl(fd, SIOCGIFHWADDR, &request);
    close(fd);
    if (failed != 0)
        throw_errno("SIOCGIFHWADDR " + name);
    MacAddr mac;
    std::memcpy(mac.bytes.data(), request.ifr_hwaddr.sa_data, mac.bytes.size());
    return mac;
}

void set_carrier(const std::string &name, bool on) { ip("link set " + name + (on ? "_p up" : "_p down")); }

PacketSocket::PacketSocket(const std::string &interface)
    : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
    if (fd_ < 0)
        throw_errno("packet socket");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(ifindex(interface));
    if (bind(fd_, reinterpret_cast<sockaddr *>(&address), sizeof(address)) != 0)
        throw_errno("bind " + interface);
}

PacketSocket::~PacketSocket() { close(fd_); }

void PacketSocket::bypass_qdisc() const {
    const int on = 1;
    if (setsockopt(fd_, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) != 0)
        throw_errno("PACKET_QDISC_BYPASS");
}

void PacketSocket::send(const Bytes &frame) const {
    // A program that drops the frame makes the call fail with ENOBUFS: not an error of the test.
    if (::send(fd_, frame.data(), frame.size(), 0) < 0 && errno != ENOBUFS)
        throw_errno("send");
}

int PacketSocket::count(const Bytes &frame, int want) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    int seen = 0;
    for (;;) {
        std::uint8_t buffer[2048];
        const ssize_t size = recv(fd_, buffer, sizeof(buffer), 0);
        if (size >= 0) {
            seen += std::equal(frame.begin(), frame.end(), buffer, buffer + size);
            continue;
        }
        if (seen >= want || std::chrono::steady_clock::now() >= deadline)
            return seen;
        pollfd p{fd_, POLLIN, 0};
        poll(&p, 1, 100);
    }
}

} // namespace xbond::test
