// SPDX-License-Identifier: MIT
// max_ports (L61..L65) and loops (L66..L68).
#include <catch2/catch.hpp>

#include "tests/core/lacp/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

const std::vector<std::uint32_t> two_10g{speed_10g, speed_10g};

SystemOptions one_port() {
    auto options = defaults();
    options.max_ports = 1;
    return options;
}

// Q decides: slave 1 (its port 7) works, slave 2 (port 8) stands by; at 2100. Q keeps sending the standby no SYNC.
Lab limited() {
    Lab lab(2, one_port(), two_10g);
    lab.pdu(1, partner_q(7), 0x05);
    lab.pdu(2, partner_q(8), 0x05);
    lab.run_to(2100);
    lab.pdu(1, partner_q(7), 0x3d);
    return lab;
}

Lab limited_failed_over() {
    auto lab = limited();
    lab.run_to(12000);
    lab.link_down(1);
    return lab;
}

// Every PDU comes back in where the cable leads.
void loop_back(Lab &lab, const std::map<int, int> &cable) {
    const auto frames = lab.frames;
    for (const auto &frame : frames) {
        if (const auto end = cable.find(frame.slot); end != cable.end()) {
            lab.frame(end->second, frame.bytes);
        }
    }
}

void run_looped(Lab &lab, const std::map<int, int> &cable, int until) {
    while (lab.system.deadline() && *lab.system.deadline() <= Ms(until)) {
        lab.run_to(static_cast<int>(*lab.system.deadline() / Ms(1)));
        loop_back(lab, cable);
        for (const auto &[slave, end] : cable) {
            CHECK(lab.tx().count(slave) == 0);
            CHECK(lab.rx().count(slave) == 0);
        }
    }
    lab.run_to(until);
}

Lab looped() {
    Lab lab(1, defaults(), {speed_10g});
    loop_back(lab, {{1, 1}});
    run_looped(lab, {{1, 1}}, 2999);
    return lab;
}

} // namespace

