// SPDX-License-Identifier: MIT
// The data path stands in for a controller that is away (`lacp.stand_in`), as its partners hear it.
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/netns/lacp/lab.h"
#include "tests/netns/lacp/partner.h"

using namespace xbond::harness;

TEST_CASE("802.3ad partners of a killed controller hear from the data path for four seconds, then nobody") {
    PartnerLab lab(2);
    REQUIRE(lab.make_bond("lacp_rate fast"));
    auto &partners = lab.partners();
    const auto said = partners.heard(1);
    partners.begin_measuring();
    lab.host().daemon().kill9();
    const auto silent = [&] {
        return std::chrono::system_clock::now().time_since_epoch() - partners.heard(1).last > 2800ms;
    };
    CHECK(holds_for([&] { return !silent(); }, 4s, 50ms));
    CHECK(partners.heard(1).pdus >= 2);
    CHECK(partners.heard(1).actor == said.actor);
    CHECK(partners.heard(1).partner == said.partner);
    CHECK(wait_until(silent, 5s, 50ms));
}

TEST_CASE("802.3ad with a lease the data path does not stand in for a killed controller") {
    PartnerLab lab(2);
    REQUIRE(lab.make_bond("lacp_rate fast controller_lease 500"));
    lab.partners().begin_measuring();
    lab.host().daemon().kill9();
    const auto pdus = lab.partners().heard(0).pdus;
    CHECK(holds_for([&] { return lab.partners().heard(0).pdus == pdus; }, 3s, 50ms));
}
