// SPDX-License-Identifier: MIT
// What carrier cannot see: two paths to a gateway, of which one goes through a switch of its own.
//
//   host e0 --- sw1 --- sw2 --- gateway        all switches are bridges in the lab's switch namespace
//   host e1 --- sw3 ----'
#pragma once

#include "tests/netns/lab.h"

namespace xbond::harness {

inline constexpr const char *host_ip = "10.99.0.1", *gateway_ip = "10.99.0.254";
inline constexpr const char *host_ip6 = "fd99::1", *gateway_ip6 = "fd99::fe";

class Cascade {
public:
    Cascade(); // no bond yet
    // The bond, with both addresses of the host; waits until every link is up and e0 is active.
    void make_bond(const std::string &options);
    void cut_cascade() const { lab.switch_ns().set_up("x1", false); } // sw1 loses sw2; e0 keeps its carrier
    void mend_cascade() const { lab.switch_ns().set_up("x1", true); }
    bool gateway_answers() const; // to one ping

    Lab lab{Switch::Kind::wires, 2};
    NetNs gateway;
};

} // namespace xbond::harness
