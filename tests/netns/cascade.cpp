// SPDX-License-Identifier: MIT
#include "tests/netns/cascade.h"

namespace xbond::harness {

Cascade::Cascade() {
    const NetNs &sw = lab.switch_ns();
    std::string lines;
    for (const char *bridge : {"sw1", "sw2", "sw3"}) {
        lines += std::string("link add ") + bridge + " type bridge stp_state 0 mcast_snooping 0 forward_delay 0\n" +
                 "link set " + bridge + " up\n";
    }
    lines += "link add x1 type veth peer name y1\nlink add x3 type veth peer name y3\n";
    for (const auto &[port, bridge] :
         {std::pair{"s0", "sw1"}, {"x1", "sw1"}, {"y1", "sw2"}, {"s1", "sw3"}, {"x3", "sw3"}, {"y3", "sw2"}}) {
        lines += std::string("link set ") + port + " master " + bridge + "\nlink set " + port + " up\n";
    }
    sw.ip(lines + "link add name gw type veth peer name eth0 netns " + gateway.path() + "\nlink set gw master sw2\n" +
          "link set gw up");
    gateway.set_sysctl("net.ipv6.conf.eth0.disable_ipv6", "0");
    gateway.ip(std::string("addr add ") + gateway_ip + "/24 dev eth0\nlink set eth0 up\naddr add " + gateway_ip6 +
               "/64 dev eth0 nodad");
}

void Cascade::make_bond(const std::string &options) {
    lab.make_bond(options);
    lab.ns().set_sysctl("net.ipv6.conf.bond0.disable_ipv6", "0");
    lab.ns().ip(std::string("addr add ") + host_ip + "/24 dev bond0\naddr add " + host_ip6 + "/64 dev bond0 nodad");
    if (!lab.wait_active("e0") || !wait_until([&] { return gateway_answers(); })) {
        throw std::runtime_error("the bond does not reach its gateway");
    }
}

bool Cascade::gateway_answers() const {
    return lab.ns().run(split(std::string("ping -n -q -c 1 -W 1 ") + gateway_ip)).ok();
}

} // namespace xbond::harness
