// SPDX-License-Identifier: MIT
// The slow protocols (IEEE 802.3 Annex 57A: LACP, marker) of all slaves by one AF_PACKET socket. One a slave would cost
// an RCU grace period each when it is bound and when it is closed: of a killed program the kernel closes them one by
// one, and LACP is silent for as long.
//
// Bound to the one EtherType and read through a ring, in which the kernel notes the time of each frame, it costs other
// traffic nothing: a socket that asks for stamps (SO_TIMESTAMP) has every frame that the host receives stamped. xb_rx
// leaves these frames on the slave, and the stack has taken VLAN tags off by the time it hands them out: a priority tag
// (VID 0) is gone; what came in a VLAN is marked as another host's, or belongs to a VLAN device, and is not heard.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "common/fd.h"
#include "user/sys/packet_socket.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::sys {

class SlowSocket {
public:
    static Result<SlowSocket> open();
    SlowSocket(SlowSocket &&) noexcept;
    SlowSocket &operator=(SlowSocket &&) noexcept;
    ~SlowSocket();

    // Subscribes the device to 01:80:C2:00:00:02 until leave() or the end of the socket; the kernel counts
    // subscriptions, so promiscuous mode and other lists do not matter. The device may go down and up. Both wait for
    // RTNL.
    Result<void> join(std::uint32_t ifindex) const;
    void leave(std::uint32_t ifindex) const;
    // Frames of a protocol (LACP, marker, ...) of a device that are not heard, from the next one on; at most max_muted.
    struct Muted {
        std::uint32_t ifindex = 0;
        std::uint8_t subtype = 0;

        auto operator<=>(const Muted &) const = default;
    };
    static constexpr std::size_t max_muted = 32;
    Result<void> mute(std::span<const Muted>) const;
    static constexpr std::size_t subtype_at = 14; // in a frame, behind the Ethernet header

    int fd() const { return fd_.get(); }

    // `stamp`: when the kernel got the frame. The span is valid in the callback, which may send() but not destroy.
    using Handle = std::function<void(std::uint32_t ifindex, std::span<const std::uint8_t> frame, Time stamp)>;
    void receive(const Handle &handle) const; // all that had come by the time of the call, oldest first

    // With priority TC_PRIO_CONTROL; never waits. ENOBUFS, EAGAIN: nothing was sent.
    Result<void> send(std::uint32_t ifindex, std::span<const std::uint8_t> frame,
                      SendWay way = SendWay::past_qdisc) const;

private:
    class Ring;

    SlowSocket();

    Fd fd_;
    std::unique_ptr<Ring> ring_;
    mutable SendWay way_ = SendWay::past_qdisc; // as the kernel was last told
};

} // namespace xbond::sys
