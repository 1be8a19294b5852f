// SPDX-License-Identifier: MIT
// What each mode publishes (`select.mode`): positions, fallback, IGMP slot.
#include <catch2/catch.hpp>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

using Names = std::vector<std::string>;

Lab three(const OptionList &options) {
    Lab lab(options);
    lab.enslave("e0");
    lab.enslave("e1");
    lab.enslave("e2");
    lab.walk(lab.now + Ms(10000));
    return lab;
}

// Positions of the first frames with a fresh per-CPU counter: pre-incremented, divided by packets_per_slave.
Names frames(const Lab &lab, unsigned count) {
    const auto picks = lab.picks();
    const unsigned per_slave = core::desired(lab.bond).programs.packets_per_slave;
    Names slaves;
    for (unsigned counter = 1; counter <= count; ++counter) {
        slaves.push_back(picks[counter / per_slave % picks.size()]);
    }
    return slaves;
}

// The slaves that a packet tries after `start`: until the chain ends or is back where it began.
Names walk(const Lab &lab, const std::string &start) {
    Names tried;
    for (std::string next = lab.fallback(start); !next.empty() && next != start; next = lab.fallback(next)) {
        REQUIRE(std::find(tried.begin(), tried.end(), next) == tried.end());
        tried.push_back(next);
    }
    return tried;
}

} // namespace

TEST_CASE("A2 balance-rr, three slaves, one packet each: 1,2,0,1,2,0") {
    CHECK(frames(three({{"mode", "balance-rr"}}), 6) == Names{"e1", "e2", "e0", "e1", "e2", "e0"});
}

TEST_CASE("A3 balance-rr, two slaves, packets_per_slave 3: 0,0,1,1,1,0,0,0") {
    Lab lab(OptionList{{"mode", "balance-rr"}, {"packets_per_slave", "3"}});
    lab.enslave("e0");
    lab.enslave("e1");
    CHECK(frames(lab, 8) == Names{"e0", "e0", "e1", "e1", "e1", "e0", "e0", "e0"});
}

TEST_CASE("A5 balance-rr: the share of a slave without carrier goes to the next one, at once") {
    Lab lab = three({{"mode", "balance-rr"}, {"downdelay", "5000"}});
    lab.carrier("e1", false);
    lab.tell();
    CHECK(lab.picks() == Names{"e0", "e2", "e2"});
    lab.carrier("e2", false);
    lab.tell();
    CHECK(lab.picks() == Names{"e0", "e0", "e0"});
    lab.carrier("e0", false);
    lab.tell();
    CHECK(lab.picks().empty()); // A8: drop
}

TEST_CASE("A6 balance-rr: IGMP leaves on the active slave, else on the first usable one") {
    Lab lab = three({{"mode", "balance-rr"}, {"downdelay", "5000"}});
    CHECK(core::desired(lab.bond).igmp == lab.slot("e0"));
    lab.carrier("e0", false);
    lab.tell();
    CHECK(core::desired(lab.bond).igmp == lab.slot("e0")); // without any further check
    Lab other(OptionList{{"mode", "balance-rr"}, {"updelay", "500"}});
    other.enslave("e0");
    CHECK(core::desired(other.bond).igmp == no_slot);
    other.walk(other.now + Ms(1000));
    CHECK(core::desired(other.bond).igmp == 0);
    CHECK(core::desired(three({{"mode", "balance-xor"}}).bond).igmp == no_slot);
}

// The kernel loses what is sent between a loss and the tick that sees it. With downdelay 0 xbond sends it on the
// fallback at once (a documented deviation), so A10 holds for a bond whose user asked to wait.
TEST_CASE("A10 active-backup with downdelay: the active slave is kept, without fallback, until DOWN is committed") {
    Lab lab = three({{"mode", "active-backup"}, {"miimon", "1000"}, {"downdelay", "1000"}});
    lab.carrier("e0", false);
    lab.tell();
    CHECK(lab.picks() == Names{"e0"});
    CHECK(walk(lab, "e0").empty());
    lab.tick();
    CHECK(lab.picks() == Names{"e0"});
    lab.tick();
    CHECK(lab.picks() == Names{"e1"});
}

TEST_CASE("A10 active-backup without downdelay publishes whom selection would choose next") {
    Lab lab = three({{"mode", "active-backup"}});
    CHECK(lab.picks() == Names{"e0"});
    CHECK(walk(lab, "e0") == Names{"e1", "e2"});
    lab.prio("e0", 9);
    lab.prio("e2", 5);
    CHECK(walk(lab, "e0") == Names{"e2", "e1"});
    lab.set("primary", "e1");
    CHECK(lab.picks() == Names{"e1"});
    CHECK(walk(lab, "e1") == Names{"e0", "e2"});
    lab.set("active_slave", "e2");
    CHECK(walk(lab, "e2") == Names{"e1", "e0"}); // the primary first
    lab.carrier("e1", false);
    lab.tell();
    CHECK(walk(lab, "e2") == Names{"e0"});
    lab.set("downdelay", "100");
    CHECK(walk(lab, "e2").empty());
}

