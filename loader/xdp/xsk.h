// SPDX-License-Identifier: MIT
// AF_XDP sockets for the slow protocols: one UMEM per bond, one socket per slave and receive queue, copy
// mode. Meant for some frames a second: few frames per socket, plain loops. One thread.
//
// Memory of a pool for 64 sockets (32 slaves with 2 queues each, or 4 with 16): 1280 frames of 2 KiB, 2.5 MiB pinned at
// once. Each open socket adds 16 KiB of rings and, in the kernel, 128 bytes per frame of the whole pool (160 KiB): why
// a pool is no larger, and a socket that finds no room is refused instead (its queue is then heard by the packet
// socket).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "xbond/abi.h"
#include "xbond/result.h"

namespace xbond::loader {

// The receive queues of a device, 1 where the driver does not tell. ENODEV when there is no such device.
Result<unsigned> rx_queues(std::uint32_t ifindex);

class XskSocket {
public:
    XskSocket(XskSocket &&) noexcept;
    XskSocket &operator=(XskSocket &&) noexcept;
    ~XskSocket(); // its frames go back to the pool; the kernel takes it out of xb_xsk

    int fd() const; // epoll: readable; never an error when the device goes

    // Hands over what waits at the time of the call, oldest first; the span is valid in the callback, which may send()
    // but not destroy. Nothing waits (any more) when the device has gone.
    void receive(const std::function<void(std::span<const std::uint8_t>)> &handle);

    // Past the device's qdisc, with priority TC_PRIO_CONTROL. ENOBUFS: earlier frames have not left yet; EBUSY: no
    // carrier; ENXIO: the device has gone. ENETDOWN: the device is down; the frame leaves when it is up again.
    Result<void> send(std::span<const std::uint8_t> frame);

    std::uint64_t dropped() const; // received frames that found no room

private:
    friend class XskPool;
    struct Impl;
    explicit XskSocket(std::unique_ptr<Impl>);
    std::unique_ptr<Impl> impl_;
};

// The shared UMEM. Sockets may outlive it: the memory goes with the last of them.
class XskPool {
public:
    static constexpr unsigned default_sockets = XB_MAX_SLAVES * 2;

    // The kernel shares a UMEM only while the socket that registered it is bound. So that slaves may come and go, that
    // socket sits on a device that lives as long as the bond: the pair's other end. EBUSY: another pool sits there.
    static Result<XskPool> create(std::uint32_t anchor_ifindex, unsigned sockets = default_sockets);

    // ENOSPC: the pool is used up. EBUSY: somebody else's AF_XDP socket has the queue, or one was closed a moment ago.
    // EINVAL: no such queue, or the pool has a socket there.
    Result<XskSocket> open(std::uint32_t ifindex, unsigned queue);

    unsigned free_sockets() const;
    std::size_t bytes() const; // of the UMEM

private:
    friend struct XskSocket::Impl;
    struct Umem;
    explicit XskPool(std::shared_ptr<Umem>);
    std::shared_ptr<Umem> umem_;
};

} // namespace xbond::loader
