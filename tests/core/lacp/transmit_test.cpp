// SPDX-License-Identifier: MIT
// Bring-up and transmission (L01..L13), passive ports (L26..L31).
#include <catch2/catch.hpp>

#include "tests/core/lacp/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

SystemOptions fast() {
    auto options = defaults();
    options.fast_rate = true;
    return options;
}

SystemOptions passive() {
    auto options = defaults();
    options.active = false;
    return options;
}

PortInfo without(PortInfo info, std::uint8_t flags) {
    info.set(flags, false);
    return info;
}

} // namespace

TEST_CASE("L01 link up: a PDU at once, EXPIRED and DEFAULTED, with the default partner") {
    Lab lab(1, defaults(), {speed_10g});
    REQUIRE(lab.instants(0) == Instants{0});
    CHECK(lab.last().actor == PortInfo{65535, {{2, 0, 0, 0, 0x0a, 1}}, 15, 255, 1, 0xc5});
    CHECK(lab.last().partner == PortInfo{65535, {}, 1, 255, 1, 0x02});
    CHECK(lab.port(1).rx == RxState::expired);
}

TEST_CASE("L02 lacp_rate fast: the first PDU asks for it") {
    Lab lab(1, fast(), {speed_10g});
    CHECK(lab.last().actor.state == 0xc7);
}

TEST_CASE("L03 no partner for 100 s: four PDUs a second apart, then one every 30 s") {
    Lab lab(1, defaults(), {speed_10g});
    lab.run_to(2999);
    CHECK(lab.port(1).rx == RxState::expired);
    lab.run_to(3000);
    CHECK(lab.port(1).rx == RxState::defaulted);
    lab.run_to(100000);
    CHECK(lab.instants(0) == Instants{0, 1000, 2000, 3000, 33000, 63000, 93000});
}

TEST_CASE("L04 two slaves, no partner: the first works as an individual link") {
    Lab lab(2, defaults(), {speed_10g, speed_10g});
    lab.run_to(5000);
    CHECK(lab.active() == 1);
    CHECK(lab.port(1).actor.state == 0x4d);
    CHECK(lab.port(2).actor.state == 0x45);
    CHECK(lab.port(1).mux == MuxState::attached);
    CHECK(lab.port(2).mux == MuxState::attached);
    CHECK(lab.tx() == Slaves{1});
    CHECK(lab.rx() == Slaves{1});
    CHECK(lab.system.carrier());
}

TEST_CASE("L05 two slaves, no partner, fast") {
    Lab lab(2, fast(), {speed_10g, speed_10g});
    lab.run_to(5000);
    CHECK(lab.port(1).actor.state == 0x4f);
    CHECK(lab.port(2).actor.state == 0x47);
}

TEST_CASE("L06 the handshake step by step") {
    Lab lab(1, defaults(), {speed_10g});
    lab.run_to(100);
    lab.pdu(1, partner_p(), 0x05, PortInfo{});
    CHECK(lab.instants(100) == Instants{100});
    CHECK(lab.last().actor.state == 0x05);
    CHECK(lab.port(1).mux == MuxState::waiting);
    lab.run_to(2099);
    CHECK(lab.port(1).mux == MuxState::waiting);
    CHECK(lab.tx().empty());
    lab.run_to(2100);
    CHECK(lab.port(1).mux == MuxState::attached);
    CHECK(lab.instants(101) == Instants{2100});
    CHECK(lab.last().actor.state == 0x0d);
    lab.run_to(2200);
    lab.pdu(1, partner_p(), 0x3d);
    CHECK(lab.port(1).mux == MuxState::collecting_distributing);
    CHECK(lab.instants(2101) == Instants{2200});
    CHECK(lab.last().actor.state == 0x3d);
    CHECK(lab.tx() == Slaves{1});
    CHECK(lab.states("mux", 100) ==
          std::vector<std::string>{"DETACHED", "WAITING", "ATTACHED", "COLLECTING_DISTRIBUTING"});
}

TEST_CASE("L07 steady state, slow: one PDU every 30 s, none for the partner's") {
    auto lab = up();
    lab.pdus(1, partner_p(), 0x3d, 30000, 100000);
    CHECK(lab.instants(2201) == Instants{30100, 60100, 90100});
}

TEST_CASE("L08 the partner asks for fast: a PDU at once, then every second") {
    auto lab = up();
    lab.run_to(5000);
    lab.pdu(1, partner_p(), 0x3f);
    lab.run_to(8000);
    CHECK(lab.instants(2201) == Instants{5000, 6000, 7000, 8000});
}

TEST_CASE("L09 the partner asks for slow again: the next PDU 30 s later") {
    auto lab = up();
    lab.run_to(5000);
    lab.pdu(1, partner_p(), 0x3f);
    lab.run_to(8500);
    lab.pdu(1, partner_p(), 0x3d);
    lab.run_to(40000);
    CHECK(lab.instants(8001) == Instants{38500});
}

TEST_CASE("L10 never more than three PDUs in any second") {
    auto lab = up();
    lab.run_to(35000);
    lab.pdu(1, partner_p(), 0x3d);
    for (int i = 0; i < 6; ++i) {
        lab.run_to(40000 + 100 * i);
        lab.pdu(1, partner_p(), 0x3d, without(lab.port(1).actor, flag::synchronization));
    }
    lab.run_to(41500);
    CHECK(lab.instants(35000) == Instants{40000, 40100, 40200, 41000});
    CHECK(lab.most_in_a_second(1) == 3);
    CHECK(lab.port(1).counters.tx_limited == 1);
}

