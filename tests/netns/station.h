// SPDX-License-Identifier: MIT
// A neighbour of the bond: a namespace of its own behind port cN of the bridge, with the address 10.99.0.N.
#pragma once

#include <string>

#include "tests/harness/topology.h"

namespace xbond::harness {

class Station {
public:
    Station(const Switch &sw, int number);
    const NetNs &ns() const { return ns_; }
    const std::string &ip() const { return ip_; }
    bool pings(const std::string &ip) const;
    std::string neighbour(const std::string &ip) const; // what its ARP cache holds; "" for nothing

private:
    std::string ip_;
    NetNs ns_;
};

} // namespace xbond::harness
