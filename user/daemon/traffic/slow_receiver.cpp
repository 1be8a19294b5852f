// SPDX-License-Identifier: MIT
#include "user/daemon/traffic/slow_receiver.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

namespace xbond::daemon {

Result<std::unique_ptr<SlowReceiver>> SlowReceiver::open(sys::EventLoop &loop, Hands &hands) {
    XB_TRY(socket, sys::SlowSocket::open());
    return std::unique_ptr<SlowReceiver>(new SlowReceiver(loop, hands, std::move(*socket)));
}

SlowReceiver::SlowReceiver(sys::EventLoop &loop, Hands &hands, sys::SlowSocket socket)
    : loop_(loop), hands_(hands), socket_(std::make_shared<sys::SlowSocket>(std::move(socket))) {
    readable_ = loop_.on_readable(
        socket_->fd(),
        [this] {
            read();
            tell();
        },
        "slow frames");
}

std::shared_ptr<void> SlowReceiver::listen(std::uint32_t ifindex, std::function<void()> waits) {
    const std::uint64_t listener = ++listeners_;
    devices_[ifindex] = {listener, std::move(waits), {}};
    hands_.run(
        [socket = socket_, ifindex](Hands::Tools &) -> Hands::Then {
            if (auto joined = socket->join(ifindex); !joined && joined.error().code != ENODEV) { // gone: an event tells
                spdlog::error("LACP may be deaf: {}", joined.error().message);
            }
            return {};
        },
        "subscribe to slow frames");
    auto ended = alive_.guard([this, ifindex, listener] { end(ifindex, listener); });
    return {this, [ended](SlowReceiver *) mutable { ended(); }};
}

void SlowReceiver::end(std::uint32_t ifindex, std::uint64_t listener) {
    if (const auto device = devices_.find(ifindex); device != devices_.end() && device->second.listener == listener) {
        devices_.erase(device);
    }
    hands_.run(
        [socket = socket_, ifindex](Hands::Tools &) -> Hands::Then {
            socket->leave(ifindex);
            return {};
        },
        "leave slow frames");
}

std::vector<SlowReceiver::Heard> SlowReceiver::take(std::uint32_t ifindex) {
    read();
    const auto device = devices_.find(ifindex);
    auto heard = device == devices_.end() ? std::vector<Heard>() : std::exchange(device->second.heard, {});
    const bool others = std::ranges::any_of(devices_, [](const auto &entry) { return !entry.second.heard.empty(); });
    if (others && !std::exchange(telling_, true)) {
        loop_.post(alive_.guard([this] { tell(); }), "slow frames");
    }
    return heard;
}

void SlowReceiver::read() {
    constexpr Ms interval(100);
    constexpr unsigned measure = 64; // a partner says something once a second
    constexpr auto subtype_at = sys::SlowSocket::subtype_at;
    const Time now = sys::now();
    if (now - window_ >= interval) {
        window_ = now;
        counts_.clear();
    }
    std::vector<sys::SlowSocket::Muted> noisy;
    socket_->receive([&](std::uint32_t ifindex, std::span<const std::uint8_t> frame, Time stamp) {
        const sys::SlowSocket::Muted kind{ifindex, frame.size() > subtype_at ? frame[subtype_at] : std::uint8_t{0}};
        if (++counts_[kind] == measure) {
            noisy.push_back(kind);
        }
        if (const auto device = devices_.find(ifindex); device != devices_.end()) {
            device->second.heard.push_back({wire::Frame(frame.begin(), frame.end()), stamp});
        }
    });
    if (!noisy.empty()) {
        mute(noisy);
        unmute_ = loop_.at(
            window_ + interval, [this] { unmute(); }, "slow frames");
    }
}

void SlowReceiver::mute(std::span<const sys::SlowSocket::Muted> noisy) {
    muted_.insert(muted_.end(), noisy.begin(), noisy.end());
    if (auto done = socket_->mute(muted_); !done) {
        spdlog::debug("{}", done.error().message);
    }
}

void SlowReceiver::unmute() {
    unmute_ = {};
    muted_.clear();
    mute({});
}

// A listener may end itself or others.
void SlowReceiver::tell() {
    telling_ = false;
    std::vector<std::uint32_t> waiting;
    for (const auto &[ifindex, device] : devices_) {
        if (!device.heard.empty()) {
            waiting.push_back(ifindex);
        }
    }
    for (const std::uint32_t ifindex : waiting) {
        if (const auto device = devices_.find(ifindex); device != devices_.end()) {
            const auto waits = device->second.waits;
            waits();
        }
    }
}

} // namespace xbond::daemon