TEST_CASE("L11 a PDU held back carries the state of the moment it leaves") {
    auto lab = up();
    lab.run_to(40000);
    for (int i = 0; i < 4; ++i) {
        lab.run_to(40000 + 100 * i);
        lab.pdu(1, partner_p(), 0x3d, without(lab.port(1).actor, flag::synchronization));
    }
    lab.run_to(40500);
    lab.options(fast());
    lab.run_to(40999);
    CHECK(lab.instants(40201).empty());
    lab.run_to(41000);
    REQUIRE(lab.instants(40201) == Instants{41000});
    CHECK(lab.last().actor.state == 0x3f);
}

TEST_CASE("L12 a view that lacks only COLLECTING and DISTRIBUTING needs no answer") {
    auto lab = up();
    lab.run_to(5000);
    lab.pdu(1, partner_p(), 0x3d, without(lab.port(1).actor, flag::collecting | flag::distributing));
    lab.run_to(10000);
    CHECK(lab.instants(2201).empty());
}

TEST_CASE("L13 a view with our timeout bit wrong: one PDU at that instant") {
    auto lab = up();
    lab.run_to(5000);
    auto view = lab.port(1).actor;
    view.set(flag::timeout, true);
    lab.pdu(1, partner_p(), 0x3d, view);
    lab.run_to(10000);
    CHECK(lab.instants(2201) == Instants{5000});
}

TEST_CASE("2.2 every compared bit of the view and the identity asks for a PDU") {
    const auto wrong = GENERATE(flag::activity, flag::timeout, flag::synchronization, flag::aggregation);
    auto lab = up();
    lab.run_to(5000);
    auto view = lab.port(1).actor;
    view.state = static_cast<std::uint8_t>(view.state ^ wrong);
    lab.pdu(1, partner_p(), 0x3d, view);
    CHECK(lab.instants(2201) == Instants{5000});
}

TEST_CASE("L26 passive without partner: silence") {
    Lab lab(1, passive(), {speed_10g});
    CHECK(lab.port(1).rx == RxState::expired);
    lab.run_to(120000);
    CHECK(lab.sent.empty());
    CHECK(lab.port(1).periodic == PeriodicState::no_periodic);
    CHECK(lab.port(1).rx == RxState::defaulted);
}

TEST_CASE("L27 passive with an active partner: full operation without the activity bit") {
    Lab lab(1, passive(), {speed_10g});
    lab.run_to(5000);
    lab.pdu(1, partner_p(), 0x05);
    CHECK(lab.instants(0) == Instants{5000});
    CHECK(lab.last().actor.state == 0x04);
    lab.run_to(6999);
    CHECK(lab.port(1).mux == MuxState::waiting);
    lab.run_to(7000);
    CHECK(lab.port(1).mux == MuxState::attached);
    lab.run_to(7100);
    lab.pdu(1, partner_p(), 0x3d);
    CHECK(lab.port(1).mux == MuxState::collecting_distributing);
    CHECK(lab.last().actor.state == 0x3c);
    CHECK(lab.port(1).periodic == PeriodicState::slow);
    lab.run_to(96000);
    CHECK(lab.instants(7101) == Instants{35000, 65000, 95000});
}

TEST_CASE("L28 both passive: recorded, but not maintained and never answered") {
    Lab lab(1, passive(), {speed_10g});
    lab.run_to(5000);
    lab.pdu(1, partner_p(), 0x0c);
    lab.run_to(60000);
    CHECK(lab.port(1).rx == RxState::current);
    CHECK(lab.port(1).partner.same_id(partner_p()));
    CHECK_FALSE(lab.port(1).partner.has(flag::synchronization));
    CHECK(lab.port(1).periodic == PeriodicState::no_periodic);
    CHECK(lab.sent.empty());
}

TEST_CASE("L29 active with a passive partner: full operation") {
    Lab lab(1, defaults(), {speed_10g});
    lab.run_to(100);
    lab.pdu(1, partner_p(), 0x04);
    lab.run_to(2200);
    lab.pdu(1, partner_p(), 0x3c);
    CHECK(lab.port(1).mux == MuxState::collecting_distributing);
    lab.run_to(65000);
    CHECK(lab.instants(2201) == Instants{30100, 60100});
}

TEST_CASE("L30 passive, and the active fast partner falls silent: PDUs while EXPIRED, then silence") {
    Lab lab(1, passive(), {speed_10g});
    lab.run_to(100);
    lab.handshake({{1, partner_p()}}, true);
    lab.run_to(10000);
    lab.pdu(1, partner_p(), 0x3f);
    lab.run_to(100000);
    CHECK(lab.port(1).rx == RxState::expired);
    const auto in_expired = lab.since(100000).size();
    lab.run_to(102999);
    CHECK(lab.since(100000).size() >= in_expired + 2);
    CHECK(lab.port(1).rx == RxState::expired);
    lab.run_to(103000);
    CHECK(lab.port(1).rx == RxState::defaulted);
    CHECK(lab.port(1).periodic == PeriodicState::no_periodic);
    lab.run_to(200000);
    CHECK(lab.instants(103001).empty());
}

TEST_CASE("L31 switched to passive with a passive partner: silent at once") {
    Lab lab(1, defaults(), {speed_10g});
    lab.run_to(100);
    lab.pdu(1, partner_p(), 0x04);
    lab.run_to(2200);
    lab.pdu(1, partner_p(), 0x3c);
    lab.run_to(5000);
    lab.options(passive());
    CHECK(lab.port(1).periodic == PeriodicState::no_periodic);
    lab.run_to(90000);
    CHECK(lab.instants(5000).empty());
}