TEST_CASE("A10 the published fallback is the slave that selection then chooses") {
    const int prio1 = GENERATE(-1, 0, 1), prio2 = GENERATE(-1, 0, 1);
    const std::string primary = GENERATE("", "e0", "e1", "e2");
    Lab lab = three({{"mode", "active-backup"}, {"primary", primary}});
    lab.prio("e1", prio1);
    lab.prio("e2", prio2);
    const std::string active = lab.active(), next = lab.fallback(active);
    lab.carrier(active, false);
    lab.tell();
    CHECK(lab.active() == next);
}

TEST_CASE("A12 balance-xor: a slave leaves the usable array with its carrier, not after downdelay") {
    Lab lab = three({{"mode", "balance-xor"}, {"downdelay", "5000"}});
    CHECK(lab.picks() == Names{"e0", "e1", "e2"});
    lab.carrier("e0", false);
    lab.tell();
    CHECK(lab.slave("e0").link == Link::fail);
    CHECK(lab.picks() == Names{"e1", "e2"});
}

TEST_CASE("A13 the usable array after removing the middle of three") {
    Lab lab = three({{"mode", "balance-xor"}});
    lab.release("e1");
    CHECK(lab.picks() == Names{"e0", "e2"});
}

TEST_CASE("A14 balance-xor with updelay: a slave that returns is used after it, while others are up") {
    Lab lab = three({{"mode", "balance-xor"}, {"updelay", "3000"}});
    lab.carrier("e1", false);
    lab.tick();
    lab.carrier("e1", true);
    lab.tell();
    lab.walk(lab.now + Ms(2000));
    CHECK(lab.picks() == Names{"e0", "e2"});
    lab.walk(lab.now + Ms(1200));
    CHECK(lab.picks() == Names{"e0", "e1", "e2"});
}

TEST_CASE("A16 broadcast: every position is kept, one that may not send is marked") {
    Lab lab = three({{"mode", "broadcast"}});
    CHECK(lab.picks() == Names{"e0", "e1", "e2"});
    lab.carrier("e2", false);
    lab.tell();
    CHECK(lab.picks() == Names{"e0", "e1", "-"});
    CHECK(walk(lab, "e0").empty()); // each sends its own copy
}

TEST_CASE("A17 broadcast with all slaves down: nothing to send on") {
    Lab lab = three({{"mode", "broadcast"}});
    for (const char *name : {"e0", "e1", "e2"}) {
        lab.carrier(name, false);
    }
    lab.tell();
    CHECK(lab.picks().empty());
}

TEST_CASE("fallback of balance-rr and balance-xor: a packet tries every other usable slave, in list order") {
    const std::string mode = GENERATE("balance-rr", "balance-xor");
    Lab lab = three({{"mode", mode}});
    CHECK(walk(lab, "e0") == Names{"e1", "e2"});
    CHECK(walk(lab, "e2") == Names{"e0", "e1"});
    lab.carrier("e1", false);
    lab.tell();
    CHECK(walk(lab, "e0") == Names{"e2"});
    CHECK(walk(lab, "e2") == Names{"e0"});
    CHECK(lab.fallback("e1").empty());
    lab.carrier("e0", false);
    lab.tell();
    CHECK(walk(lab, "e2").empty());
}

TEST_CASE("desired: queue ids, policy and xbond's own options are published") {
    Lab lab = three({{"mode", "balance-xor"},
                     {"xmit_hash_policy", "layer3+4"},
                     {"xdp", "native"},
                     {"visibility", "full"},
                     {"carrier_watch", "5"}});
    lab.set("queue_id", "e1:7");
    const auto desired = core::desired(lab.bond);
    CHECK(desired.programs.mode == Mode::balance_xor);
    CHECK(desired.programs.policy == HashPolicy::layer34);
    CHECK(desired.xdp == XdpPolicy::native);
    CHECK(desired.visibility == Visibility::full);
    CHECK(desired.carrier_watch_ms == 5);
    REQUIRE(desired.slaves.size() == 3);
    CHECK(desired.slaves[1].queue_id == 7);
    CHECK(desired.slaves[1].ifindex == 102);
    CHECK(desired.slaves[1].mac == mac(1));
}

TEST_CASE("A20 queue_id: refusals are EPERM, 0 may be everybody's") {
    Lab lab = three({{"mode", "active-backup"}});
    CHECK(lab.set_fails("queue_id", "e0:2") == 0);
    lab.set("queue_id", "e0:2");
    for (const char *bad : {"e1:2", "e1:17", "e9:3", "e1", "e1:", "e1:x", ":3", "", "e1:-1", "e1: 3"}) {
        INFO(bad);
        CHECK(lab.set_fails("queue_id", bad) == EPERM);
    }
    CHECK(lab.set_fails("queue_id", "e1:16") == 0);
    CHECK(lab.set_fails("queue_id", "e0:2") == 0); // its own
    lab.set("queue_id", "e0:0");
    lab.set("queue_id", "e1:0\n");
    CHECK(lab.slave("e0").queue_id == 0);
    const OptionValue taken{"queue_id", "3"};
    REQUIRE(core::set_slave_options(lab.bond, lab.slot("e2"), {&taken, 1}, lab.now));
    CHECK(core::set_slave_options(lab.bond, lab.slot("e1"), {&taken, 1}, lab.now).error().code == EPERM);
}
