// SPDX-License-Identifier: MIT
// The control channel of one slave: LACP and marker frames in by AF_XDP, and out.
//
// A frame comes up one way only: xb_xdp redirects it into the AF_XDP socket of its queue, or it goes on and reaches the
// packet socket of all slaves (no program, no XB_SLOT_SLOW_TO_XSK, no socket on the queue). So both are always read,
// and XDP may be switched under traffic. Frames of other slow protocols come by the packet socket.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "loader/datapath.h"
#include "loader/xdp/xsk.h"
#include "user/sys/slow_socket.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::daemon {

class SlowChannel {
public:
    struct Queue { // a receive queue with its AF_XDP socket
        unsigned number;
        loader::XskSocket socket;
    };
    struct Opened {
        std::vector<Queue> queues; // also on an error: those that worked
        Result<void> outcome;
    };

    static Result<SlowChannel> open(SlotId, std::uint32_t ifindex, const sys::SlowSocket &packet);
    // A socket on each receive queue but those that have one. From here on xb_xdp redirects. Waits for RTNL, as does
    // closing a channel: for hands.
    static Opened open_queues(SlotId, std::uint32_t ifindex, std::span<const unsigned> have, loader::DataPath &,
                              loader::XskPool &);

    // After every DataPath::set_xdp, and after adoption. Attached: a socket on each queue that has none; on an error
    // the channel works all the same and the packet socket hears the queues without. Not attached: sockets stay open,
    // for frames that were redirected before. The bank's XB_SLOT_SLOW_TO_XSK is the caller's: set it when uses_xdp().
    Result<void> set_xdp(bool attached, loader::DataPath &, loader::XskPool &);
    // The same in two parts, where the loop may not wait: what open_queues() gave, and that xb_xdp is on the slave.
    Result<void> use_xdp(Opened);
    void leave_xdp() { attached_ = false; }
    // Frees the queues: what is returned closes the sockets when it goes, which waits for RTNL. Read what waits first.
    std::vector<Queue> take_sockets();
    std::vector<unsigned> queues() const; // the numbers of those that have a socket
    std::uint32_t ifindex() const { return ifindex_; }

    bool uses_xdp() const { return attached_ && !sockets_.empty(); }
    std::string_view way() const { return uses_xdp() ? "af_xdp" : "af_packet"; }
    std::size_t xsk_queues() const { return sockets_.size(); } // that have a socket
    std::uint64_t dropped() const;                             // frames that found no room in AF_XDP
    std::uint64_t xsk_sent() const { return xsk_sent_; }       // frames that left by AF_XDP

    int fd() const { return epoll_.get(); } // readable when a frame waits; the same for the life of the channel

    // All frames that wait in AF_XDP sockets; the kernel gives them no stamp (lacp::System::receive takes them to have
    // come before any deadline). The callback may send() but neither destroy the channel nor call set_xdp().
    void receive(const std::function<void(std::span<const std::uint8_t> frame)> &handle);

    // By the packet socket, in the way given, or by AF_XDP, where captures and filters on the slave do not see it. Each
    // where the other refuses.
    void prefer_xsk(bool on) { prefers_xsk_ = on; }
    bool sends_by_xsk() const { return prefers_xsk_ && uses_xdp(); }
    Result<void> send(std::span<const std::uint8_t> frame, sys::SendWay way = sys::SendWay::past_qdisc);

private:
    bool send_to_xsk(std::span<const std::uint8_t> frame);
    SlowChannel(SlotId slot, std::uint32_t ifindex, const sys::SlowSocket &packet, Fd epoll)
        : slot_(slot), ifindex_(ifindex), packet_(&packet), epoll_(std::move(epoll)) {}

    SlotId slot_;
    std::uint32_t ifindex_;
    const sys::SlowSocket *packet_;
    std::vector<Queue> sockets_;
    bool attached_ = false; // xb_xdp is on the slave
    bool prefers_xsk_ = false;
    std::uint64_t xsk_sent_ = 0;
    Fd epoll_;
};

} // namespace xbond::daemon
