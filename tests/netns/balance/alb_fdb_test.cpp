// SPDX-License-Identifier: MIT
// Modes balance-tlb and balance-alb as the switch sees them: on which port it finds each address.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/harness/traffic/fdb_watch.h"
#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/lab.h"
#include "tests/netns/station.h"

using namespace xbond::harness;
using xbond::MacAddr;
using Kind = Switch::Kind;

namespace {

// A bond of three slaves and four neighbours, with traffic to and from each of them all the time.
class Traffic {
public:
    explicit Traffic(const std::string &options) {
        lab.make_bond(options);
        lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
        for (int n = 11; n < 15; ++n) {
            stations.push_back(std::make_unique<Station>(lab.network(), n));
            echoes_.push_back(std::make_unique<UdpEcho>(lab.ns(), stations.back()->ns(), stations.back()->ip(), 500));
        }
        const bool flows = wait_until(
            [&] { return std::ranges::all_of(echoes_, [](const auto &echo) { return echo->received() > 50; }); });
        if (!flows) {
            throw std::runtime_error("no traffic");
        }
        fdb.forget_moves();
        dwell();
    }
    // Each slave shows its address once a second (`balance.learning`): that must move nothing.
    void dwell() const {
        holds_for([] { return true; }, 1100ms, 20ms);
    }

    Lab lab{Kind::bridge, 3};
    FdbWatch fdb{lab.switch_ns()};
    std::vector<std::unique_ptr<Station>> stations;

private:
    std::vector<std::unique_ptr<UdpEcho>> echoes_;
};

// What the switch saw move since the last look. An address that moves twice flaps. One of a link that goes down may be
// forgotten there before it is seen elsewhere, which is no move.
void check_moves(const Traffic &traffic, std::size_t at_most) {
    const auto moves = traffic.fdb.moves();
    std::string told;
    for (const auto &slave : traffic.lab.status().slaves) {
        told += slave.name + " " + slave.mac.str() + "\n";
    }
    INFO(told << traffic.fdb.text());
    CHECK(flap_in(moves).empty());
    CHECK(moves.size() <= at_most);
    traffic.fdb.forget_moves();
}

// A slave's own address is shown once a second; the time allowed is a busy machine's, flaps are what is looked for.
bool is_at(const Traffic &traffic, const MacAddr &mac, const std::string &port) {
    return wait_until([&] { return traffic.fdb.port_of(mac) == port; }, 5s, 1ms);
}

// Nothing moves between ports that are alive: the switch has forgotten what it knew of the dead one.
void links_fail_and_return(const Traffic &traffic, bool shown_meanwhile) {
    const Lab &lab = traffic.lab;
    const auto before = lab.status();
    lab.host().cut(0);
    CHECK(is_at(traffic, before.mac, "s1"));
    traffic.dwell();
    check_moves(traffic, 0);
    const MacAddr swapped = before.slave("e1").mac; // e1 has the bond's now
    lab.host().join(0);
    REQUIRE(lab.wait_link("e0", "up"));
    CHECK(is_at(traffic, swapped, "s0"));
    check_moves(traffic, 1);

    lab.host().cut(2);
    REQUIRE(lab.wait_link("e2", "down"));
    check_moves(traffic, 0);
    lab.host().join(2);
    REQUIRE(lab.wait_link("e2", "up"));
    CHECK(is_at(traffic, before.slave("e2").mac, "s2"));
    check_moves(traffic, shown_meanwhile ? 1 : 0);
}

// e0 has the bond's address.
void slaves_leave_and_join(const Traffic &traffic) {
    const Lab &lab = traffic.lab;
    const MacAddr bond = lab.status().mac;
    lab.cli().ok("link set e2 nomaster");
    check_moves(traffic, 0);
    lab.enslave(2);
    REQUIRE(lab.wait_link("e2", "up"));
    lab.cli().ok("link set bond0 type bond active_slave e1");
    CHECK(is_at(traffic, bond, "s1"));
    traffic.dwell();
    check_moves(traffic, 2); // two that are alive swap (`balance.active`): each address moves to the other's port
    const MacAddr lent = lab.status().slave("e0").mac;
    lab.cli().ok("link set e1 nomaster");
    CHECK(is_at(traffic, bond, "s0"));
    check_moves(traffic, 1); // e1 takes its own along: the switch sees that when it is there again
    lab.enslave(1);
    REQUIRE(lab.wait_link("e1", "up"));
    CHECK(is_at(traffic, lent, "s1"));
    check_moves(traffic, 1);
    lab.cli().ok("link set e0 nomaster"); // and leaves its address to the bond
    CHECK(is_at(traffic, bond, "s2"));
    traffic.dwell();
    check_moves(traffic, 1);
}

} // namespace

TEST_CASE("the switch never finds an address on two ports while links fail, slaves leave, join and swap") {
    const std::string mode = GENERATE("balance-alb", "balance-tlb");
    const Traffic traffic("miimon 100 mode " + mode);
    CAPTURE(mode);
    check_moves(traffic, 0);
    links_fail_and_return(traffic, mode == "balance-alb"); // and dead ones' shown (`balance.dead`)
    traffic.lab.cli().ok("link set bond0 type bond active_slave e0");
    CHECK(is_at(traffic, traffic.lab.status().mac, "s0"));
    traffic.fdb.forget_moves();
    slaves_leave_and_join(traffic);
    for (int i = 0; i < 50; ++i) {
        const std::string n = i % 2 == 0 ? "1" : "2";
        traffic.lab.cli().ok("link set bond0 type bond active_slave e" + n);
        REQUIRE(is_at(traffic, traffic.lab.status().mac, "s" + n));
        CHECK(flap_in(traffic.fdb.moves()).empty());
        traffic.fdb.forget_moves();
    }
}
