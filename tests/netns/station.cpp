// SPDX-License-Identifier: MIT
#include "tests/netns/station.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/harness/wait.h"

namespace xbond::harness {

Station::Station(const Switch &sw, int number) : ip_("10.99.0." + std::to_string(number)) {
    const std::string port = "c" + std::to_string(number);
    ns_.ip("link add name eth0 index 10 type veth peer name " + port + " index " + std::to_string(20 + number) +
           " netns " + sw.ns().path());
    sw.add_port(port);
    ns_.ip("addr add " + ip_ + "/24 dev eth0\nlink set eth0 up");
    if (!wait_until([&] { return ns_.carrier("eth0"); })) {
        throw std::runtime_error(port + " does not come up");
    }
}

bool Station::pings(const std::string &ip) const { return ns_.run({"ping", "-c", "1", "-W", "1", ip}).ok(); }

std::string Station::neighbour(const std::string &ip) const {
    for (const auto &entry : ns_.ip_json("neigh show dev eth0")) {
        if (entry.at("dst") == ip && entry.contains("lladdr")) {
            return entry.at("lladdr");
        }
    }
    return {};
}

} // namespace xbond::harness
