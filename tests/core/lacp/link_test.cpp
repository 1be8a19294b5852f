// SPDX-License-Identifier: MIT
// Link, speed and duplex (L32..L40), churn (L80..L82).
#include <catch2/catch.hpp>

#include "tests/core/lacp/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

Lab lost_at_5000() {
    auto lab = up();
    lab.run_to(5000);
    lab.link_down(1);
    return lab;
}

} // namespace

TEST_CASE("L32 carrier lost: everything off in the same instant, no PDU") {
    auto lab = lost_at_5000();
    CHECK(lab.port(1).rx == RxState::port_disabled);
    CHECK(lab.tx().empty());
    CHECK(lab.rx().empty());
    CHECK(lab.port(1).mux == MuxState::attached);
    CHECK(lab.port(1).periodic == PeriodicState::no_periodic);
    CHECK_FALSE(lab.system.carrier());
    lab.run_to(20000);
    CHECK(lab.instants(2201).empty());
}

TEST_CASE("L33 link back with the same speed: no wait once the partner is heard") {
    auto lab = lost_at_5000();
    lab.run_to(6000);
    lab.link_up(1);
    CHECK(lab.port(1).rx == RxState::expired);
    CHECK(lab.instants(5000) == Instants{6000});
    lab.run_to(6050);
    lab.pdu(1, partner_p(), 0x3d);
    CHECK(lab.port(1).rx == RxState::current);
    CHECK(lab.states("mux", 6000) == std::vector<std::string>{"COLLECTING_DISTRIBUTING"});
}

TEST_CASE("L34 link back, but no partner: DEFAULTED 3 s later, out of the aggregator") {
    auto lab = lost_at_5000();
    lab.run_to(6000);
    lab.link_up(1);
    lab.run_to(8999);
    CHECK(lab.system.aggregator(lab.port(1).aggregator)->has_partner());
    lab.run_to(9000);
    CHECK(lab.port(1).rx == RxState::defaulted);
    CHECK_FALSE(lab.system.aggregator(lab.port(1).aggregator)->has_partner());
}

TEST_CASE("L35 a flapping link: still at most three PDUs in any second") {
    auto lab = up();
    lab.run_to(5000);
    for (int i = 0; i < 20; ++i) {
        lab.link_down(1);
        lab.run_for(50);
        lab.link_up(1);
        lab.run_for(50);
    }
    CHECK(lab.port(1).rx == RxState::expired);
    CHECK(lab.tx().empty());
    lab.run_for(2000);
    CHECK(lab.most_in_a_second(1) == 3);
}

TEST_CASE("L36 one of two slaves loses link: the other carries on undisturbed") {
    Lab lab(2, defaults(), {speed_10g, speed_10g});
    lab.handshake({{1, partner_p()}, {2, partner_p(0x106)}});
    lab.run_to(5000);
    lab.link_down(1);
    CHECK(lab.tx() == Slaves{2});
    CHECK(lab.port(1).mux == MuxState::attached);
    CHECK_FALSE(lab.port(1).partner.has(flag::synchronization));
    CHECK(lab.active() == 1);
    CHECK(lab.system.carrier());
    lab.run_to(10000);
    CHECK(lab.instants(5000, 2).empty());
}

TEST_CASE("XB-13 link back beside a slave at work: a PDU at once") {
    Lab lab(2, defaults(), {speed_10g, speed_10g});
    lab.handshake({{1, partner_p()}, {2, partner_p(0x106)}});
    lab.run_to(5000);
    lab.link_down(1);
    lab.run_to(8000);
    lab.link_up(1);
    CHECK(lab.instants(5000, 1) == Instants{8000});
}

TEST_CASE("L37 another speed without loss of carrier: a full restart with the new key") {
    auto lab = up();
    lab.run_to(5000);
    lab.link_up(1, speed_1g);
    CHECK(lab.port(1).rx == RxState::expired);
    CHECK(lab.states("mux", 5000) == std::vector<std::string>{"DETACHED", "WAITING"});
    CHECK(lab.instants(5000) == Instants{5000});
    CHECK(lab.last().actor.key == 9);
    CHECK(lab.last().partner.system.is_zero());
}

