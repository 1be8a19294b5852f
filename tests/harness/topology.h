// SPDX-License-Identifier: MIT
// What stands around a bond: a host with slaves e0, e1, ... whose other ends s0, s1, ... are in a switch namespace, and
// a server behind the switch.
#pragma once

#include <string>

#include "tests/harness/netns.h"

namespace xbond::harness {

class Switch {
public:
    enum class Kind {
        wires,  // plain ends: tests look at each wire by itself. Carrier events of the slaves come up to 1 s late, like
                // those of a plain NIC: the kernel hurries only where a veth's index differs from its peer's
        bridge, // a Linux bridge br0 over the ports, without STP, snooping or a stack of its own
    };
    explicit Switch(Kind kind);
    Kind kind() const { return kind_; }
    const NetNs &ns() const { return ns_; }

    void add_port(const std::string &name) const; // an interface that is already in the namespace: up, into the bridge
    void cut(const std::string &port) const { ns_.set_up(port, false); } // the other end loses carrier
    void join(const std::string &port) const { ns_.set_up(port, true); }

private:
    Kind kind_;
    NetNs ns_;
};

class Host {
public:
    Host(const Switch &sw, int slaves); // eN, down, with sN in the switch
    const NetNs &ns() const { return ns_; }
    void add_slave(int n) const;
    // Makes the wire of eN dead or alive; waits until eN itself shows it.
    void cut(int n) const;
    void join(int n) const;

private:
    void set_wire(int n, bool up) const;
    const Switch &switch_;
    NetNs ns_;
};

class Server { // one interface `eth0` on the bridge
public:
    Server(const Switch &sw, const std::string &ip_with_prefix);
    const NetNs &ns() const { return ns_; }

private:
    NetNs ns_;
};

} // namespace xbond::harness
