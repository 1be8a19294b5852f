// SPDX-License-Identifier: MIT
// Ports of a bond whose device is in another network namespace.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/harness/wait.h"
#include "tests/netns/elsewhere/lab.h"

using namespace xbond::harness;

namespace {

constexpr const char *guest_ip = "10.99.0.77";

bool pings(const NetNs &ns, const std::string &ip) { return ns.run(split("ping -c1 -W1 " + ip)).ok(); }

// Guest, device and station, each with each.
void all_reach_each_other(const ElsewhereLab &lab, const NetNs &device, const NetNs &guest) {
    CHECK(wait_until([&] { return lab.station().pings(guest_ip); }));
    CHECK(wait_until([&] { return lab.station().pings(inside_ip); }));
    CHECK(wait_until([&] { return pings(guest, inside_ip) && pings(device, guest_ip); }));
    CHECK(wait_until([&] { return pings(guest, lab.station().ip()) && pings(device, lab.station().ip()); }));
}

} // namespace

TEST_CASE("elsewhere: ports and a device that is elsewhere reach each other and the wire, whichever came first") {
    ElsewhereLab lab;
    const NetNs guest;
    lab.ns().veth("p0", guest, "g0");
    lab.ns().set_up("p0", true);
    guest.set_up("g0", true);
    guest.ip("addr add " + std::string(guest_ip) + "/24 dev g0");
    const bool port_first = GENERATE(true, false);
    lab.make_bond("mode active-backup");
    if (port_first) {
        lab.cli().ok("port add bond0 p0");
        lab.move(lab.c());
    } else {
        lab.move(lab.c());
        lab.cli().ok("port add bond0 p0");
    }
    lab.c().ip("addr add " + std::string(inside_ip) + "/24 dev bond0");
    REQUIRE(lab.wait_lives_in(lab.c()));
    all_reach_each_other(lab, lab.c(), guest);
    lab.daemon().kill9();
    lab.daemon().start();
    CHECK(lab.bond().at("netns").at("state") == "there");
    CHECK(lab.bond().at("ports").size() == 1);
    all_reach_each_other(lab, lab.c(), guest);
    lab.host().cut(0);
    all_reach_each_other(lab, lab.c(), guest);
    lab.cli().ok("link set bond0 nonetns");
    REQUIRE(lab.wait_lives_in(lab.ns()));
    lab.ns().ip("addr add " + std::string(inside_ip) + "/24 dev bond0");
    all_reach_each_other(lab, lab.ns(), guest);
}
