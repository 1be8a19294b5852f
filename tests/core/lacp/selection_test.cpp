// SPDX-License-Identifier: MIT
// Selection, the active aggregator and carrier (L41..L60, L84).
#include <catch2/catch.hpp>

#include "tests/core/lacp/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

const std::vector<std::uint32_t> two_10g{speed_10g, speed_10g};

SystemOptions with(AdSelect policy) {
    auto options = defaults();
    options.ad_select = policy;
    return options;
}

// Two slaves up in one aggregator, at 2100.
Lab bundle(SystemOptions options = defaults()) {
    Lab lab(2, options, two_10g);
    lab.handshake({{1, partner_p()}, {2, partner_p(0x106)}});
    REQUIRE(lab.tx() == Slaves{1, 2});
    return lab;
}

// Slave 1 cabled to P, slave 2 to Q, both in sync at 2100.
Lab miscabled(SystemOptions options = defaults()) {
    Lab lab(2, options, two_10g);
    lab.handshake({{1, partner_p()}, {2, partner_q()}});
    return lab;
}

Lab after_failover_to_q() {
    auto lab = miscabled();
    lab.run_to(5000);
    lab.link_down(1);
    return lab;
}

// Both partners of a bundle fall silent.
Lab both_defaulted() {
    auto lab = bundle();
    lab.run_to(100000);
    REQUIRE(lab.port(1).rx == RxState::defaulted);
    REQUIRE(lab.port(2).rx == RxState::defaulted);
    return lab;
}

} // namespace

TEST_CASE("L41 two slaves to one partner: one aggregator, both used") {
    auto lab = bundle();
    CHECK(lab.port(1).aggregator == lab.port(2).aggregator);
    CHECK(lab.rx() == Slaves{1, 2});
    CHECK(lab.port(1).actor.state == 0x3d);
    CHECK(lab.port(2).actor.state == 0x3d);
}

TEST_CASE("L42 the second slave comes while the first waits: they attach together") {
    Lab lab(2, defaults(), two_10g);
    lab.run_to(100);
    lab.pdu(1, partner_p(), 0x05);
    lab.run_to(1600);
    lab.pdu(2, partner_p(0x106), 0x05);
    lab.run_to(3599);
    CHECK(lab.port(1).mux == MuxState::waiting);
    CHECK(lab.port(1).ready_n);
    lab.run_to(3600);
    CHECK(lab.port(1).mux == MuxState::attached);
    CHECK(lab.port(2).mux == MuxState::attached);
}

TEST_CASE("L43 the second slave joins an aggregator at work: it waits alone") {
    Lab lab(2, defaults(), two_10g);
    lab.run_to(100);
    lab.handshake({{1, partner_p()}});
    lab.run_to(10000);
    lab.pdu(2, partner_p(0x106), 0x05);
    CHECK(lab.tx() == Slaves{1});
    lab.run_to(11999);
    CHECK(lab.port(2).mux == MuxState::waiting);
    lab.run_to(12000);
    CHECK(lab.port(2).mux == MuxState::attached);
    CHECK(lab.states("mux", 10000).empty());
}

TEST_CASE("L44 heard on slave 2 first: both end in aggregator 2") {
    Lab lab(2, defaults(), two_10g);
    lab.run_to(100);
    lab.pdu(2, partner_p(0x106), 0x05);
    lab.run_to(200);
    lab.pdu(1, partner_p(), 0x05);
    CHECK(lab.port(1).aggregator == 2);
    CHECK(lab.port(2).aggregator == 2);
    CHECK(lab.active() == 2);
}

