// SPDX-License-Identifier: MIT
#include "user/daemon/traffic/slow_channel.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <sys/epoll.h>
#include <utility>

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

Result<SlowChannel> SlowChannel::open(SlotId slot, std::uint32_t ifindex, const sys::SlowSocket &packet) {
    Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) {
        return sys::fail_errno("cannot make an epoll descriptor");
    }
    return SlowChannel(slot, ifindex, packet, std::move(epoll));
}

SlowChannel::Opened SlowChannel::open_queues(SlotId slot, std::uint32_t ifindex, std::span<const unsigned> have,
                                             loader::DataPath &path, loader::XskPool &pool) {
    Opened opened;
    const auto count = loader::rx_queues(ifindex);
    if (!count) {
        opened.outcome = tl::unexpected(count.error());
        return opened;
    }
    for (unsigned number = 0; number < std::min<unsigned>(*count, XB_XSK_QUEUES); ++number) {
        if (std::ranges::find(have, number) != have.end()) {
            continue;
        }
        auto socket = pool.open(ifindex, number);
        const auto done =
            socket ? path.set_xsk(slot, number, socket->fd()) : Result<void>(tl::unexpected(socket.error()));
        if (done) {
            opened.queues.push_back({number, std::move(*socket)});
        } else if (opened.outcome) {
            opened.outcome = done;
        }
    }
    return opened;
}

Result<void> SlowChannel::use_xdp(Opened opened) {
    attached_ = true;
    for (Queue &queue : opened.queues) {
        if (auto watched = watch(epoll_, queue.socket.fd()); watched) {
            sockets_.push_back(std::move(queue));
        } else if (opened.outcome) {
            opened.outcome = watched;
        }
    }
    return opened.outcome;
}

Result<void> SlowChannel::set_xdp(bool attached, loader::DataPath &path, loader::XskPool &pool) {
    if (!attached) {
        leave_xdp();
        return {};
    }
    return use_xdp(open_queues(slot_, ifindex_, queues(), path, pool));
}

std::vector<SlowChannel::Queue> SlowChannel::take_sockets() {
    for (const Queue &queue : sockets_) {
        (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, queue.socket.fd(), nullptr);
    }
    return std::exchange(sockets_, {});
}

std::vector<unsigned> SlowChannel::queues() const {
    std::vector<unsigned> numbers;
    std::ranges::transform(sockets_, std::back_inserter(numbers), &Queue::number);
    return numbers;
}

std::uint64_t SlowChannel::dropped() const {
    std::uint64_t sum = 0;
    for (const Queue &queue : sockets_) {
        sum += queue.socket.dropped();
    }
    return sum;
}

void SlowChannel::receive(const std::function<void(std::span<const std::uint8_t> frame)> &handle) {
    for (Queue &queue : sockets_) {
        queue.socket.receive(handle);
    }
}

bool SlowChannel::send_to_xsk(std::span<const std::uint8_t> frame) {
    const bool sent = uses_xdp() && sockets_.front().socket.send(frame);
    xsk_sent_ += sent ? 1 : 0;
    return sent;
}

Result<void> SlowChannel::send(std::span<const std::uint8_t> frame, sys::SendWay way) {
    if (prefers_xsk_ && send_to_xsk(frame)) {
        return {};
    }
    auto sent = packet_->send(ifindex_, frame, way);
    const bool full = !sent && (sent.error().code == ENOBUFS || sent.error().code == EAGAIN);
    return full && send_to_xsk(frame) ? Result<void>() : sent;
}

} // namespace xbond::daemon
