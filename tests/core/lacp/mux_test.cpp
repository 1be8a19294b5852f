// SPDX-License-Identifier: MIT
// Independent control (L69..L74), the individual clause (L83).
#include <catch2/catch.hpp>

#include "tests/core/lacp/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

Lab attached(bool coupled) {
    auto options = defaults();
    options.coupled_control = coupled;
    Lab lab(1, options, {speed_10g});
    lab.pdu(1, partner_p(), 0x05);
    lab.run_to(2100);
    REQUIRE(lab.port(1).mux == MuxState::attached);
    return lab;
}

Lab distributing_independently() {
    auto lab = attached(false);
    lab.pdu(1, partner_p(), 0x0d);
    lab.run_to(5000);
    lab.pdu(1, partner_p(), 0x1d);
    return lab;
}

} // namespace

TEST_CASE("L69 independent: the partner is in sync but does not collect: COLLECTING") {
    auto lab = attached(false);
    lab.run_to(2500);
    lab.pdu(1, partner_p(), 0x0d);
    CHECK(lab.port(1).mux == MuxState::collecting);
    CHECK(lab.rx() == Slaves{1});
    CHECK(lab.tx().empty());
    CHECK(lab.instants(2500) == Instants{2500});
    CHECK(lab.last().actor.state == 0x1d);
}

TEST_CASE("L70 independent: the partner collects: DISTRIBUTING, without a PDU of its own") {
    auto lab = distributing_independently();
    CHECK(lab.port(1).mux == MuxState::distributing);
    CHECK(lab.tx() == Slaves{1});
    CHECK(lab.port(1).actor.state == 0x3d);
    lab.run_to(10000);
    CHECK(lab.instants(5000).empty());
}

TEST_CASE("L71 independent: the partner stops collecting: back to COLLECTING") {
    auto lab = distributing_independently();
    lab.run_to(10000);
    lab.pdu(1, partner_p(), 0x0d);
    CHECK(lab.port(1).mux == MuxState::collecting);
    CHECK(lab.tx().empty());
    CHECK(lab.rx() == Slaves{1});
    CHECK(lab.instants(10000) == Instants{10000});
    CHECK(lab.last().actor.state == 0x1d);
}

TEST_CASE("L72 independent: the partner is out of sync: ATTACHED by way of COLLECTING") {
    auto lab = distributing_independently();
    lab.run_to(10000);
    lab.pdu(1, partner_p(), 0x05);
    CHECK(lab.states("mux", 10000) == std::vector<std::string>{"COLLECTING", "ATTACHED"});
    CHECK(lab.tx().empty());
    CHECK(lab.rx().empty());
    CHECK(lab.port(1).actor.state == 0x0d);
}

TEST_CASE("L73 coupled: whether the partner collects does not matter") {
    auto lab = attached(true);
    lab.pdu(1, partner_p(), 0x0d);
    CHECK(lab.port(1).mux == MuxState::collecting_distributing);
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("L74 the partner puts the link in standby: ATTACHED for as long as it likes") {
    auto lab = up();
    lab.run_to(10000);
    lab.pdu(1, partner_p(), 0x05);
    CHECK(lab.tx().empty());
    CHECK(lab.rx().empty());
    CHECK(lab.instants(10000) == Instants{10000});
    CHECK(lab.last().actor.state == 0x0d);
    lab.pdus(1, partner_p(), 0x05, 30000, 400000);
    CHECK(lab.states("mux", 10000) == std::vector<std::string>{"ATTACHED"});
}

TEST_CASE("L83 an individual partner in sync is accepted though its view of us is stale") {
    Lab lab(1, defaults(), {speed_10g});
    lab.run_to(100);
    lab.pdu(1, partner_p(), 0x09, PortInfo{});
    CHECK(lab.port(1).partner.has(flag::synchronization));
    CHECK(lab.instants(100) == Instants{100});
    lab.run_to(2099);
    CHECK(lab.tx().empty());
    lab.run_to(2100);
    CHECK(lab.port(1).mux == MuxState::collecting_distributing);
}
