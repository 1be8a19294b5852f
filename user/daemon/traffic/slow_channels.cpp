// SPDX-License-Identifier: MIT
#include "user/daemon/traffic/slow_channels.h"

#include <iterator>
#include <spdlog/spdlog.h>
#include <utility>

namespace xbond::daemon {
namespace {

constexpr Ms last_frames(100);   // after which nothing is on its way into a socket any more
constexpr int xsk_attempts = 20; // an AF_XDP socket of a controller that died is closed a moment later

} // namespace

void SlowChannels::add(SlotId slot, std::uint32_t ifindex) {
    auto channel = SlowChannel::open(slot, ifindex, host_.slow.socket());
    if (!channel) { // without one the port is deaf and dumb
        spdlog::error("slot {}: no LACP: {}", slot, channel.error().message);
        return;
    }
    if (const auto old = ports_.find(slot); old != ports_.end()) {
        close(old->second);
        ports_.erase(old);
    }
    Port &port = ports_.emplace(slot, Port{std::move(*channel)}).first->second;
    port.listener = host_.slow.listen(ifindex, [this, slot] { on_readable(slot); });
    port.readable = host_.loop.on_readable(
        port.channel.fd(), [this, slot] { on_readable(slot); }, "slow frames");
}

void SlowChannels::open(const core::BondState &bond) {
    for (const core::Slave &slave : bond.slaves) {
        if (!ports_.contains(slave.slot)) {
            add(slave.slot, slave.ifindex);
        }
    }
}

// To close its sockets waits for RTNL, too.
void SlowChannels::close(Port &port) {
    port.readable = {};
    port.listener = {};
    host_.hands.run(
        [channel = std::make_shared<SlowChannel>(std::move(port.channel))]() mutable {
            return [channel = std::move(channel)](Hands::Tools &) mutable -> Hands::Then {
                channel.reset();
                return {};
            };
        }(),
        "close a slow channel");
}

void SlowChannels::clear() {
    for (auto &[slot, port] : ports_) {
        close(port);
    }
    ports_.clear();
}

std::function<void()> SlowChannels::closer() {
    auto channels = std::make_shared<std::vector<SlowChannel>>();
    for (auto &[slot, port] : ports_) {
        port.readable = {};
        port.listener = {};
        channels->push_back(std::move(port.channel));
    }
    ports_.clear();
    return [channels, pool = std::move(pool_)] {
        channels->clear();
        pool->pool.reset();
    };
}

void SlowChannels::follow(const core::BondState &bond) {
    for (auto port = ports_.begin(); port != ports_.end();) {
        if (core::find_slave(bond, port->first) != nullptr) {
            ++port;
            continue;
        }
        close(port->second);
        port = ports_.erase(port);
    }
    const bool asked_for = bond.options.xdp == XdpPolicy::native || bond.options.xdp == XdpPolicy::generic;
    for (auto &[slot, port] : ports_) {
        port.channel.prefer_xsk(asked_for && !applier_.somebody_captures(port.channel.ifindex()));
        sync_xdp(bond, *core::find_slave(bond, slot), port);
    }
}

// The data path hands frames to the packet socket from the next flip on.
void SlowChannels::leave_xdp(SlotId slot, Port &port) {
    port.channel.leave_xdp();
    port.attached = loader::XdpState::Attached::none;
    applier_.set_slow_to_xsk(slot, false);
    if (port.channel.xsk_queues() > 0) {
        port.leaving = host_.loop.at(
            sys::now() + last_frames, [this, slot] { free_queues(slot); }, "leave AF_XDP");
    }
}

void SlowChannels::free_queues(SlotId slot) {
    Port &port = ports_.at(slot);
    port.leaving = {};
    auto last = read(slot, port);
    host_.hands.run(
        [sockets = std::make_shared<std::vector<SlowChannel::Queue>>(port.channel.take_sockets())](
            Hands::Tools &) -> Hands::Then {
            sockets->clear();
            return {};
        },
        "leave AF_XDP");
    if (!last.empty()) {
        heard_(std::move(last));
    }
}

// Where it is asked for and xb_xdp is attached, AF_XDP sockets get the frames. Otherwise the queues are left to others.
void SlowChannels::sync_xdp(const core::BondState &state, const core::Slave &slave, Port &port) {
    using Attached = loader::XdpState::Attached;
    const bool wanted = state.options.lacp_channel == core::LacpChannel::af_xdp;
    const Attached attached = wanted ? applier_.xdp(slave.slot).attached : Attached::none;
    if (port.attached == attached || port.opening) {
        return;
    }
    if (attached == Attached::none) {
        leave_xdp(slave.slot, port);
        return;
    }
    port.leaving = {}; // sockets that are still there serve on
    port.opening = true;
    auto back = alive_.guard(
        [this, bond = state.name, slave](SlowChannel::Opened opened) { take_queues(bond, slave, std::move(opened)); });
    host_.hands.run(
        [back, path = path_, pool = pool_, anchor = peer_ifindex_, slot = slave.slot, ifindex = slave.ifindex,
         have = port.channel.queues()](Hands::Tools &) -> Hands::Then {
            Result<void> ready;
            if (!pool->pool) {
                auto made = loader::XskPool::create(anchor);
                made ? void(pool->pool.emplace(std::move(*made))) : void(ready = tl::unexpected(made.error()));
            }
            auto opened = std::make_shared<SlowChannel::Opened>(
                ready ? SlowChannel::open_queues(slot, ifindex, have, *path, *pool->pool)
                      : SlowChannel::Opened{{}, ready});
            return [back, opened]() mutable { back(std::move(*opened)); };
        },
        "AF_XDP sockets");
}

void SlowChannels::take_queues(const std::string &bond, const core::Slave &slave, SlowChannel::Opened opened) {
    const auto found = ports_.find(slave.slot);
    if (found == ports_.end() || found->second.channel.ifindex() != slave.ifindex) {
        return;
    }
    Port &port = found->second;
    port.opening = false;
    const auto done = port.channel.use_xdp(std::move(opened));
    if (!done && ++port.attempts < xsk_attempts) {
        return; // and once more at the next occasion
    }
    if (!done) {
        spdlog::warn("{}: slave {}: LACP by AF_PACKET where AF_XDP is refused: {}", bond, slave.name,
                     done.error().message);
    }
    port.attached = applier_.xdp(slave.slot).attached;
    port.attempts = 0;
    applier_.set_slow_to_xsk(slave.slot, port.channel.uses_xdp());
    news_();
}

void SlowChannels::on_readable(SlotId slot) {
    auto &port = ports_.at(slot);
    if (auto frames = read(slot, port); !frames.empty()) {
        heard_(std::move(frames));
    }
}

// A partner says something once a second. What is above ten frames in a tenth of a second waits for the end of it.
std::vector<core::SlowFrame> SlowChannels::read(SlotId slot, Port &port) {
    constexpr Ms interval(100);
    constexpr unsigned measure = 10;
    constexpr std::size_t subtype = 14; // behind the Ethernet header
    const Time now = sys::now();
    std::vector<core::SlowFrame> frames;
    if (now - port.window >= interval) {
        port.window = now;
        port.heard = 0;
        frames = take_flood(port); // it came before what waits
    }
    const auto take = [&](core::SlowFrame heard) {
        if (++port.heard <= measure) {
            frames.push_back(std::move(heard));
        } else if (heard.bytes.size() > subtype) {
            const std::uint8_t kind = heard.bytes[subtype];
            port.flood[kind] = std::move(heard);
        }
    };
    port.channel.receive([&](std::span<const std::uint8_t> frame) {
        take({slot, wire::Frame(frame.begin(), frame.end()), std::nullopt});
    });
    for (auto &heard : host_.slow.take(port.channel.ifindex())) {
        take({slot, std::move(heard.bytes), heard.stamp});
    }
    if (!port.flood.empty() && !port.flood_end) {
        port.flood_end = host_.loop.at(
            port.window + interval, [this, slot] { heard_(take_flood(ports_.at(slot))); }, "slow frames");
    }
    return frames;
}

std::vector<core::SlowFrame> SlowChannels::take_flood(Port &port) {
    std::vector<core::SlowFrame> frames;
    for (auto &[subtype, frame] : std::exchange(port.flood, {})) {
        frames.push_back(std::move(frame));
    }
    port.flood_end = {};
    return frames;
}

std::vector<core::SlowFrame> SlowChannels::read_all() {
    std::vector<core::SlowFrame> all;
    for (auto &[slot, port] : ports_) {
        auto waiting = take_flood(port);
        auto now = read(slot, port);
        std::move(waiting.begin(), waiting.end(), std::back_inserter(all));
        std::move(now.begin(), now.end(), std::back_inserter(all));
    }
    return all;
}

Result<void> SlowChannels::send(SlotId slot, std::span<const std::uint8_t> frame) {
    const auto port = ports_.find(slot);
    if (port == ports_.end()) {
        return fail(ENODEV, "no channel");
    }
    host_.catch_up(); // the link may have come back this moment
    return port->second.channel.send(frame, way_out(host_.links, port->second.channel.ifindex()));
}

std::optional<Result<void>> SlowChannels::send_by_xsk(SlotId slot, std::span<const std::uint8_t> frame) {
    const auto port = ports_.find(slot);
    if (port == ports_.end() || !port->second.channel.sends_by_xsk()) {
        return std::nullopt;
    }
    return port->second.channel.send(frame, way_out(host_.links, port->second.channel.ifindex()));
}

std::map<SlotId, show::LacpPortView> SlowChannels::views() const {
    std::map<SlotId, show::LacpPortView> views;
    for (const auto &[slot, port] : ports_) {
        views[slot] = {std::string(port.channel.way()),
                       port.channel.xsk_queues(),
                       port.channel.dropped(),
                       port.channel.xsk_sent(),
                       std::nullopt,
                       port.channel.sends_by_xsk() ? "af_xdp" : "af_packet"};
    }
    return views;
}

} // namespace xbond::daemon
