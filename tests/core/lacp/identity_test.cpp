// SPDX-License-Identifier: MIT
// Identity, release, numbers and keys (L75..L79), shutdown, ordering and failed sends.
#include <catch2/catch.hpp>

#include "tests/core/lacp/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

const MacAddr new_system{{2, 0, 0, 0, 0x0b, 1}};

// The system id changes at 20000.
Lab renamed() {
    auto lab = up();
    lab.run_to(20000);
    auto options = defaults();
    options.actor_system = new_system;
    lab.options(options);
    return lab;
}

} // namespace

TEST_CASE("L75 another system id at run time: told at once, selected anew, back when the partner confirms") {
    auto lab = renamed();
    REQUIRE(lab.instants(20000) == Instants{20000});
    CHECK(lab.last().actor.system == new_system);
    CHECK_FALSE(lab.last().actor.has(flag::synchronization));
    CHECK(lab.states("mux", 20000) == std::vector<std::string>{"ATTACHED", "DETACHED", "WAITING"});
    lab.run_to(21999);
    CHECK(lab.port(1).mux == MuxState::waiting);
    lab.run_to(22000);
    CHECK(lab.port(1).mux == MuxState::attached);
    lab.run_to(22100);
    lab.pdu(1, partner_p(), 0x3d);
    CHECK(lab.port(1).mux == MuxState::collecting_distributing);
}

TEST_CASE("L76 after it the partner still answers the old system: not in sync") {
    auto lab = renamed();
    lab.run_to(23000);
    auto old_view = lab.port(1).actor;
    old_view.system = defaults().bond_mac;
    lab.pdu(1, partner_p(), 0x3d, old_view);
    CHECK_FALSE(lab.port(1).partner.has(flag::synchronization));
    CHECK(lab.instants(23000) == Instants{23000});
    CHECK(lab.port(1).mux == MuxState::attached);
}

TEST_CASE("L77 a slave is released: a farewell, and the other stays as it is") {
    Lab lab(2, defaults(), {speed_10g, speed_10g});
    lab.handshake({{1, partner_p()}, {2, partner_p(0x106)}});
    lab.run_to(10000);
    lab.remove(1);
    REQUIRE(lab.instants(10000, 1) == Instants{10000});
    CHECK(lab.last(1).actor.state == 0x01);
    CHECK(lab.tx() == Slaves{2});
    CHECK(lab.port(2).aggregator == 1);
    CHECK(lab.active() == 1);
    lab.run_to(20000);
    CHECK(lab.instants(10000, 2).empty());
    CHECK(lab.states("mux", 10000, 2).empty());
}

TEST_CASE("L78 port numbers: one more than the last slave's") {
    Lab lab(2);
    lab.remove(1);
    lab.add(3);
    CHECK(lab.port(3).actor.port == 3);
    CHECK(lab.port(3).own_aggregator == 3);
    lab.remove(3);
    lab.add(3);
    CHECK(lab.port(3).actor.port == 3);
    CHECK(lab.port(3).own_aggregator == 4); // never used twice
}

TEST_CASE("3.5 aggregators outlive the slave that brought them, and one is left for every port") {
    Lab lab(3, defaults(), {speed_10g, speed_10g, speed_10g});
    lab.handshake({{1, partner_p(1)}, {2, partner_p(2)}, {3, partner_p(3)}});
    lab.remove(1);
    CHECK(lab.tx() == Slaves{2, 3});
    CHECK(lab.port(2).own_aggregator == 1);
    CHECK(lab.system.aggregators().size() == 2);
    lab.pdu(3, partner_q(), 0x05);
    CHECK(lab.port(3).aggregator == 3);
    lab.remove(2);
    CHECK(lab.system.aggregators().size() == 1);
    CHECK(lab.active() == 3);
}

TEST_CASE("3.5 port numbers at the end of the range: the lowest one free") {
    Lab lab(1);
    auto state = lab.system.save();
    state.ports[0].actor.port = 65535;
    lab.system = System::restore(state, Time{}).value();
    lab.add(2);
    CHECK(lab.port(2).actor.port == 1);
    lab.add(3);
    CHECK(lab.port(3).actor.port == 2);
}

TEST_CASE("L79 the key on the wire: user key, speed, duplex") {
    auto options = defaults();
    options.user_key = 5;
    Lab lab(1, options, {speed_25g});
    CHECK(lab.last().actor.key == 341);
}

