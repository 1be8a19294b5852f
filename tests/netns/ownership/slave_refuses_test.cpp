// SPDX-License-Identifier: MIT
// What a slave's device refuses. A VLAN device has no XDP of its own, and no larger frames than the one below it.
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

std::size_t count(const std::string &text, const std::string &part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++found;
    }
    return found;
}

bool add_vlan(const Lab &lab) {
    lab.ns().ip("link set e2 up");
    if (lab.ns().run(split("ip link add link e2 name v7 type vlan id 7")).ok()) {
        return true;
    }
    std::cout << "SKIPPED: this kernel has no VLAN devices\n";
    return false;
}

} // namespace

TEST_CASE("refused: XDP that a new slave does not take is asked for once, not at every event") {
    Lab lab(Kind::wires, 3);
    if (!add_vlan(lab)) {
        return;
    }
    lab.cli().ok("link add bond0 type bond mode active-backup miimon 20 xdp native");
    lab.cli().ok("link set bond0 up");
    lab.enslave(0);
    lab.enslave(1);
    REQUIRE(lab.wait_link("e1", "up"));
    lab.cli().ok("link set v7 master bond0");
    const std::string refused = "XDP on slave " + std::to_string(lab.ns().ifindex("v7"));
    REQUIRE(wait_until([&] { return count(lab.daemon().log(), refused) == 1; }));
    for (int n = 0; n < 5; ++n) {
        lab.host().cut(1);
        REQUIRE(lab.wait_link("e1", "down"));
        lab.host().join(1);
        REQUIRE(lab.wait_link("e1", "up"));
    }
    CHECK(count(lab.daemon().log(), refused) == 1);
    CHECK(lab.status().slave("v7").link == "up");
}

TEST_CASE(
    "refused: an MTU that a slave does not take is answered with the kernel's own error, and nothing is changed") {
    Lab lab(Kind::wires, 3);
    if (!add_vlan(lab)) {
        return;
    }
    lab.cli().ok("link add bond0 type bond mode active-backup");
    lab.enslave(0);
    lab.cli().ok("link set v7 master bond0");
    CHECK(lab.refusal(R"({"v":1,"cmd":"link.set","name":"bond0","mtu":9000})") == "ERANGE");
    for (const auto *device : {"bond0", "e0", "v7"}) {
        CHECK(lab.ns().mtu(device) == 1500);
    }
}
