// SPDX-License-Identifier: MIT
#include "user/daemon/traffic/slow_channel.h"

#include <algorithm>
#include <sys/epoll.h>

#include "user/sys/io.h"

namespace xbond::daemon {
namespace {

Result<void> watch(const Fd &epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return sys::fail_errno("cannot watch a socket of the slow protocols");
    }
    return {};
}

} // namespace

Result<SlowChannel> SlowChannel::open(SlotId slot, std::uint32_t ifindex) {
    XB_TRY(packet, sys::SlowSocket::open(ifindex));
    Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) {
        return sys::fail_errno("cannot make an epoll descriptor");
    }
    XB_TRY_VOID(watch(epoll, packet->fd()));
    return SlowChannel(slot, ifindex, std::move(*packet), std::move(epoll));
}

Result<void> SlowChannel::open_queue(unsigned number, loader::DataPath &path, loader::XskPool &pool) {
    XB_TRY(socket, pool.open(ifindex_, number));
    XB_TRY_VOID(watch(epoll_, socket->fd()));
    // From here on xb_xdp redirects.
    XB_TRY_VOID(path.set_xsk(slot_, number, socket->fd()));
    sockets_.push_back({number, std::move(*socket)});
    return {};
}

Result<void> SlowChannel::set_xdp(bool attached, loader::DataPath &path, loader::XskPool &pool) {
    attached_ = attached;
    if (!attached) {
        return {};
    }
    XB_TRY(queues, loader::rx_queues(ifindex_));
    Result<void> result;
    for (unsigned number = 0; number < std::min<unsigned>(*queues, XB_XSK_QUEUES); ++number) {
        if (std::ranges::find(sockets_, number, &Queue::number) != sockets_.end()) {
            continue;
        }
        if (auto opened = open_queue(number, path, pool); !opened && result) {
            result = opened;
        }
    }
    return result;
}

std::uint64_t SlowChannel::dropped() const {
    std::uint64_t sum = 0;
    for (const Queue &queue : sockets_) {
        sum += queue.socket.dropped();
    }
    return sum;
}

void SlowChannel::receive(const sys::SlowSocket::Handle &handle) {
    for (Queue &queue : sockets_) {
        queue.socket.receive([&](std::span<const std::uint8_t> frame) { handle(frame, std::nullopt); });
    }
    packet_.receive(handle);
}

Result<void> SlowChannel::send(std::span<const std::uint8_t> frame) {
    if (uses_xdp() && sockets_.front().socket.send(frame)) {
        ++xsk_sent_;
        return {};
    }
    return packet_.send(frame);
}

} // namespace xbond::daemon
