// SPDX-License-Identifier: MIT
#include "tests/harness/topology.h"

#include "tests/harness/wait.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace xbond::harness {

Switch::Switch(Kind kind) : kind_(kind) {
    if (kind == Kind::bridge) {
        ns_.ip("link add br0 type bridge stp_state 0 mcast_snooping 0 forward_delay 0\nlink set br0 up");
    }
}

void Switch::add_port(const std::string &name) const {
    ns_.ip((kind_ == Kind::bridge ? "link set " + name + " master br0\n" : std::string()) + "link set " + name + " up");
}

Host::Host(const Switch &sw, int slaves) : switch_(sw) {
    for (int n = 0; n < slaves; ++n) {
        add_slave(n);
    }
}

void Host::add_slave(int n) const {
    const int index = 100 + n;
    const int peer_index = switch_.kind() == Switch::Kind::wires ? index : index + 100;
    const std::string id = std::to_string(n);
    ns_.ip("link add name e" + id + " index " + std::to_string(index) + " type veth peer name s" + id + " index " +
           std::to_string(peer_index) + " netns " + switch_.ns().path());
    switch_.add_port("s" + id);
}

void Host::set_wire(int n, bool up) const {
    const std::string id = std::to_string(n);
    up ? switch_.join("s" + id) : switch_.cut("s" + id);
    if (ns_.is_up("e" + id) && !wait_until([&] { return ns_.carrier("e" + id) == up; })) {
        throw std::runtime_error("e" + id + " does not show its carrier");
    }
}

void Host::cut(int n) const { set_wire(n, false); }
void Host::join(int n) const { set_wire(n, true); }

Server::Server(const Switch &sw, const std::string &ip_with_prefix) {
    ns_.ip("link add name eth0 index 10 type veth peer name p0 index 20 netns " + sw.ns().path());
    sw.add_port("p0");
    ns_.ip("addr add " + ip_with_prefix + " dev eth0\nlink set eth0 up");
    if (!wait_until([&] { return ns_.carrier("eth0"); })) {
        throw std::runtime_error("the server's link does not come up");
    }
}

} // namespace xbond::harness
