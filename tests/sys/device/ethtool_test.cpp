// SPDX-License-Identifier: MIT
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/sys/lab.h"
#include "user/sys/device/ethtool.h"

using namespace xbond;
using namespace xbond::sys;

namespace {

constexpr std::uint32_t loopback = 1; // in every network namespace

} // namespace

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
        CHECK(*ethtool->carrier(pair.x0));
        REQUIRE(netlink->set_up(pair.x1, false));
        CHECK_FALSE(*ethtool->carrier(pair.x0));
        CHECK(*ethtool->running(pair.x0));
        CHECK_FALSE(*ethtool->running(pair.x1));
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
    const auto pair = make_pair(*netlink, true);
    CHECK(ethtool->speed(pair.x0).speed == 10000); // what veth claims
    CHECK(ethtool->speed(pair.x0).duplex == 1);
    CHECK(ethtool->driver(pair.x0) == "veth");
    CHECK(ethtool->speed(loopback).speed == 0xffffffff);
    CHECK(ethtool->speed(loopback).duplex == 255);
    CHECK(ethtool->permanent_mac(pair.x0).error().code == ENODATA); // a random address is not permanent
}

TEST_CASE("ethtool: whatever a device is called meanwhile, it is not taken for one that has gone") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    const auto ethtool = Ethtool::open();
    REQUIRE(netlink);
    REQUIRE(ethtool);
    const auto pair = make_pair(*netlink, true);
    std::atomic<bool> stop = false;
    std::thread renamer([&] { // "x0" is the one, the other, or none; a thread has the namespace of its maker
        auto own = Netlink::open();
        while (!stop && own) {
            (void)own->set_name(pair.x0, "y");
            (void)own->set_name(pair.x1, "x0");
            (void)own->set_name(pair.x1, "x1");
            (void)own->set_name(pair.x0, "x0");
        }
    });
    int wrong = 0;
    for (int n = 0; n < 2000; ++n) {
        wrong += ethtool->speed(pair.x0).speed == 10000 ? 0 : 1;
        wrong += ethtool->driver(pair.x0) == "veth" ? 0 : 1;
    }
    stop = true;
    renamer.join();
    CHECK(wrong == 0);
}

TEST_CASE("ethtool: an interface that does not exist") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    const auto ethtool = Ethtool::open();
    REQUIRE(ethtool);
    for (const std::uint32_t gone : {0U, 77777U, 0xffffffffU}) {
        CHECK(ethtool->carrier(gone).error().code == ENODEV);
        CHECK(ethtool->running(gone).error().code == ENODEV);
        CHECK(ethtool->permanent_mac(gone).error().code == ENODEV);
        CHECK(ethtool->driver(gone).empty());
        CHECK(ethtool->speed(gone).speed == 0xffffffff);
    }
}
