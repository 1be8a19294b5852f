// SPDX-License-Identifier: MIT
#include "user/daemon/elsewhere/nsid_events.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "user/sys/io.h"
#include "user/sys/netlink_parse.h"

namespace xbond::daemon {
namespace {

constexpr int buffer_bytes = 4 << 20;
constexpr std::size_t datagram_bytes = 64 << 10;

// Which namespace a datagram is of; -1: this one.
std::int32_t nsid_of(msghdr &msg) {
    for (cmsghdr *c = CMSG_FIRSTHDR(&msg); c != nullptr; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID) {
            std::int32_t nsid = -1;
            std::memcpy(&nsid, CMSG_DATA(c), sizeof nsid);
            return nsid;
        }
    }
    return -1;
}

} // namespace

Result<NsidEvents> NsidEvents::open() {
    NsidEvents events;
    events.fd_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    if (!events.fd_) {
        return sys::fail_errno("cannot open a netlink socket");
    }
    const int fd = events.fd_.get(), on = 1;
    if (::setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof on) != 0) {
        return sys::fail_errno("cannot listen to other network namespaces (CAP_NET_BROADCAST)");
    }
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes) != 0) {
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    }
    sockaddr_nl address{}; // the kernel tells nothing to one without
    address.nl_family = AF_NETLINK;
    if (::bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) {
        return sys::fail_errno("cannot bind a netlink socket");
    }
    for (const int group : {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR}) {
        if (::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
            return sys::fail_errno("cannot subscribe to netlink group " + std::to_string(group));
        }
    }
    return events;
}

void NsidEvents::drain(std::int32_t nsid, const std::function<void(sys::NetlinkEvent &&)> &handle) {
    std::array<std::uint8_t, datagram_bytes> buffer;
    alignas(cmsghdr) std::array<std::uint8_t, 256> control;
    for (;;) {
        sockaddr_nl from{};
        iovec iov{buffer.data(), buffer.size()};
        msghdr msg{};
        msg.msg_name = &from;
        msg.msg_namelen = sizeof from;
        msg.msg_iov = &iov;
        msg.msg_iovlen = 1;
        msg.msg_control = control.data();
        msg.msg_controllen = control.size();
        const ssize_t n = ::recvmsg(fd_.get(), &msg, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno != ENOBUFS) {
            return; // EAGAIN: read up
        }
        if (n < 0 || (msg.msg_flags & MSG_TRUNC) != 0) {
            handle(sys::Overrun{});
        } else if (from.nl_pid == 0 && nsid_of(msg) == nsid) {
            for (auto &event : sys::parse_events({buffer.data(), static_cast<std::size_t>(n)})) {
                handle(std::move(event));
            }
        }
    }
}

} // namespace xbond::daemon