TEST_CASE("L45 cabled to two partners: two aggregators, one at work") {
    auto lab = miscabled();
    CHECK(lab.port(1).aggregator == 1);
    CHECK(lab.port(2).aggregator == 2);
    CHECK(lab.active() == 1);
    CHECK(lab.port(2).mux == MuxState::attached);
    CHECK(lab.port(2).actor.state == 0x05);
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("L46 the active aggregator loses its link: the other takes over at once") {
    auto lab = after_failover_to_q();
    CHECK(lab.active() == 2);
    CHECK(lab.instants(5000, 2) == Instants{5000});
    CHECK(lab.last(2).actor.state == 0x3d);
    CHECK(lab.port(2).mux == MuxState::collecting_distributing);
    CHECK(lab.tx() == Slaves{2});
}

TEST_CASE("L47 stable: no switch back") {
    auto lab = after_failover_to_q();
    lab.run_to(6000);
    lab.link_up(1);
    lab.run_to(6100);
    lab.handshake({{1, partner_p()}});
    lab.run_to(10000);
    CHECK(lab.active() == 2);
    CHECK_FALSE(lab.port(1).actor.has(flag::synchronization));
    CHECK(lab.tx() == Slaves{2});
}

TEST_CASE("L48 bandwidth: 25 G beat 2 x 10 G") {
    Lab lab(3, with(AdSelect::bandwidth), {speed_10g, speed_10g, speed_25g});
    lab.handshake({{1, partner_p()}, {2, partner_p(0x106)}, {3, partner_q()}});
    CHECK(lab.active() == lab.port(3).aggregator);
    CHECK(lab.tx() == Slaves{3});
}

TEST_CASE("L49 count: two links beat one") {
    Lab lab(3, with(AdSelect::count), {speed_10g, speed_10g, speed_25g});
    lab.handshake({{1, partner_p()}, {2, partner_p(0x106)}, {3, partner_q()}});
    lab.pdu(1, partner_p(), 0x3d);
    lab.pdu(2, partner_p(0x106), 0x3d);
    CHECK(lab.active() == lab.port(1).aggregator);
    CHECK(lab.tx() == Slaves{1, 2});
}

TEST_CASE("L50 actor_port_prio: the higher sum wins") {
    Lab lab(0, with(AdSelect::actor_port_prio));
    lab.add(1, 10);
    lab.add(2, 500);
    lab.link_up(1);
    lab.link_up(2);
    lab.handshake({{1, partner_p()}, {2, partner_q()}});
    CHECK(lab.tx() == Slaves{2});
}

TEST_CASE("L51 bandwidth: the faster one gets a partner, the active one gives way at that instant") {
    Lab lab(2, with(AdSelect::bandwidth), {speed_10g, speed_25g});
    lab.handshake({{1, partner_p()}});
    REQUIRE(lab.tx() == Slaves{1});
    lab.run_to(10000);
    lab.pdu(2, partner_q(), 0x05);
    CHECK(lab.port(1).mux == MuxState::attached);
    CHECK(lab.instants(10000, 1) == Instants{10000});
    CHECK_FALSE(lab.last(1).actor.has(flag::synchronization));
    lab.run_to(12100);
    lab.pdu(2, partner_q(), 0x3d);
    CHECK(lab.tx() == Slaves{2});
    CHECK(lab.system.save().agg_switches == 3); // 10 G, 25 G, then with partner: P, Q
}

TEST_CASE("L52 two speeds to one partner: two aggregators, the faster one is chosen") {
    Lab lab(2, defaults(), {speed_10g, speed_1g});
    lab.handshake({{1, partner_p()}, {2, partner_p(0x106)}});
    CHECK(lab.port(1).actor.key == 15);
    CHECK(lab.port(2).actor.key == 9);
    CHECK(lab.port(1).aggregator != lab.port(2).aggregator);
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("L53 one system, two keys: two aggregators") {
    Lab lab(2, defaults(), two_10g);
    auto other = partner_p(0x106);
    other.key = 11;
    lab.handshake({{1, partner_p()}, {2, other}});
    CHECK(lab.port(1).aggregator != lab.port(2).aggregator);
    CHECK(lab.tx() == Slaves{1});
    CHECK_FALSE(lab.port(2).actor.has(flag::synchronization));
}

TEST_CASE("L54 MLAG: one identity on two switches is one aggregator") {
    Lab lab(2, defaults(), two_10g);
    lab.handshake({{1, partner_p(0x105)}, {2, partner_p(0x8105)}});
    CHECK(lab.tx() == Slaves{1, 2});
}

TEST_CASE("L55 an MLAG peer falls back to its own system: its slave leaves, the other stays") {
    auto lab = bundle();
    lab.run_to(10000);
    auto split = partner_p(0x106);
    split.system.bytes[5] = 9;
    lab.pdu(2, split, 0x3d);
    CHECK(lab.tx() == Slaves{1});
    CHECK_FALSE(lab.port(2).actor.has(flag::synchronization));
    CHECK(lab.states("mux", 10000, 1).empty());
    CHECK(lab.instants(10000, 1).empty());
}

TEST_CASE("L56 individual partners are never aggregated") {
    Lab lab(2, defaults(), two_10g);
    lab.pdu(1, partner_p(), 0x01);
    lab.pdu(2, partner_p(0x106), 0x01);
    lab.run_to(2100);
    lab.pdu(1, partner_p(), 0x39);
    lab.pdu(2, partner_p(0x106), 0x39);
    CHECK(lab.port(1).aggregator != lab.port(2).aggregator);
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("2.6 without partners a half-duplex slave comes last, however fast") {
    Lab lab(2, with(AdSelect::bandwidth));
    lab.link_up(1, speed_25g, false);
    CHECK(lab.tx() == Slaves{1});
    lab.link_up(2);
    CHECK(lab.tx() == Slaves{2});
}

TEST_CASE("2.6 stable: an aggregator that was emptied is active no more") {
    Lab lab(2);
    lab.link_up(1);
    lab.handshake({{1, partner_p()}});
    lab.link_up(2, speed_25g);
    lab.handshake({{2, partner_q()}});
    REQUIRE(lab.tx() == Slaves{1});
    lab.pdu(1, partner_p(0x107), 0x05); // another port of the same partner
    CHECK(lab.tx() == Slaves{2});
}

TEST_CASE("L57 all partners lost: each slave on its own, one at work") {
    auto lab = both_defaulted();
    CHECK(lab.port(1).aggregator == 2);
    CHECK(lab.port(2).aggregator == 1);
    CHECK(lab.active() == 1);
    CHECK(lab.tx() == Slaves{2});
    CHECK(lab.system.carrier());
}

TEST_CASE("L58 a partner is back on slave 1: it becomes active at its first PDU, even if stable") {
    auto lab = both_defaulted();
    lab.run_to(110000);
    lab.pdu(1, partner_p(), 0x05);
    CHECK(lab.active() == lab.port(1).aggregator);
    CHECK(lab.tx().empty());
    lab.run_to(112100);
    CHECK(lab.tx().empty());
    lab.pdu(1, partner_p(), 0x3d);
    CHECK(lab.tx() == Slaves{1});
    CHECK_FALSE(lab.port(2).actor.has(flag::synchronization));
}

TEST_CASE("L59 min_links 2: carrier with the second link of the aggregator") {
    auto options = defaults();
    options.min_links = 2;
    Lab lab(2, options);
    lab.link_up(1);
    lab.handshake({{1, partner_p()}});
    CHECK(lab.tx() == Slaves{1});
    CHECK_FALSE(lab.system.carrier());
    lab.link_up(2);
    CHECK_FALSE(lab.system.carrier());
    lab.handshake({{2, partner_p(0x106)}});
    CHECK(lab.system.carrier());
}

TEST_CASE("L60 lacp_strict: carrier only with a port that distributes by LACP") {
    auto options = defaults();
    options.strict = true;
    Lab lab(1, options, {speed_10g});
    lab.run_to(10000);
    CHECK_FALSE(lab.system.carrier());
    lab.handshake({{1, partner_p()}});
    CHECK(lab.system.carrier());
    lab.run_to(12100 + 89999);
    CHECK(lab.system.carrier());
    lab.run_for(1);
    REQUIRE(lab.port(1).rx == RxState::expired);
    CHECK_FALSE(lab.system.carrier());
}

TEST_CASE("L84 stable: a faster aggregator does not preempt") {
    Lab lab(2, defaults());
    lab.link_up(1);
    lab.handshake({{1, partner_p()}});
    lab.link_up(2, speed_25g);
    lab.handshake({{2, partner_q()}});
    CHECK(lab.tx() == Slaves{1});
    CHECK(lab.port(2).mux == MuxState::attached);
    CHECK_FALSE(lab.port(2).actor.has(flag::synchronization));
}
