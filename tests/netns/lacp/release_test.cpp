// SPDX-License-Identifier: MIT
// A slave that comes and goes. Most of a minute.
#include <catch2/catch.hpp>

#include "tests/netns/lacp/partner.h"

using namespace xbond::harness;
using nlohmann::json;
namespace flag = xbond::lacp::flag;

TEST_CASE("802.3ad R13 a slave released and added again 100 times: a farewell each time, nothing stays behind") {
    PartnerLab lab(2);
    REQUIRE(lab.make_bond("lacp_rate fast"));
    const json first = lab.host().port("e0");
    constexpr auto joined = flag::aggregation | flag::synchronization | flag::collecting | flag::distributing;
    const auto heard = [&] { return lab.partners().heard(1).actor; };
    for (int round = 0; round < 100; ++round) {
        CAPTURE(round);
        lab.host().cli().ok("link set e1 nomaster");
        REQUIRE(wait_until([&] { return (heard().state & joined) == 0; }));
        lab.host().cli().ok("link set e1 master bond0");
        REQUIRE(wait_until([&] { return heard().has(flag::aggregation); }));
    }
    CHECK(lab.host().wait_negotiated());
    CHECK(lab.host().wait_distributing(lab.slaves()));
    const json shown = lab.host().show();
    CHECK(shown.at("aggregators").size() == 2);
    CHECK(shown.at("slaves").at(1).at("aggregator_id") == shown.at("slaves").at(0).at("aggregator_id"));
    CHECK(lab.host().port("e0").at("aggregator_id") == first.at("aggregator_id"));
    CHECK(lab.host().port("e0").at("stats").at("expired") == first.at("stats").at("expired"));
}
