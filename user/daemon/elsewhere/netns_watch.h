// SPDX-License-Identifier: MIT
// Keeps true what is known of the network namespace in which a bond's device lives: links and addresses by what the
// kernel tells, the rest by asking twice a second, and soon after something has changed. For the loop.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "user/daemon/elsewhere/nsid_events.h"
#include "user/daemon/elsewhere/other_netns.h"

namespace xbond::daemon {

class NetnsWatch {
public:
    struct Listener {
        std::function<void(const sys::LinkInfo &)> link;
        std::function<void(std::uint32_t ifindex)> gone;
        std::function<void()> addresses;                // or all may have changed
        std::function<void()> told;                     // OtherNetns::told is another one
        std::function<OtherNetns::Targets()> questions; // that told is to answer
    };
    NetnsWatch(Host &, std::shared_ptr<OtherNetns>, NsidEvents, Listener);

    void catch_up(); // OtherNetns::links; the listener hears of it in a later turn

private:
    void read();
    void hear();
    void list();
    void ask_soon();
    void ask();

    Host &host_;
    std::shared_ptr<OtherNetns> netns_;
    NsidEvents events_;
    Listener listener_;
    std::deque<sys::NetlinkEvent> heard_;
    bool lost_ = false, listing_ = false, asking_ = false;
    std::string trouble_; // the last one: told of once
    sys::EventLoop::Source readable_, next_;
    Alive alive_;
};

} // namespace xbond::daemon
