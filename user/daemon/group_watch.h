// SPDX-License-Identifier: MIT
// Tells whose multicast list has changed: hands read the lists of all devices, once for all bonds. Kernels since 6.14
// tell when a group is joined, and the carrier watch of each bond sees its list change. For what neither tells of
// (where there is no watch) the lists are read twice a second, and soon again while they change.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "user/daemon/hands.h"
#include "user/sys/event_loop.h"

namespace xbond::daemon {

class GroupWatch {
public:
    using Devices = std::set<std::uint32_t>; // by ifindex
    using Changed = std::function<void(const Devices &)>;
    using Listener = std::shared_ptr<const Changed>; // told for as long as it lives

    GroupWatch(sys::EventLoop &loop, Hands &hands) : loop_(loop), hands_(hands) {}

    [[nodiscard]] Listener listen(Changed);
    void kernel_told(); // that some device's list has changed, by a message or by a bond's watch

    // The last reading, and what of it differs from the one before.
    class Lists {
    public:
        Devices changed(std::string text); // of dev_mcast

    private:
        std::string text_;
        std::map<std::uint32_t, std::string> lines_; // of each device
    };

private:
    void look();
    void seen(const Devices &changed);

    sys::EventLoop &loop_;
    Hands &hands_;
    std::vector<std::weak_ptr<const Changed>> listeners_;
    std::shared_ptr<Lists> lists_ = std::make_shared<Lists>(); // hands' alone
    sys::EventLoop::Source next_look_;
    Time last_look_{};
    bool looking_ = false, told_ = false; // told while looking
    Alive alive_;
};

} // namespace xbond::daemon
