// SPDX-License-Identifier: MIT
// MII monitor: inspection and commit (`mii.inspect`, `mii.commit`), carrier of the bond (`carrier.bond`).
#include <catch2/catch.hpp>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {
OptionList options(const std::string &mode, const std::string &updelay, const std::string &downdelay) {
    return {{"mode", mode}, {"miimon", "100"}, {"updelay", updelay}, {"downdelay", downdelay}};
}
} // namespace

TEST_CASE("M1 a carrier lost at tick 0 with downdelay 3 ticks: FAIL at 0, DOWN at 3, one failure") {
    Lab lab(options("balance-xor", "0", "300"));
    lab.enslave("e0");
    lab.enslave("e1");
    lab.tick();
    lab.carrier("e0", false);
    for (int tick = 0; tick < 3; ++tick) {
        lab.tick();
        CHECK(lab.slave("e0").link == Link::fail);
    }
    CHECK(lab.slave("e0").failures == 0);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::down);
    CHECK(lab.slave("e0").failures == 1);
}

TEST_CASE("M2 carrier back before tick 2 of a downdelay of 3: UP at tick 2, no failure") {
    Lab lab(options("balance-rr", "0", "300"));
    lab.enslave("e0");
    lab.carrier("e0", false);
    lab.ticks(2);
    CHECK(lab.slave("e0").link == Link::fail);
    lab.carrier("e0", true);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::up); // at once: there is no other one
    CHECK(lab.slave("e0").last_link_up == lab.now);
    CHECK(lab.slave("e0").failures == 0);
}

TEST_CASE("M3 updelay of 2 ticks with another slave up: BACK at 0, UP at 2") {
    Lab lab(options("active-backup", "200", "0"));
    lab.enslave("e0", false);
    lab.enslave("e1");
    lab.ticks(3); // e1 waits for its own updelay
    lab.carrier("e0", true);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::down); // it has yet to be steady
    lab.tick();
    CHECK(lab.slave("e0").link == Link::back);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::back);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::up);
}

TEST_CASE("M4 active-backup without an active slave ignores updelay") {
    Lab lab(options("active-backup", "5000", "0"));
    lab.enslave("e0", false);
    lab.tick();
    REQUIRE(lab.active().empty());
    lab.carrier("e0", true);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::up);
    CHECK(lab.active() == "e0");
}

TEST_CASE("M5 balance-xor with an empty usable array: the first to return need not wait, the second must") {
    Lab lab(options("balance-xor", "5000", "0"));
    lab.enslave("e0", false);
    lab.enslave("e1", false);
    lab.tick();
    lab.carrier("e0", true);
    lab.carrier("e1", true);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::up);
    CHECK(lab.slave("e1").link == Link::back);
    CHECK(lab.picks() == std::vector<std::string>{"e0"});
}

TEST_CASE("M6 balance-rr and broadcast have no usable array: updelay holds even with all slaves down") {
    const std::string mode = GENERATE("balance-rr", "broadcast");
    Lab lab(options(mode, "500", "0"));
    lab.enslave("e0", false);
    lab.tick();
    lab.carrier("e0", true);
    for (int tick = 0; tick < 5; ++tick) {
        lab.tick();
        CHECK(lab.slave("e0").link == Link::back);
    }
    lab.tick();
    CHECK(lab.slave("e0").link == Link::up);
}

TEST_CASE("M7 carrier lost in BACK: DOWN at the next tick, and it counts as a failure") {
    Lab lab(options("balance-rr", "500", "0"));
    lab.enslave("e0"); // starts in BACK
    lab.enslave("e1");
    REQUIRE(lab.slave("e0").link == Link::back);
    lab.tick();
    lab.carrier("e0", false);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::down);
    CHECK(lab.slave("e0").failures == 1);
}

TEST_CASE("M8 without delays UP to DOWN and back are one tick each") {
    Lab lab(options("balance-rr", "0", "0"));
    lab.enslave("e0");
    lab.carrier("e0", false);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::down);
    lab.carrier("e0", true);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::up);
    const auto changes = lab.seen<Transition>();
    CHECK(std::count_if(changes.begin(), changes.end(), [](const auto &t) { return t.second.to == "going down"; }) ==
          0);
}

TEST_CASE("M9 a single slave in FAIL takes the bond's carrier with it; back to UP restores it") {
    Lab lab(options("active-backup", "0", "1000"));
    lab.enslave("e0");
    lab.tick();
    REQUIRE(lab.bond.carrier);
    lab.carrier("e0", false);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::fail);
    CHECK_FALSE(lab.bond.carrier);
    CHECK_FALSE(core::desired(lab.bond).carrier);
    CHECK(lab.active() == "e0"); // keeps transmitting until DOWN is committed (`mii.commit`)
    lab.carrier("e0", true);
    lab.tick();
    CHECK(lab.bond.carrier);
}

TEST_CASE("MII a slave enslaved in BACK becomes UP updelay ticks after its first inspection") {
    Lab lab(options("balance-rr", "200", "0"));
    lab.enslave("e0");
    lab.ticks(2);
    CHECK(lab.slave("e0").link == Link::back);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::up);
}

