// SPDX-License-Identifier: MIT
// Reception and timeouts (L14..L25), frames that waited for a controller held up, markers.
#include <catch2/catch.hpp>

#include "tests/core/lacp/lab.h"

using namespace xbond;
using namespace xbond::test;

TEST_CASE("L14 a fast partner falls silent: EXPIRED after 3 s, DEFAULTED after 6 s") {
    auto lab = fast_pair(10000);
    lab.run_to(12999);
    CHECK(lab.port(1).rx == RxState::current);
    CHECK(lab.tx() == Slaves{1});
    lab.run_to(13000);
    CHECK(lab.port(1).rx == RxState::expired);
    CHECK(lab.port(1).actor.has(flag::expired));
    CHECK_FALSE(lab.port(1).partner.has(flag::synchronization));
    CHECK(lab.port(1).partner.has(flag::timeout));
    CHECK(lab.port(1).mux == MuxState::attached);
    CHECK(lab.tx().empty());
    CHECK(lab.rx().empty());
    CHECK(lab.instants(13000) == Instants{13000});
    CHECK(lab.last().actor.state == 0x8f);
    lab.run_to(15999);
    CHECK(lab.port(1).rx == RxState::expired);
    lab.run_to(16000);
    CHECK(lab.port(1).rx == RxState::defaulted);
}

TEST_CASE("L15 a slow partner falls silent: EXPIRED after 90 s, a PDU a second, DEFAULTED") {
    auto lab = up();
    lab.run_to(10000);
    lab.pdu(1, partner_p(), 0x3d);
    lab.run_to(99999);
    CHECK(lab.port(1).rx == RxState::current);
    lab.run_to(100000);
    CHECK(lab.port(1).rx == RxState::expired);
    lab.run_to(103000);
    CHECK(lab.port(1).rx == RxState::defaulted);
    CHECK(lab.instants(100000) == Instants{100000, 101000, 102000, 103000});
}

