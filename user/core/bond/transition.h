// SPDX-License-Identifier: MIT
// One record per state change. One place prints them (daemon), the status keeps the last ones, tests assert on them.
#pragma once

#include <string>

#include "xbond/types.h"

namespace xbond::core {

struct Transition {
    Time when{};
    std::string machine; // "link", "search" (`arp.search`), "active", "carrier", "mac", "slave", "option"
    std::string slave;   // interface name, empty for the bond as a whole
    std::string from;
    std::string to;
    std::string cause; // "carrier lost", "primary e0 is up again", "active_slave set by user", ...
    bool lacp = false; // of a machine of mode 802.3ad, under the names of 802.1AX
};

} // namespace xbond::core
