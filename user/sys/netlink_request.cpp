// SPDX-License-Identifier: MIT
#include "user/sys/netlink_request.h"

#include <cerrno>
#include <sys/socket.h>

namespace xbond::sys {
namespace {

std::string failure(std::string_view what, const NetlinkAck &ack) {
    std::string text = std::string(what) + ": " + errno_text(ack.code);
    return ack.text.empty() ? text : text + " (" + ack.text + ")";
}

} // namespace

Result<Fd> open_netlink_socket(int flags) {
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE));
    if (!fd) {
        return fail_errno("cannot open a netlink socket");
    }
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    if (::bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) {
        return fail_errno("cannot bind a netlink socket");
    }
    return fd;
}

Result<Bytes> receive_datagram(int fd, Datagram &buffer) {
    for (;;) {
        sockaddr_nl from{};
        iovec iov{buffer.data(), buffer.size()};
        msghdr msg{};
        msg.msg_name = &from;
        msg.msg_namelen = sizeof from;
        msg.msg_iov = &iov;
        msg.msg_iovlen = 1;
        const ssize_t n = ::recvmsg(fd, &msg, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_errno("netlink receive");
        }
        if (from.nl_pid != 0) {
            continue;
        }
        if ((msg.msg_flags & MSG_TRUNC) != 0) {
            return fail_errno("netlink receive", EMSGSIZE);
        }
        return Bytes(buffer.data(), static_cast<std::size_t>(n));
    }
}

Result<bool> talk(int fd, NetlinkRequest &request, std::uint32_t seq, const std::string &what,
                  const std::function<void(const NetlinkMessage &)> &each) {
    request.header()->nlmsg_seq = seq;
    if (::send(fd, request.header(), request.header()->nlmsg_len, 0) < 0) {
        return fail_errno(what);
    }
    bool interrupted = false;
    alignas(nlmsghdr) Datagram buffer;
    for (;;) {
        auto datagram = receive_datagram(fd, buffer);
        if (!datagram) {
            const int code = datagram.error().code;
            return fail_errno(what + ": no answer from the kernel", code == EAGAIN ? ETIMEDOUT : code);
        }
        while (const auto m = take_message(*datagram)) {
            if (m->seq != seq) {
                continue; // left over from a request that failed
            }
            interrupted |= (m->flags & NLM_F_DUMP_INTR) != 0;
            if (const auto ack = parse_ack(*m)) {
                if (ack->code != 0) {
                    return fail(ack->code, failure(what, *ack));
                }
                return interrupted;
            }
            each(*m);
        }
    }
}

Result<void> request_change(int fd, NetlinkRequest &request, std::uint32_t seq, const std::string &what) {
    XB_TRY(done, talk(fd, request, seq, what, [](const NetlinkMessage &) {}));
    return {};
}

} // namespace xbond::sys
