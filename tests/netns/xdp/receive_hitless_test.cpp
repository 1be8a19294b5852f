// SPDX-License-Identifier: MIT
// `receive xdp`: from TC to XDP and back, and from one controller to the next, under 8 kpps there and back. Serial.
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/xdp/receive_lab.h"

using namespace xbond::harness;

namespace {

constexpr unsigned rate = 8000;

// What the kernel dropped because a CPU did not get around to its backlog is told apart.
template <typename Change> void expect_hitless(ReceiveLab &lab, const char *what, Change change) {
    const Server server(lab.network(), "10.99.0.2/24");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    const auto drops = backlog_drops();
    UdpEcho echo(lab.ns(), server.ns(), "10.99.0.2", rate);
    REQUIRE(wait_until([&] { return echo.received() >= rate / 2; }));
    change();
    const auto changed = echo.sent();
    REQUIRE(wait_until([&] { return echo.sent() >= changed + rate / 2; }));
    const auto reports = echo.finish();
    std::cout << what << ": outbound " << reports.outbound.text() << "; inbound " << reports.inbound.text() << "\n";
    INFO("dropped by the kernel's backlog: " << backlog_drops() - drops);
    CHECK(reports.outbound.lost == 0);
    CHECK(reports.inbound.lost == 0);
    CHECK(reports.inbound.duplicated == 0);
}

} // namespace

TEST_CASE("hitless: received frames come by XDP, by TC, and by XDP again") {
    const auto visibility = GENERATE(as<std::string>{}, "fast", "full");
    DYNAMIC_SECTION("visibility " << visibility) {
        ReceiveLab lab(Switch::Kind::bridge, 2);
        // Native XDP of a veth empties the device's own queue when it ends: it stays.
        lab.make_bond("mode active-backup miimon 100 xdp native visibility " + visibility);
        expect_hitless(lab, "receive tc and xdp", [&] {
            for (const std::string way : {"tc", "xdp", "auto", "xdp", "tc", "xdp"}) {
                lab.cli().ok("link set bond0 type bond receive " + way);
                lab.expect("e0", way == "xdp" ? "xdp" : "tc");
            }
        });
    }
}

TEST_CASE("hitless: received frames come by XDP while the controller is killed, ends, and is started again") {
    ReceiveLab lab(Switch::Kind::bridge, 2);
    lab.make_bond("mode active-backup miimon 100");
    expect_hitless(lab, "two restarts", [&] {
        lab.daemon().kill9();
        lab.daemon().start();
        lab.expect("e0", "xdp");
        CHECK(lab.daemon().stop() == 0);
        lab.daemon().start();
        lab.expect("e0", "xdp");
    });
}