TEST_CASE("L16 two PDUs in a row lost: nothing happens") {
    auto lab = fast_pair(10000);
    lab.run_to(12990);
    lab.pdu(1, partner_p(), 0x3f);
    lab.run_to(15980);
    CHECK(lab.states("rx", 10000).empty());
    CHECK(lab.states("mux", 10000).empty());
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("L17 the partner is back while EXPIRED: distributing in the same instant") {
    auto lab = fast_pair(10000);
    lab.run_to(13500);
    REQUIRE(lab.port(1).rx == RxState::expired);
    lab.pdu(1, partner_p(), 0x3f);
    CHECK(lab.port(1).rx == RxState::current);
    CHECK(lab.states("mux", 13001) == std::vector<std::string>{"COLLECTING_DISTRIBUTING"});
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("L18 the partner is back after DEFAULTED: selection and the 2 s wait") {
    auto lab = fast_pair(10000);
    lab.run_to(20000);
    CHECK(lab.states("selected", 16000) == std::vector<std::string>{"UNSELECTED", "SELECTED"});
    CHECK_FALSE(lab.system.active_aggregator()->has_partner());
    lab.pdu(1, partner_p(), 0x07);
    CHECK(lab.states("mux", 20000) == std::vector<std::string>{"DETACHED", "WAITING"});
    lab.run_to(21000);
    lab.pdu(1, partner_p(), 0x0f);
    lab.run_to(21999);
    CHECK(lab.port(1).mux == MuxState::waiting);
    lab.run_to(22000);
    CHECK(lab.states("mux", 22000).front() == "ATTACHED");
}

TEST_CASE("L19 lacp_rate fast at run time: told at once, the timeout follows with the next PDU") {
    auto lab = up();
    lab.run_to(20000);
    const auto deadline = lab.port(1).current_while;
    auto options = defaults();
    options.fast_rate = true;
    lab.options(options);
    CHECK(lab.instants(20000) == Instants{20000});
    CHECK(lab.last().actor.state == 0x3f);
    CHECK(lab.port(1).current_while == deadline);
    lab.run_to(20100);
    lab.pdu(1, partner_p(), 0x3d);
    CHECK(lab.port(1).current_while == Time(Ms(23100)));
}

TEST_CASE("L20 the partner reboots with the same identity: ATTACHED until it is in sync, no wait") {
    auto lab = up();
    lab.run_to(20000);
    lab.pdu(1, partner_p(), 0xc5, PortInfo{});
    CHECK(lab.port(1).rx == RxState::current);
    CHECK(lab.instants(20000) == Instants{20000});
    CHECK(lab.states("mux", 20000) == std::vector<std::string>{"ATTACHED"});
    CHECK(lab.port(1).aggregator == 1);
    lab.run_to(21000);
    lab.pdu(1, partner_p(), 0x3d);
    CHECK(lab.port(1).mux == MuxState::collecting_distributing);
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("L21 the partner reboots with another port number: detached, attached again after 2 s") {
    auto lab = up();
    lab.run_to(20000);
    lab.pdu(1, partner_p(0x106), 0x05);
    CHECK(lab.states("selected", 20000) == std::vector<std::string>{"UNSELECTED", "SELECTED"});
    CHECK(lab.states("mux", 20000) == std::vector<std::string>{"ATTACHED", "DETACHED", "WAITING"});
    lab.run_to(21999);
    CHECK(lab.port(1).mux == MuxState::waiting);
    lab.run_to(22000);
    CHECK(lab.port(1).mux == MuxState::attached);
}

TEST_CASE("L22 the partner's system priority changes: selected anew") {
    auto lab = up();
    lab.run_to(20000);
    auto partner = partner_p();
    partner.system_priority = 100;
    lab.pdu(1, partner, 0x3d);
    CHECK(lab.port(1).mux == MuxState::waiting);
    CHECK(lab.system.active_aggregator()->partner_system_priority == 100);
}

TEST_CASE("L23 the partner's port priority changes: selected anew") {
    auto lab = up();
    lab.run_to(20000);
    auto partner = partner_p();
    partner.port_priority = 100;
    lab.pdu(1, partner, 0x3d);
    CHECK(lab.port(1).mux == MuxState::waiting);
}

TEST_CASE("2.2 the partner becomes individual: selected anew, alone") {
    auto lab = up();
    lab.run_to(20000);
    lab.pdu(1, partner_p(), 0x39);
    CHECK(lab.port(1).mux == MuxState::waiting);
    CHECK(lab.system.active_aggregator()->individual);
}

TEST_CASE("L24 a PDU without a system is counted and nothing else") {
    auto lab = up();
    lab.run_to(20000);
    auto partner = partner_p();
    partner.system = {};
    auto expected = lab.port(1);
    ++expected.counters.lacpdu_illegal_rx;
    lab.pdu(1, partner, 0x3d);
    CHECK(lab.port(1) == expected);
}

TEST_CASE("L25 the same PDU twice in a millisecond: no PDU for the second") {
    auto lab = up();
    lab.run_to(20000);
    lab.pdu(1, partner_p(), 0x05);
    lab.pdu(1, partner_p(), 0x05);
    CHECK(lab.instants(20000) == Instants{20000});
    auto expected = lab.port(1);
    ++expected.counters.lacpdu_rx;
    lab.pdu(1, partner_p(), 0x05);
    CHECK(lab.port(1) == expected);
}

TEST_CASE("XB-11 frames that waited are received in time, however late the controller is") {
    auto lab = fast_pair(10000);
    lab.transitions.clear();
    auto partner = partner_p();
    partner.state = 0x3f;
    const auto frame = encode({1, partner, lab.port(1).actor, 0}, partner.system);
    const Time late = Ms(20000);
    for (int ms = 11000; ms <= 19000; ms += 1000) {
        lab.carry_out(lab.system.receive(1, frame, Ms(ms), late));
    }
    lab.carry_out(lab.system.expire(late));
    CHECK(lab.transitions.empty());
    CHECK(lab.port(1).current_while == Time(Ms(22000)));
}

TEST_CASE("XB-11 a frame stamped at the deadline is in time, one after it is not") {
    const int stamp = GENERATE(13000, 13001);
    auto lab = fast_pair(10000);
    auto partner = partner_p();
    partner.state = 0x3f;
    const auto frame = encode({1, partner, lab.port(1).actor, 0}, partner.system);
    lab.carry_out(lab.system.receive(1, frame, Ms(stamp), Ms(14000)));
    CHECK(lab.port(1).rx == RxState::current);
    CHECK(lab.port(1).counters.expired == (stamp == 13000 ? 1 : 2)); // 1: when the link came up
}

TEST_CASE("XB-2 five marker responses a second and no more") {
    auto lab = up();
    wire::Frame request = encode({}, partner_p().system);
    request[14] = 2;
    request[16] = 1;
    for (int i = 0; i < 8; ++i) {
        lab.frame(1, request);
        CHECK(lab.frames.size() == (i < 5 ? 1 : 0));
    }
    lab.run_for(1000);
    lab.frame(1, request);
    CHECK(lab.frames.size() == 1);
    CHECK(lab.port(1).counters.marker_rx == 9);
    CHECK(lab.port(1).counters.marker_resp_tx == 6);
    CHECK(lab.port(1).counters.tx_limited == 3);
}
