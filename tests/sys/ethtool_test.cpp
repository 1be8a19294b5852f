// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "tests/sys/lab.h"
#include "user/sys/ethtool.h"

using namespace xbond;
using namespace xbond::sys;

TEST_CASE("ethtool: carrier is the truth at once, the event may come later") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    const auto ethtool = Ethtool::open();
    REQUIRE(netlink);
    REQUIRE(ethtool);
    const auto pair = make_pair(*netlink, true);
    for (int flap = 0; flap < 5; ++flap) {
        CHECK(*ethtool->carrier("x0"));
        REQUIRE(netlink->set_up(pair.x1, false));
        CHECK_FALSE(*ethtool->carrier("x0"));
        CHECK(*ethtool->running("x0"));
        CHECK_FALSE(*ethtool->running("x1"));
        REQUIRE(netlink->set_up(pair.x1, true));
    }
    netlink->drain([](const NetlinkEvent &) {});
    REQUIRE(netlink->set_up(pair.x1, false));
    CHECK(wait_event(*netlink, [&](const auto &e) {
        const auto *c = std::get_if<LinkChanged>(&e);
        return c && c->link.ifindex == pair.x0 && !c->link.carrier;
    }));
}

TEST_CASE("ethtool: speed, driver and permanent address") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    const auto ethtool = Ethtool::open();
    REQUIRE(netlink);
    REQUIRE(ethtool);
    make_pair(*netlink, true);
    CHECK(ethtool->speed("x0").speed == 10000); // what veth claims
    CHECK(ethtool->speed("x0").duplex == 1);
    CHECK(ethtool->driver("x0") == "veth");
    CHECK(ethtool->speed("lo").speed == 0xffffffff);
    CHECK(ethtool->speed("lo").duplex == 255);
    CHECK(ethtool->permanent_mac("x0").error().code == ENODATA); // a random address is not permanent
}

TEST_CASE("ethtool: an interface that does not exist, or whose name cannot be one") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    const auto ethtool = Ethtool::open();
    REQUIRE(ethtool);
    for (const auto &name : {std::string("nope"), std::string(), std::string(300, 'x')}) {
        CHECK(ethtool->carrier(name).error().code == ENODEV);
        CHECK(ethtool->running(name).error().code == ENODEV);
        CHECK(ethtool->permanent_mac(name).error().code == ENODEV);
        CHECK(ethtool->driver(name).empty());
        CHECK(ethtool->speed(name).speed == 0xffffffff);
    }
}
