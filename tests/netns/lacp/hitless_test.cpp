// SPDX-License-Identifier: MIT
// A controller that dies and comes back within the partner's timeout loses neither the aggregation nor a packet.
// Serial.
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/lacp/lab.h"

using namespace xbond::harness;
using nlohmann::json;

namespace {

// Both directions of two bonds back to back under load, from when traffic flows.
class BackToBack {
public:
    explicit BackToBack(const std::string &options) {
        for (const std::string n : {"0", "1"}) {
            left.ns().veth("e" + n, right.ns(), "e" + n);
        }
        left.make_bond("lacp_rate fast " + options, {"e0", "e1"});
        right.make_bond("lacp_rate fast", {"e0", "e1"});
        REQUIRE(left.wait_negotiated());
        REQUIRE(left.wait_distributing({"e0", "e1"}));
        REQUIRE(right.wait_distributing({"e0", "e1"}));
        left.ns().ip("addr add 10.99.0.1/24 dev bond0");
        right.ns().ip("addr add 10.99.0.2/24 dev bond0");
        REQUIRE(wait_until([&] { return left.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
        before_ = {expired(left), expired(right)};
    }
    void check_unharmed(UdpEcho &echo) const {
        const auto reports = echo.finish();
        std::cout << "outbound " << reports.outbound.text() << "; inbound " << reports.inbound.text() << "\n";
        CHECK(reports.outbound.lost == 0);
        CHECK(reports.inbound.lost == 0);
        CHECK(std::pair(expired(left), expired(right)) == before_);
        CHECK(left.distributing() == std::vector<std::string>{"e0", "e1"});
        CHECK(right.distributing() == std::vector<std::string>{"e0", "e1"});
    }

    LacpHost left, right;

private:
    static int expired(const LacpHost &host) {
        const json stats = host.show().at("lacp").at("stats");
        return stats.at("expired").get<int>() + stats.at("defaulted").get<int>();
    }
    std::pair<int, int> before_;
};

} // namespace

TEST_CASE("802.3ad R02 SIGKILL and restart at the fast rate under 8 kpps: nothing lost, the partner stays current") {
    constexpr unsigned rate = 8000;
    const std::string xdp = GENERATE("off", "native");
    CAPTURE(xdp);
    BackToBack lab("xdp " + xdp);
    UdpEcho echo(lab.left.ns(), lab.right.ns(), "10.99.0.2", rate);
    // Longer than the timeout: the deadlines of the last transition are past, only those saved since are ahead.
    REQUIRE(wait_until([&] { return echo.received() >= 4 * rate; }, 20s));
    lab.left.daemon().kill9();
    lab.left.daemon().start();
    const auto restarted = echo.sent();
    REQUIRE(wait_until([&] { return echo.sent() >= restarted + 4 * rate; }, 20s)); // and again
    lab.check_unharmed(echo);
}

TEST_CASE("802.3ad SIGKILL at any moment of the fast period, away for 2.5 s: nothing lost, the partner stays current") {
    constexpr unsigned rate = 4000;
    // Tenths of a second since a PDU left; how PDUs come and go.
    const auto [tenths, channel] = GENERATE(table<unsigned, std::string>(
        {{1, "xdp off"}, {5, "xdp off"}, {9, "xdp off"}, {9, "xdp native lacp_channel af_xdp"}}));
    CAPTURE(tenths, channel);
    BackToBack lab(channel);
    UdpEcho echo(lab.left.ns(), lab.right.ns(), "10.99.0.2", rate);
    const auto pdus = [&] { return lab.left.port("e0").at("stats").at("lacpdu_tx").get<int>(); };
    const int heard = pdus();
    REQUIRE(wait_until([&] { return pdus() > heard; }, 3s, 5ms));
    const auto wait_packets = [&](unsigned n) {
        const auto from = echo.sent();
        REQUIRE(wait_until([&] { return echo.sent() >= from + n; }, 20s));
    };
    wait_packets(rate * tenths / 10);
    lab.left.daemon().kill9();
    wait_packets(rate * 5 / 2);
    lab.left.daemon().start();
    wait_packets(rate * 4);
    lab.check_unharmed(echo);
}