TEST_CASE("L38 a half-duplex slave beside a partnered one: no LACP, never used") {
    Lab lab(2);
    lab.link_up(1);
    lab.link_up(2, speed_10g, false);
    lab.run_to(100);
    lab.handshake({{1, partner_p()}});
    lab.run_to(10000);
    CHECK(lab.port(2).rx == RxState::lacp_disabled);
    CHECK(lab.port(2).actor.key == 14);
    CHECK(lab.instants(0, 2).empty());
    CHECK(lab.tx() == Slaves{1});
    CHECK(lab.rx() == Slaves{1});
}

TEST_CASE("L39 a half-duplex slave alone: an individual link without PDUs") {
    Lab lab(1);
    lab.link_up(1, speed_10g, false);
    lab.run_to(5000);
    CHECK(lab.system.active_aggregator()->individual);
    CHECK(lab.tx() == Slaves{1});
    CHECK(lab.sent.empty());
    CHECK(lab.system.carrier());
}

TEST_CASE("L40 half duplex becomes full: LACP starts at once with an odd key") {
    Lab lab(2);
    lab.link_up(1);
    lab.link_up(2, speed_10g, false);
    lab.run_to(100);
    lab.handshake({{1, partner_p()}});
    lab.run_to(10000);
    lab.link_up(2);
    CHECK(lab.port(2).rx == RxState::expired);
    CHECK(lab.instants(0, 2) == Instants{10000});
    CHECK(lab.last(2).actor.key == 15);
}

TEST_CASE("3.1 full duplex becomes half: LACP ends at once") {
    auto lab = up();
    lab.run_to(5000);
    lab.link_up(1, speed_10g, false);
    CHECK(lab.port(1).rx == RxState::lacp_disabled);
    CHECK(lab.port(1).actor.state == 0x45);
    lab.run_to(10000);
    CHECK(lab.instants(5000).empty());
    CHECK(lab.tx() == Slaves{1}); // an individual link now
}

TEST_CASE("L80 a port of an aggregator that is not active churns on our side only") {
    Lab lab(2, defaults(), {speed_10g, speed_10g});
    lab.run_to(100);
    lab.handshake({{1, partner_p()}, {2, partner_q()}});
    lab.run_to(59999);
    CHECK(lab.port(2).actor_churn == ChurnState::monitor);
    lab.run_to(60000);
    CHECK(lab.port(2).actor_churn == ChurnState::churn);
    CHECK(lab.port(2).actor_churn_count == 1);
    CHECK(lab.port(2).partner_churn == ChurnState::no_churn);
    CHECK(lab.port(1).actor_churn == ChurnState::no_churn);
    CHECK(lab.port(1).partner_churn == ChurnState::no_churn);
}

TEST_CASE("L81 the partner holds the link in standby: partner churn until it is in sync again") {
    auto lab = up();
    lab.run_to(10000);
    lab.pdu(1, partner_p(), 0x05);
    CHECK(name(lab.port(1).partner_churn) == "monitoring");
    lab.pdus(1, partner_p(), 0x05, 29000, 69999);
    CHECK(name(lab.port(1).partner_churn) == "monitoring");
    lab.run_to(70000);
    CHECK(name(lab.port(1).partner_churn) == "churned");
    CHECK(lab.port(1).partner_churn_count == 1);
    lab.pdu(1, partner_p(), 0x3d);
    CHECK(name(lab.port(1).partner_churn) == "none");
}

TEST_CASE("L82 link down and up: the churn timer starts anew, the counts stay") {
    auto lab = up();
    lab.run_to(10000);
    lab.pdus(1, partner_p(), 0x05, 29000, 75000);
    REQUIRE(lab.port(1).partner_churn_count == 1);
    lab.link_down(1);
    CHECK(lab.port(1).partner_churn == ChurnState::monitor);
    CHECK_FALSE(lab.port(1).partner_churn_timer);
    lab.run_to(80000);
    lab.link_up(1);
    CHECK(lab.port(1).partner_churn_timer == Time(Ms(140000)));
    lab.run_to(139999);
    CHECK(lab.port(1).partner_churn_count == 1);
    lab.run_to(140000);
    CHECK(lab.port(1).partner_churn_count == 2);
}
