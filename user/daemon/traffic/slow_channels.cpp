// SPDX-License-Identifier: MIT
#include "user/daemon/traffic/slow_channels.h"

#include <spdlog/spdlog.h>

namespace xbond::daemon {
namespace {

constexpr int xsk_attempts = 20; // an AF_XDP socket of a controller that died is closed a moment later

} // namespace

// Without a channel the port is deaf and dumb; it is tried again at the next occasion.
void SlowChannels::open(const core::BondState &bond) {
    if (!core::uses_lacp(bond)) {
        return;
    }
    for (const core::Slave &slave : bond.slaves) {
        const SlotId slot = slave.slot;
        if (ports_.contains(slot)) {
            continue;
        }
        auto channel = SlowChannel::open(slot, slave.ifindex);
        if (!channel) {
            spdlog::error("{}: slave {}: no LACP: {}", bond.name, slave.name, channel.error().message);
            continue;
        }
        auto &port = ports_.emplace(slot, Port{std::move(*channel)}).first->second;
        port.readable = host_.loop.on_readable(
            port.channel.fd(), [this, slot] { readable_(slot); }, "slow frames");
    }
}

void SlowChannels::follow(const core::BondState &bond) {
    std::erase_if(ports_, [&](const auto &port) { return core::find_slave(bond, port.first) == nullptr; });
    for (auto &[slot, port] : ports_) {
        sync_xdp(bond.name, *core::find_slave(bond, slot), port);
    }
    if (!core::uses_lacp(bond)) {
        pool_.reset();
    }
}

// Where xb_xdp is attached, its AF_XDP sockets get the frames.
void SlowChannels::sync_xdp(const std::string &bond, const core::Slave &slave, Port &port) {
    using Attached = loader::XdpState::Attached;
    const Attached attached = applier_.xdp(slave.slot).attached;
    if (port.attached == attached) {
        return;
    }
    Result<void> done;
    if (attached != Attached::none && !pool_) {
        auto pool = loader::XskPool::create(peer_ifindex_);
        if (pool) {
            pool_ = std::move(*pool);
        } else {
            done = tl::unexpected(pool.error());
        }
    }
    if (pool_) {
        done = port.channel.set_xdp(attached != Attached::none, path_, *pool_);
    }
    if (!done && ++port.attempts < xsk_attempts) {
        return; // and once more at the next occasion
    }
    if (!done) {
        spdlog::warn("{}: slave {}: LACP by AF_PACKET where AF_XDP is refused: {}", bond, slave.name,
                     done.error().message);
    }
    port.attached = attached;
    port.attempts = 0;
    applier_.set_slow_to_xsk(slave.slot, port.channel.uses_xdp());
}

std::vector<core::SlowFrame> SlowChannels::read(SlotId slot) {
    std::vector<core::SlowFrame> frames;
    if (const auto port = ports_.find(slot); port != ports_.end()) {
        port->second.channel.receive([&](std::span<const std::uint8_t> frame, std::optional<Time> stamp) {
            frames.push_back({slot, wire::Frame(frame.begin(), frame.end()), stamp});
        });
    }
    return frames;
}

std::vector<core::SlowFrame> SlowChannels::read_all() {
    std::vector<core::SlowFrame> all;
    for (const auto &[slot, port] : ports_) {
        for (auto &frame : read(slot)) {
            all.push_back(std::move(frame));
        }
    }
    return all;
}

Result<void> SlowChannels::send(SlotId slot, std::span<const std::uint8_t> frame) {
    const auto port = ports_.find(slot);
    return port == ports_.end() ? fail(ENODEV, "no channel") : port->second.channel.send(frame);
}

std::optional<Result<void>> SlowChannels::send_by_xsk(SlotId slot, std::span<const std::uint8_t> frame) {
    const auto port = ports_.find(slot);
    if (port == ports_.end() || !port->second.channel.uses_xdp()) {
        return std::nullopt;
    }
    return port->second.channel.send(frame);
}

std::map<SlotId, show::LacpPortView> SlowChannels::views() const {
    std::map<SlotId, show::LacpPortView> views;
    for (const auto &[slot, port] : ports_) {
        views[slot] = {std::string(port.channel.way()), port.channel.xsk_queues(), port.channel.dropped(),
                       port.channel.xsk_sent(), std::nullopt};
    }
    return views;
}

} // namespace xbond::daemon