TEST_CASE("L61 max_ports 1: the partner's better port works, the other stands by") {
    auto lab = limited();
    CHECK(lab.port(1).selected == Selected::selected);
    CHECK(lab.port(2).selected == Selected::standby);
    CHECK(lab.port(2).mux == MuxState::waiting);
    CHECK_FALSE(lab.port(2).actor.has(flag::synchronization));
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("L62 the working port loses link: the one standing by is attached in the same instant") {
    auto lab = limited_failed_over();
    CHECK(lab.port(2).selected == Selected::selected);
    CHECK(lab.port(2).mux == MuxState::attached);
    CHECK(lab.instants(12000, 2) == Instants{12000});
    CHECK(lab.last(2).actor.has(flag::synchronization));
    lab.run_to(12010);
    lab.pdu(2, partner_q(8), 0x3d);
    CHECK(lab.tx() == Slaves{2});
}

TEST_CASE("XB-21 a port without link stands by; one that stands by keeps nobody waiting") {
    auto lab = limited_failed_over();
    CHECK(lab.port(1).selected == Selected::standby);

    Lab late(2, one_port(), two_10g);
    late.run_to(100);
    late.pdu(1, partner_q(7), 0x05);
    late.run_to(1600);
    late.pdu(2, partner_q(8), 0x05);
    late.run_to(2100);
    CHECK(late.port(1).mux == MuxState::attached);
}

TEST_CASE("L63 the system with the better priority decides: the partner's port 0x105 on slave 2") {
    Lab lab(2, one_port(), two_10g);
    lab.handshake({{1, partner_p(0x106)}, {2, partner_p(0x105)}});
    CHECK(lab.port(1).selected == Selected::standby);
    CHECK(lab.port(2).selected == Selected::selected);
    CHECK(lab.tx() == Slaves{2});
}

TEST_CASE("L64 we decide: the lower port priority works") {
    auto options = one_port();
    options.system_priority = 1;
    Lab lab(0, options);
    lab.add(1, 200);
    lab.add(2, 100);
    lab.link_up(1);
    lab.link_up(2);
    lab.handshake({{1, partner_p(0x105)}, {2, partner_p(0x106)}});
    CHECK(lab.port(1).selected == Selected::standby);
    CHECK(lab.port(2).selected == Selected::selected);
    CHECK(lab.tx() == Slaves{2});
}

TEST_CASE("L65 the better port is back: it takes over, and never do both work") {
    auto lab = limited_failed_over();
    lab.run_to(12010);
    lab.pdu(2, partner_q(8), 0x3d);
    REQUIRE(lab.tx() == Slaves{2});
    lab.run_to(20000);
    lab.link_up(1);
    CHECK(lab.port(2).selected == Selected::standby);
    CHECK(lab.states("mux", 20000, 2) == std::vector<std::string>{"ATTACHED", "DETACHED", "WAITING"});
    CHECK(lab.tx().empty());
    lab.run_to(22000);
    lab.pdu(1, partner_q(7), 0x3d);
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("XB-21 two ports of a partner under one number: the limit holds") {
    Lab lab(2, one_port(), two_10g);
    lab.handshake({{1, partner_q(7)}, {2, partner_q(7)}});
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("L66 a looped slave is never used, not even as an individual link") {
    auto lab = looped();
    CHECK(lab.port(1).rx == RxState::expired);
    CHECK(lab.port(1).loop);
    CHECK(lab.port(1).counters.lacpdu_loopback_rx == 3);
    lab.run_to(3000);
    CHECK(lab.port(1).rx == RxState::defaulted);
    run_looped(lab, {{1, 1}}, 40000);
    CHECK(lab.active() == 0);
    CHECK_FALSE(lab.system.carrier());
}

TEST_CASE("L67 two slaves cabled to each other, the third to a partner: only the third works") {
    const std::map<int, int> crossed{{1, 2}, {2, 1}};
    Lab lab(3);
    for (int slave = 1; slave <= 3; ++slave) {
        lab.link_up(slave);
        loop_back(lab, crossed);
    }
    lab.pdu(3, partner_p(), 0x05);
    run_looped(lab, crossed, 2100);
    lab.pdu(3, partner_p(), 0x3d);
    run_looped(lab, crossed, 10000);
    CHECK(lab.tx() == Slaves{3});
}

TEST_CASE("XB-22 a slave at work hears itself: no longer used, no longer counted") {
    auto options = defaults();
    options.min_links = 2;
    Lab lab(2, options, two_10g);
    lab.handshake({{1, partner_p()}, {2, partner_p(0x106)}});
    REQUIRE(lab.system.carrier());
    lab.frame(1, encode({1, lab.port(1).actor, {}, 0}, lab.port(1).mac));
    CHECK(lab.tx() == Slaves{2});
    CHECK(lab.rx() == Slaves{2});
    CHECK_FALSE(lab.system.carrier());
}

TEST_CASE("XB-22 link lost: the loop is forgotten, and none is seen without link") {
    auto lab = looped();
    lab.link_down(1);
    CHECK_FALSE(lab.port(1).loop);
    lab.frame(1, encode({1, lab.port(1).actor, {}, 0}, lab.port(1).mac));
    CHECK_FALSE(lab.port(1).loop);
    lab.link_up(1);
    CHECK(lab.tx() == Slaves{1});
}

TEST_CASE("L68 the loop is gone: the first PDU of a partner starts the handshake") {
    auto lab = looped();
    lab.run_to(10000);
    lab.pdu(1, partner_p(), 0x05);
    CHECK_FALSE(lab.port(1).loop);
    lab.run_to(12000);
    CHECK(lab.tx().empty());
    lab.pdu(1, partner_p(), 0x3d);
    CHECK(lab.tx() == Slaves{1});
}
