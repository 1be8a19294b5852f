// SPDX-License-Identifier: MIT
// What tests of the adapters share: a veth pair, and waiting for an event of it.
#pragma once

#include <optional>
#include <stdexcept>

#include "tests/harness/device.h"
#include "tests/harness/netns.h"
#include "tests/harness/wait.h"
#include "user/sys/netlink.h"

namespace xbond::sys {

using harness::PrivateNetns;
using harness::shell;

// Passes events to `wanted` until it says true; false after the deadline.
template <typename Wanted> bool wait_event(Netlink &netlink, Wanted wanted) {
    bool found = false;
    return harness::wait_until([&] {
        netlink.drain([&](const NetlinkEvent &event) { found = found || wanted(event); });
        return found;
    });
}

struct Pair { // veth x0 and x1
    std::uint32_t x0, x1;
};

inline Pair make_pair(Netlink &netlink, bool up) {
    if (!netlink.create_veth("x0", "x1", std::nullopt, 1500)) {
        throw std::runtime_error("no veth pair");
    }
    const Pair pair{netlink.link("x0")->ifindex, netlink.link("x1")->ifindex};
    if (up && (!netlink.set_up(pair.x0, true) || !netlink.set_up(pair.x1, true))) {
        throw std::runtime_error("veth pair does not go up");
    }
    return pair;
}

} // namespace xbond::sys