TEST_CASE("3.4 keys without a user key") {
    CHECK(operational_key(0, 1000, true) == 9);
    CHECK(operational_key(0, 10000, true) == 15);
    CHECK(operational_key(0, 25000, true) == 21);
    CHECK(operational_key(0, 40000, true) == 23);
    CHECK(operational_key(0, 100000, true) == 31);
    CHECK(operational_key(0, 1600000, true) == 39);
    CHECK(operational_key(0, 0, true) == 1);
    CHECK(operational_key(0, 12345, true) == 1);
    CHECK(operational_key(1023, 1, false) == 65474);
}

TEST_CASE("3.7 no farewell from a port that never spoke, from one without link, and from one without LACP") {
    auto passive = defaults();
    passive.active = false;
    Lab silent(1, passive, {speed_10g});
    silent.remove(1);
    CHECK(silent.frames.empty());

    auto unplugged = up();
    unplugged.link_down(1);
    unplugged.remove(1);
    CHECK(unplugged.frames.empty());

    Lab half(1);
    half.link_up(1, speed_10g, false);
    half.remove(1);
    CHECK(half.frames.empty());
}

TEST_CASE("XB-33 shutdown: a farewell on every port, then silence; the next link starts anew") {
    Lab lab(2, defaults(), {speed_10g, speed_10g});
    lab.handshake({{1, partner_p()}, {2, partner_p(0x106)}});
    lab.run_to(10000);
    lab.carry_out(lab.system.shutdown(Ms(10000)));
    CHECK(lab.last(1).actor.state == 0x01);
    CHECK(lab.last(2).actor.state == 0x01);
    CHECK(lab.tx().empty());
    CHECK(lab.rx().empty());
    CHECK_FALSE(lab.system.carrier());
    lab.run_to(50000);
    CHECK(lab.instants(10001, 1).empty());
    lab.link_up(1);
    CHECK(lab.instants(10001, 1) == Instants{50000});
}

TEST_CASE("3.3 another port priority: the partner must confirm, the selection stays") {
    auto lab = up();
    lab.run_to(20000);
    lab.carry_out(lab.system.set_port_priority(1, 100, Ms(20000)));
    CHECK(lab.instants(20000) == Instants{20000});
    CHECK(lab.last().actor.port_priority == 100);
    CHECK(lab.states("mux", 20000) == std::vector<std::string>{"ATTACHED"});
    lab.pdu(1, partner_p(), 0x3d);
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("2.4 a PDU that did not leave is sent 100 ms later and counts once") {
    auto lab = up();
    lab.run_to(20000);
    lab.pdu(1, partner_p(), 0x05);
    const auto sent = lab.port(1).counters.lacpdu_tx;
    lab.system.send_failed(1, Ms(20000));
    CHECK(lab.port(1).counters.lacpdu_tx == sent - 1);
    CHECK(lab.system.deadline() == Time(Ms(20100)));
    lab.run_to(21000);
    CHECK(lab.instants(20001) == Instants{20100});
    CHECK(lab.port(1).counters.lacpdu_tx == sent);
}

TEST_CASE("2.4 PDUs that did not leave do not count against the limit") {
    auto lab = up();
    lab.run_to(20000);
    lab.pdu(1, partner_p(), 0x05);
    for (int i = 0; i < 5; ++i) {
        lab.system.send_failed(1, Ms(lab.now()));
        lab.run_for(100);
    }
    CHECK(lab.instants(20000) == Instants{20000, 20100, 20200, 20300, 20400, 20500});
    CHECK(lab.port(1).pdus_sent.size() == 1);
}

TEST_CASE("status: history, last transition, figures, totals") {
    auto lab = up();
    const auto &received = lab.system.received(1);
    REQUIRE(received.size() == 2);
    CHECK(received[0].when == Time(Ms(100)));
    CHECK(received[1].pdu->actor.state == 0x3d);
    CHECK(received[1].counter == "lacpdu_rx");
    CHECK(received[1].bytes.size() == 124);
    const auto &sent = lab.system.sent(1);
    REQUIRE_FALSE(sent.empty());
    CHECK(sent.back().sent);
    CHECK(sent.back().pdu->actor.state == 0x3d);
    REQUIRE(lab.system.last_transition(1) != nullptr);
    const auto figures = lab.system.figures(*lab.system.active_aggregator());
    CHECK(figures.ports == 1);
    CHECK(figures.usable_ports == 1);
    CHECK(figures.bandwidth_mbps == 10000);
    CHECK(figures.port_priority_sum == 255);
    CHECK(lab.system.totals().lacpdu_rx == 2);
    CHECK(flag_names(0x3d).size() == 5);
    for (int i = 0; i < 100; ++i) {
        lab.pdu(1, partner_p(), 0x3d);
    }
    CHECK(received.size() == records_kept);
}
