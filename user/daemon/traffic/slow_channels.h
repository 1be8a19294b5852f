// SPDX-License-Identifier: MIT
// The slow channels of a bond in mode 802.3ad, one a slave: made and ended as slaves come and go, by AF_XDP where
// xb_xdp is attached. AF_XDP sockets are opened and closed by hands. Of what a port floods with the last of each kind
// counts, ten times a second, so that it costs the others nothing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "loader/xdp/xsk.h"
#include "user/core/bond/bond.h"
#include "user/daemon/bond/applier.h"
#include "user/daemon/traffic/slow_channel.h"
#include "user/daemon/traffic/slow_receiver.h"
#include "user/show/snapshot.h"

namespace xbond::daemon {

class SlowChannels {
public:
    // `heard`: what came. `news`: frames may go another way than before.
    SlowChannels(Host &host, std::shared_ptr<loader::DataPath> path, Applier &applier, std::uint32_t peer_ifindex,
                 std::function<void(std::vector<core::SlowFrame>)> heard, std::function<void()> news)
        : host_(host),
          path_(std::move(path)),
          applier_(applier),
          peer_ifindex_(peer_ifindex),
          heard_(std::move(heard)),
          news_(std::move(news)) {}

    void add(SlotId, std::uint32_t ifindex); // of a slave that is just coming
    void open(const core::BondState &);      // of slaves that have none, before anything is sent: at a start
    // Closes those of slaves that have gone, when their farewell has been sent; AF_XDP follows XDP.
    void follow(const core::BondState &);
    void clear();
    std::function<void()> closer(); // instead of clear(), where no hands are at work any more: for any thread

    std::vector<core::SlowFrame> read_all(); // what waits
    Result<void> send(SlotId, std::span<const std::uint8_t> frame);
    // Any frame out of a slave by AF_XDP; none: no such socket there.
    std::optional<Result<void>> send_by_xsk(SlotId, std::span<const std::uint8_t> frame);

    std::map<SlotId, show::LacpPortView> views() const; // all but what LACP knows

private:
    struct Port {
        SlowChannel channel;
        std::shared_ptr<void> listener{};                // of what comes by AF_PACKET
        sys::EventLoop::Source readable{};               // what comes by AF_XDP; goes before the channel
        Time window{};                                   // when the count began
        unsigned heard = 0;                              // frames since
        std::map<std::uint8_t, core::SlowFrame> flood{}; // of those above measure, the last of each subtype
        sys::EventLoop::Source flood_end{};
        std::optional<loader::XdpState::Attached> attached{};
        bool opening = false;
        sys::EventLoop::Source leaving{}; // AF_XDP: frames that were redirected before may still come in
        int attempts = 0;                 // to open AF_XDP sockets
    };
    struct Pool { // hands' alone
        std::optional<loader::XskPool> pool;
    };

    void on_readable(SlotId);
    std::vector<core::SlowFrame> read(SlotId, Port &);
    static std::vector<core::SlowFrame> take_flood(Port &);
    void close(Port &);
    void sync_xdp(const core::BondState &, const core::Slave &, Port &);
    void leave_xdp(SlotId, Port &);
    void free_queues(SlotId);
    void take_queues(const std::string &bond, const core::Slave &, SlowChannel::Opened);

    Host &host_;
    std::shared_ptr<loader::DataPath> path_;
    Applier &applier_;
    std::uint32_t peer_ifindex_;
    std::function<void(std::vector<core::SlowFrame>)> heard_;
    std::function<void()> news_;
    std::shared_ptr<Pool> pool_ = std::make_shared<Pool>();
    std::map<SlotId, Port> ports_;
    Alive alive_;
};

} // namespace xbond::daemon
