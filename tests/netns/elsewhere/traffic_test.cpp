// SPDX-License-Identifier: MIT
// Traffic of a device in another network namespace while its controller and its links come and go. Serial.
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/harness/wait.h"
#include "tests/netns/elsewhere/lab.h"

using namespace xbond::harness;

namespace {

constexpr unsigned rate = 4000;

template <typename Change> UdpEcho::Reports through(const ElsewhereLab &lab, const char *what, const Change &change) {
    const auto drops = backlog_drops();
    UdpEcho echo(lab.c(), lab.station().ns(), lab.station().ip(), rate);
    REQUIRE(wait_until([&] { return echo.received() >= rate / 2; }));
    change();
    const auto changed = echo.sent();
    REQUIRE(wait_until([&] { return echo.sent() >= changed + rate / 2; }));
    auto reports = echo.finish();
    std::cout << what << ": outbound " << reports.outbound.text() << "; inbound " << reports.inbound.text()
              << "; dropped by the kernel's backlog: " << backlog_drops() - drops << "\n";
    return reports;
}

} // namespace

TEST_CASE("elsewhere: a controller that is killed, or stopped, and started again costs no packet") {
    ElsewhereLab lab;
    lab.make_bond_elsewhere("mode active-backup");
    REQUIRE(wait_until([&] { return lab.reaches(); }));
    const bool killed = GENERATE(true, false);
    const auto cookie = lab.bond().at("netns").at("cookie");
    const auto reports = through(lab, killed ? "SIGKILL and restart" : "SIGTERM and restart", [&] {
        killed ? lab.daemon().kill9() : void(lab.daemon().stop());
        lab.daemon().start();
    });
    CHECK(reports.outbound.lost == 0);
    CHECK(reports.inbound.lost == 0);
    CHECK(lab.bond().at("netns").at("cookie") == cookie);
    CHECK(lab.bond().at("slaves").size() == 2);
    lab.host().cut(0); // and it goes on to look after it
    CHECK(lab.wait_active("e1"));
    CHECK(wait_until([&] { return lab.reaches(); }));
}

TEST_CASE("elsewhere: a link that is lost costs no more than it does at home") {
    ElsewhereLab lab;
    lab.make_bond_elsewhere("mode active-backup");
    REQUIRE(wait_until([&] { return lab.reaches(); }));
    const auto reports = through(lab, "failover", [&] {
        lab.host().cut(0);
        REQUIRE(lab.wait_active("e1"));
    });
    CHECK(reports.outbound.lost <= rate / 100); // 10 ms
    CHECK(reports.inbound.lost <= rate / 20);
}