TEST_CASE("MII events between ticks act at once but never shorten a delay") {
    Lab lab(options("balance-rr", "200", "200"));
    lab.enslave("e0");
    lab.ticks(3);
    REQUIRE(lab.slave("e0").link == Link::up);
    lab.carrier("e0", false);
    lab.advance(Ms(30));
    lab.tell();
    CHECK(lab.slave("e0").link == Link::fail);
    const Time seen = lab.now;
    while (lab.slave("e0").link == Link::fail) {
        lab.advance(Ms(10));
        lab.tell(); // a flood of events, among them the ticks
        REQUIRE(lab.now - seen < Ms(1000));
    }
    CHECK(lab.slave("e0").link == Link::down);
    CHECK(lab.now - seen >= Ms(200));
    CHECK(lab.now - seen <= Ms(300));
}

TEST_CASE("MII without delays an event between two ticks fails over at once") {
    Lab lab(options("active-backup", "0", "0"));
    lab.enslave("e0");
    lab.enslave("e1");
    lab.tick();
    lab.advance(Ms(7));
    lab.carrier("e0", false);
    lab.tell();
    CHECK(lab.active() == "e1");
    CHECK(core::deadline(lab.bond) == lab.now + Ms(93)); // the grid stays
}

TEST_CASE("MII an event pass leaves a delay that has run out to the next tick") {
    Lab lab(options("balance-rr", "0", "100"));
    lab.enslave("e0");
    lab.carrier("e0", false);
    lab.tick(); // FAIL, its only tick used up
    REQUIRE(lab.slave("e0").link == Link::fail);
    lab.advance(Ms(1));
    lab.tell();
    CHECK(lab.slave("e0").link == Link::fail);
    lab.tick();
    CHECK(lab.slave("e0").link == Link::down);
}

TEST_CASE("MII the monitor runs only while the bond is up, has slaves and miimon is not 0") {
    Lab lab(options("balance-rr", "0", "0"), true, false);
    CHECK_FALSE(core::deadline(lab.bond));
    lab.enslave("e0");
    CHECK_FALSE(core::deadline(lab.bond));
    lab.carrier("e0", false);
    lab.tell();
    CHECK(lab.slave("e0").link == Link::up); // nobody looks
    lab.handle(core::BondAdmin{true});
    CHECK(core::deadline(lab.bond) == lab.now); // an immediate first tick
    lab.tick();
    CHECK(lab.slave("e0").link == Link::down);
    CHECK(core::deadline(lab.bond) == lab.now + Ms(100));
    lab.set("miimon", "0");
    CHECK_FALSE(core::deadline(lab.bond));
    lab.set("miimon", "50");
    CHECK(core::deadline(lab.bond) == lab.now);
    lab.handle(core::BondAdmin{false});
    CHECK_FALSE(core::deadline(lab.bond));
}

TEST_CASE("MII a late tick keeps the grid and is one tick only") {
    Lab lab(options("balance-rr", "0", "200"));
    lab.enslave("e0");
    lab.carrier("e0", false);
    lab.tick();
    const Time grid = lab.now;
    lab.advance(Ms(1030));
    lab.tell();
    CHECK(lab.slave("e0").link == Link::fail);
    CHECK(core::deadline(lab.bond) == grid + Ms(1100));
}

TEST_CASE("M22 without a monitor active-backup never fails over and the carrier stays on") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"miimon", "0"}});
    lab.enslave("e0");
    lab.enslave("e1", false);
    CHECK(lab.slave("e1").link == Link::up);
    lab.carrier("e0", false);
    lab.tell();
    CHECK(lab.active() == "e0");
    CHECK(lab.bond.carrier);
    CHECK(lab.fallback("e0").empty());
    CHECK(lab.picks() == std::vector<std::string>{"e0"});
}

TEST_CASE("M22 without a monitor balance-xor still leaves out slaves without carrier") {
    Lab lab(OptionList{{"mode", "balance-xor"}, {"miimon", "0"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.carrier("e0", false);
    lab.tell();
    CHECK(lab.slave("e0").link == Link::up);
    CHECK(lab.picks() == std::vector<std::string>{"e1"});
}

TEST_CASE("R21 min_links has no effect outside 802.3ad") {
    Lab lab(OptionList{{"min_links", "2"}});
    lab.enslave("e0");
    lab.enslave("e1", false);
    lab.tick();
    CHECK(lab.bond.carrier);
    lab.set("min_links", "5");
    CHECK(lab.bond.carrier);
}

TEST_CASE("MII every change of a link is reported with its cause") {
    Lab lab(options("active-backup", "200", "100"));
    lab.enslave("e0");
    lab.enslave("e1");
    lab.ticks(4);
    lab.forget();
    lab.carrier("e1", false);
    lab.ticks(2);
    lab.carrier("e1", true);
    lab.ticks(4);
    std::vector<std::string> story;
    for (const auto &[when, t] : lab.seen<Transition>()) {
        if (t.machine == "link") {
            story.push_back(t.slave + " " + t.from + " > " + t.to + ": " + t.cause);
        }
    }
    CHECK(story == std::vector<std::string>{"e1 up > going down: carrier lost, waiting for downdelay",
                                            "e1 going down > down: downdelay is over",
                                            "e1 down > going back: carrier is on, waiting for updelay",
                                            "e1 going back > up: carrier is on"});
}
