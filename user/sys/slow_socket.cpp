// SPDX-License-Identifier: MIT
#include "user/sys/slow_socket.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <vector>

#include "user/sys/event_loop.h"
#include "user/sys/io.h"

namespace xbond::sys {
namespace {

constexpr std::array<std::uint8_t, ETH_ALEN> slow_group{0x01, 0x80, 0xc2, 0, 0, 2};
constexpr std::size_t buffer_bytes = 2048;
constexpr int max_frames = 256;        // at once, or a flood would hold the caller
constexpr int receive_bytes = 1 << 20; // some 1,300 frames: all slaves' share it
constexpr int send_bytes = 16 << 20;   // what one device does not take away must not use up the room of the others

template <typename T> bool set_option(const Fd &fd, int level, int name, const T &value) {
    return ::setsockopt(fd.get(), level, name, &value, sizeof value) == 0;
}

// Received for this host, to the group: not outgoing, not of a VLAN, not muted.
bool set_filter(const Fd &fd, std::span<const SlowSocket::Muted> muted) {
    std::vector<sock_filter> code;
    for (const auto &[ifindex, subtype] : muted) {
        code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_IFINDEX)));
        code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ifindex, 0, 3));
        code.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SlowSocket::subtype_at));
        code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, subtype, 0, 1));
        code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
    }
    const std::array<sock_filter, 9> slow{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_MULTICAST, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0180c200, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4), // and the first half of the source
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0002, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, buffer_bytes),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    code.insert(code.end(), slow.begin(), slow.end());
    return set_option(fd, SOL_SOCKET, SO_ATTACH_FILTER,
                      sock_fprog{static_cast<unsigned short>(code.size()), code.data()});
}

bool membership(const Fd &fd, int what, std::uint32_t ifindex) {
    packet_mreq request{};
    request.mr_ifindex = static_cast<int>(ifindex);
    request.mr_type = PACKET_MR_MULTICAST;
    request.mr_alen = slow_group.size();
    std::copy(slow_group.begin(), slow_group.end(), request.mr_address);
    return set_option(fd, SOL_PACKET, what, request);
}

Time time_of(const timespec &t) { return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec); }

// The kernel stamps in CLOCK_REALTIME: how old the frame is holds on any clock. A step of that clock in between must
// not give a time to come.
std::optional<Time> stamp_of(msghdr &message) {
    for (cmsghdr *c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            timespec stamp{}, wall{};
            std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
            ::clock_gettime(CLOCK_REALTIME, &wall);
            return now() - std::max(time_of(wall) - time_of(stamp), Time{});
        }
    }
    return std::nullopt;
}

} // namespace

Result<SlowSocket> SlowSocket::open() {
    SlowSocket s;
    // Without a protocol until it is ready: nothing unfiltered gets in.
    s.fd_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!s.fd_) {
        return fail_errno("cannot open a packet socket");
    }
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_SLOW);
    const int on = 1, priority = TC_PRIO_CONTROL;
    (void)set_option(s.fd_, SOL_SOCKET, SO_RCVBUFFORCE, receive_bytes);
    (void)set_option(s.fd_, SOL_SOCKET, SO_SNDBUFFORCE, send_bytes);
    if (!set_filter(s.fd_, {}) || !set_option(s.fd_, SOL_SOCKET, SO_TIMESTAMPNS, on) ||
        !set_option(s.fd_, SOL_SOCKET, SO_PRIORITY, priority) ||
        !set_option(s.fd_, SOL_PACKET, PACKET_QDISC_BYPASS, on) ||
        ::bind(s.fd_.get(), reinterpret_cast<sockaddr *>(&at), sizeof at) != 0) {
        return fail_errno("cannot hear slow protocols");
    }
    return s;
}

Result<void> SlowSocket::join(std::uint32_t ifindex) const {
    if (!membership(fd_, PACKET_ADD_MEMBERSHIP, ifindex)) {
        return fail_errno("cannot hear slow protocols on interface " + std::to_string(ifindex));
    }
    return {};
}

void SlowSocket::leave(std::uint32_t ifindex) const { (void)membership(fd_, PACKET_DROP_MEMBERSHIP, ifindex); }

Result<void> SlowSocket::mute(std::span<const Muted> muted) const {
    if (!set_filter(fd_, muted.first(std::min(muted.size(), max_muted)))) {
        return fail_errno("cannot filter slow protocols");
    }
    return {};
}

void SlowSocket::receive(const Handle &handle) const {
    std::array<std::uint8_t, buffer_bytes> buffer;
    for (int frames = 0; frames < max_frames; ++frames) {
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timespec))> control;
        iovec data{buffer.data(), buffer.size()};
        sockaddr_ll from{};
        msghdr message{};
        message.msg_name = &from;
        message.msg_namelen = sizeof from;
        message.msg_iov = &data;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        const ssize_t size = ::recvmsg(fd_.get(), &message, 0);
        if (size < 0) {
            if (errno == EINTR || errno == ENETDOWN) { // the latter is told once, when the device goes down
                continue;
            }
            return;
        }
        handle(static_cast<std::uint32_t>(from.sll_ifindex), std::span(buffer).first(static_cast<std::size_t>(size)),
               stamp_of(message));
    }
}

Result<void> SlowSocket::send(std::uint32_t ifindex, std::span<const std::uint8_t> frame, SendWay way) const {
    if (way != way_ && set_option(fd_, SOL_PACKET, PACKET_QDISC_BYPASS, way == SendWay::past_qdisc ? 1 : 0)) {
        way_ = way;
    }
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_SLOW);
    to.sll_ifindex = static_cast<int>(ifindex);
    if (::sendto(fd_.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr *>(&to), sizeof to) < 0) {
        return fail_errno("cannot send a slow protocol's frame");
    }
    return {};
}

} // namespace xbond::sys
