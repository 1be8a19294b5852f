// SPDX-License-Identifier: MIT
// The slow channels of a bond in mode 802.3ad, one a slave: opened and closed as slaves come and go, by AF_XDP where
// xb_xdp is attached.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "loader/xsk.h"
#include "user/core/bond/bond.h"
#include "user/daemon/bond/applier.h"
#include "user/daemon/traffic/slow_channel.h"
#include "user/show/snapshot.h"

namespace xbond::daemon {

class SlowChannels {
public:
    // `readable`: something waits on this slave's channel.
    SlowChannels(Host &host, loader::DataPath &path, Applier &applier, std::uint32_t peer_ifindex,
                 std::function<void(SlotId)> readable)
        : host_(host), path_(path), applier_(applier), peer_ifindex_(peer_ifindex), readable_(std::move(readable)) {}

    void open(const core::BondState &); // of slaves that have none: before anything is sent
    // Closes those of slaves that have gone, when their farewell has been sent; AF_XDP follows XDP.
    void follow(const core::BondState &);
    void clear() { ports_.clear(); }

    std::vector<core::SlowFrame> read(SlotId); // what waits
    std::vector<core::SlowFrame> read_all();
    Result<void> send(SlotId, std::span<const std::uint8_t> frame);
    // Any frame out of a slave by AF_XDP; none: no such socket there.
    std::optional<Result<void>> send_by_xsk(SlotId, std::span<const std::uint8_t> frame);

    std::map<SlotId, show::LacpPortView> views() const; // all but what LACP knows

private:
    struct Port {
        SlowChannel channel;
        sys::EventLoop::Source readable{}; // goes before the channel
        std::optional<loader::XdpState::Attached> attached{};
        int attempts = 0; // to open AF_XDP sockets
    };

    void sync_xdp(const std::string &bond, const core::Slave &, Port &);

    Host &host_;
    loader::DataPath &path_;
    Applier &applier_;
    std::uint32_t peer_ifindex_;
    std::function<void(SlotId)> readable_;
    std::optional<loader::XskPool> pool_;
    std::map<SlotId, Port> ports_;
};

} // namespace xbond::daemon
