// SPDX-License-Identifier: MIT
// Hears the slow protocols by AF_PACKET for the slaves of all bonds. What a device floods with is not heard for the
// rest of a tenth of a second, so that other devices' frames, and its own of other kinds, find room. For the thread of
// the event loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "user/core/wire/frame.h"
#include "user/daemon/hands.h"
#include "user/sys/event_loop.h"
#include "user/sys/slow_socket.h"

namespace xbond::daemon {

class SlowReceiver {
public:
    struct Heard {
        wire::Frame bytes;
        std::optional<Time> stamp; // when the kernel got it
    };

    static Result<std::unique_ptr<SlowReceiver>> open(sys::EventLoop &, Hands &);

    // `waits`: something has come for take(). The device is subscribed to the group by hands, for as long as what is
    // returned lives. One listener a device: a later one takes the place of the earlier.
    [[nodiscard]] std::shared_ptr<void> listen(std::uint32_t ifindex, std::function<void()> waits);
    std::vector<Heard> take(std::uint32_t ifindex); // all that has come on it by the time of the call, oldest first

    const sys::SlowSocket &socket() const { return *socket_; } // to send

private:
    struct Device {
        std::uint64_t listener = 0; // its number
        std::function<void()> waits;
        std::vector<Heard> heard;
    };

    SlowReceiver(sys::EventLoop &loop, Hands &hands, sys::SlowSocket socket);
    void read();
    void tell();
    void mute(std::span<const sys::SlowSocket::Muted> noisy);
    void unmute();
    void end(std::uint32_t ifindex, std::uint64_t listener);

    sys::EventLoop &loop_;
    Hands &hands_;
    std::shared_ptr<sys::SlowSocket> socket_;           // shared with jobs of hands
    std::map<std::uint32_t, Device> devices_;           // by ifindex
    std::uint64_t listeners_ = 0;                       // so far
    Time window_{};                                     // when the counts began
    std::map<sys::SlowSocket::Muted, unsigned> counts_; // frames since, also of devices that nobody listens to
    std::vector<sys::SlowSocket::Muted> muted_;
    sys::EventLoop::Source readable_, unmute_;
    bool telling_ = false; // in a later turn
    Alive alive_;
};

} // namespace xbond::daemon
