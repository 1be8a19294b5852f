// SPDX-License-Identifier: MIT
// A controller that dies and comes back within the partner's timeout loses neither the aggregation nor a packet.
// Serial.
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/lacp/lab.h"

using namespace xbond::harness;
using nlohmann::json;

TEST_CASE("802.3ad R02 SIGKILL and restart at the fast rate under 8 kpps: nothing lost, the partner stays current") {
    constexpr unsigned rate = 8000;
    const std::string xdp = GENERATE("off", "native");
    CAPTURE(xdp);
    LacpHost left, right;
    for (const std::string n : {"0", "1"}) {
        left.ns().veth("e" + n, right.ns(), "e" + n);
    }
    left.make_bond("lacp_rate fast xdp " + xdp, {"e0", "e1"});
    right.make_bond("lacp_rate fast", {"e0", "e1"});
    REQUIRE(left.wait_negotiated());
    REQUIRE(left.wait_distributing({"e0", "e1"}));
    REQUIRE(right.wait_distributing({"e0", "e1"}));
    left.ns().ip("addr add 10.99.0.1/24 dev bond0");
    right.ns().ip("addr add 10.99.0.2/24 dev bond0");
    REQUIRE(wait_until([&] { return left.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    const auto expired = [](const LacpHost &host) {
        const json stats = host.show().at("lacp").at("stats");
        return stats.at("expired").get<int>() + stats.at("defaulted").get<int>();
    };
    const auto before = std::pair(expired(left), expired(right));

    UdpEcho echo(left.ns(), right.ns(), "10.99.0.2", rate);
    // Longer than the timeout: the deadlines of the last transition are past, only those saved since are ahead.
    REQUIRE(wait_until([&] { return echo.received() >= 4 * rate; }, 20s));
    left.daemon().kill9();
    left.daemon().start();
    const auto restarted = echo.sent();
    REQUIRE(wait_until([&] { return echo.sent() >= restarted + 4 * rate; }, 20s)); // and again
    const auto reports = echo.finish();
    std::cout << "outbound " << reports.outbound.text() << "; inbound " << reports.inbound.text() << "\n";
    CHECK(reports.outbound.lost == 0);
    CHECK(reports.inbound.lost == 0);
    CHECK(expired(left) == before.first);
    CHECK(expired(right) == before.second);
    CHECK(left.distributing() == std::vector<std::string>{"e0", "e1"});
    CHECK(right.distributing() == std::vector<std::string>{"e0", "e1"});
}
