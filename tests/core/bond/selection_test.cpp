// SPDX-License-Identifier: MIT
// Selection of the active slave (`active.choose`), primary, prio and active_slave (`active.primary`).
#include <catch2/catch.hpp>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {
// active-backup with e0 and e1, where e0 has failed and e1 is active.
Lab failed_over(OptionList more = {}) {
    OptionList options{{"mode", "active-backup"}, {"miimon", "100"}};
    options.insert(options.end(), more.begin(), more.end());
    Lab lab(options);
    lab.enslave("e0");
    lab.enslave("e1");
    lab.tick();
    lab.carrier("e0", false);
    lab.tick();
    REQUIRE(lab.active() == "e1");
    return lab;
}
} // namespace

TEST_CASE("M10 active-backup fails over within one miimon and the states swap") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"miimon", "100"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.tick();
    REQUIRE(lab.active() == "e0");
    CHECK(lab.slave("e1").backup);
    const Time lost = lab.now;
    lab.carrier("e0", false);
    lab.walk(lost + Ms(100));
    CHECK(lab.active() == "e1");
    CHECK(lab.slave("e0").failures == 1);
    CHECK(lab.slave("e0").backup);
    CHECK_FALSE(lab.slave("e1").backup);
    CHECK(lab.suppressed("e0"));
    CHECK_FALSE(lab.suppressed("e1"));
}

TEST_CASE("M11 the return of a slave of equal prio asks for no selection") {
    Lab lab = failed_over();
    lab.carrier("e0", true);
    lab.ticks(3);
    CHECK(lab.slave("e0").link == Link::up);
    CHECK(lab.active() == "e1");
}

TEST_CASE("M12 writing primary_reselect always selects the first UP slave of equal prio") {
    Lab lab = failed_over();
    lab.carrier("e0", true);
    lab.ticks(2);                          // it is seen, and has been steady
    lab.set("primary_reselect", "always"); // the value it has
    CHECK(lab.active() == "e0");
}

TEST_CASE("M13 a slave of higher prio returns: active with reselect always, not with failure") {
    const std::string reselect = GENERATE("always", "failure");
    Lab lab(OptionList{{"mode", "active-backup"}, {"miimon", "100"}, {"primary_reselect", reselect}});
    lab.enslave("e0");
    lab.enslave("e1", false);
    lab.prio("e0", 10);
    lab.prio("e1", 20);
    lab.tick();
    REQUIRE(lab.active() == "e0");
    lab.carrier("e1", true);
    lab.ticks(2);
    CHECK(lab.active() == (reselect == "always" ? "e1" : "e0"));
}

TEST_CASE("M14 the primary returns") {
    const auto returned = [](const std::string &reselect, std::uint32_t speed, std::uint8_t duplex) {
        Lab lab = failed_over({{"primary", "e0"}, {"primary_reselect", reselect}});
        lab.carrier("e0", true);
        lab.speed("e0", speed, duplex);
        lab.ticks(2); // it is seen, and has been steady
        return lab.active();
    };
    CHECK(returned("always", 1000, core::duplex_full) == "e0");
    CHECK(returned("failure", 10000, core::duplex_full) == "e1");
    CHECK(returned("better", 1000, core::duplex_full) == "e1");
    CHECK(returned("better", 1000, core::duplex_unknown) == "e0"); // unsigned: unknown wins
    CHECK(returned("better", 1000, core::duplex_half) == "e1");
    CHECK(returned("better", 2500, core::duplex_full) == "e0");
    CHECK(returned("better", 100, core::duplex_full) == "e1");
    CHECK(returned("better", core::speed_unknown, core::duplex_full) == "e0");
}

TEST_CASE("M15 setting primary forces it once, whatever primary_reselect says") {
    Lab lab = failed_over({{"primary_reselect", "failure"}});
    lab.carrier("e0", true);
    lab.ticks(2); // it is seen, and has been steady
    REQUIRE(lab.active() == "e1");
    lab.set("primary", "e0");
    CHECK(lab.active() == "e0");
    lab.carrier("e0", false);
    lab.tick();
    lab.carrier("e0", true);
    lab.ticks(2);                // it is seen, and has been steady
    CHECK(lab.active() == "e1"); // once
}

TEST_CASE("M15 a primary that is down is forced as soon as it is UP") {
    Lab lab = failed_over({{"primary_reselect", "failure"}});
    lab.set("primary", "e0");
    CHECK(lab.active() == "e1");
    lab.carrier("e0", true);
    lab.ticks(2); // it is seen, and has been steady
    CHECK(lab.active() == "e0");
}

TEST_CASE("M16 the name of a future slave as primary takes effect when it is enslaved") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"primary", "e9"}, {"primary_reselect", "failure"}});
    lab.enslave("e0");
    CHECK(lab.primary().empty());
    CHECK(lab.active() == "e0");
    lab.enslave("e9");
    CHECK(lab.primary() == "e9");
    CHECK(lab.active() == "e9");
    lab.release("e9");
    CHECK(lab.primary().empty());
    CHECK(lab.active() == "e0");
    CHECK(lab.bond.options.primary == "e9"); // the name stays
}

TEST_CASE("M16 primary that is not enslaved drops the old one; empty clears it") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"primary", "e1"}});
    lab.enslave("e0");
    lab.enslave("e1");
    REQUIRE(lab.active() == "e1");
    lab.set("primary", "e7");
    CHECK(lab.primary().empty());
    CHECK(lab.active() == "e0"); // selection ran: equal prio, first of the list
    lab.set("primary", "e1");
    REQUIRE(lab.active() == "e1");
    lab.set("primary", "");
    CHECK(lab.primary().empty());
    CHECK(lab.active() == "e0");
}

TEST_CASE("M17 refusals of active_slave") {
    SECTION("target down") {
        Lab lab(OptionList{{"mode", "active-backup"}});
        lab.enslave("e0");
        lab.enslave("e1", false);
        CHECK(lab.set_fails("active_slave", "e1") == EINVAL);
        CHECK(lab.set_fails("active_slave", "nobody") == EINVAL);
        CHECK(lab.set_fails("active_slave", "e0") == 0); // it is already
        CHECK(lab.active() == "e0");
    }
    SECTION("no active slave at present") {
        Lab lab(OptionList{{"mode", "active-backup"}});
        lab.enslave("e0", false);
        CHECK(lab.set_fails("active_slave", "e0") == EINVAL);
    }
    SECTION("mode without") {
        Lab lab(OptionList{{"mode", "balance-xor"}});
        lab.enslave("e0");
        CHECK(lab.set_fails("active_slave", "e0") == EACCES);
    }
}

TEST_CASE("M18 a manual active_slave is not sticky") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"miimon", "100"}, {"primary", "e0"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.tick();
    lab.set("active_slave", "e1");
    REQUIRE(lab.active() == "e1");
    lab.carrier("e0", false);
    lab.tick();
    lab.carrier("e0", true);
    lab.ticks(2); // it is seen, and has been steady
    CHECK(lab.active() == "e0");
}

TEST_CASE("M18 clearing active_slave is two changes and may choose the same slave again") {
    Lab lab(OptionList{{"mode", "active-backup"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.tick();
    lab.forget();
    lab.set("active_slave", "");
    CHECK(lab.active() == "e0");
    int changes = 0;
    for (const auto &[when, t] : lab.seen<Transition>()) {
        changes += t.machine == "active";
    }
    CHECK(changes == 2);
    CHECK(lab.announcements() == std::vector<int>{0});
}

TEST_CASE("M19 without an UP slave the one nearest to the end of its updelay is taken and becomes UP") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"miimon", "100"}, {"updelay", "500"}});
    lab.enslave("e0");
    lab.ticks(6);
    lab.enslave("e1", false);
    lab.enslave("e2", false);
    REQUIRE(lab.active() == "e0");
    lab.carrier("e2", true);
    lab.ticks(2);
    lab.carrier("e1", true);
    lab.ticks(3);
    REQUIRE(lab.slave("e1").delay == 3);
    REQUIRE(lab.slave("e2").delay == 1);
    lab.release("e0");
    CHECK(lab.active() == "e2");
    CHECK(lab.slave("e2").link == Link::up);
    CHECK(lab.slave("e1").link == Link::back);
    CHECK(lab.bond.carrier);
}

TEST_CASE("prio: only a warning while there is a primary, else selection at once") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"primary", "e0"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.forget();
    lab.prio("e1", 5);
    CHECK(lab.slave("e1").prio == 5);
    CHECK(lab.active() == "e0");
    CHECK(lab.seen<core::Log>().size() == 1);
    lab.set("primary", "");
    CHECK(lab.active() == "e1");
    lab.prio("e0", 6);
    CHECK(lab.active() == "e0");
}

TEST_CASE("prio: refusals") {
    Lab lab(OptionList{{"mode", "balance-rr"}});
    lab.enslave("e0");
    const auto code = [&](const std::string &name, const std::string &value) {
        const OptionValue option{name, value};
        const auto done = core::set_slave_options(lab.bond, lab.slot("e0"), {&option, 1}, lab.now);
        return done ? 0 : done.error().code;
    };
    CHECK(code("prio", "1") == EACCES);
    CHECK(code("actor_port_prio", "1") == EACCES);
    CHECK(code("nonsense", "1") == EINVAL);
    Lab second(OptionList{{"mode", "active-backup"}});
    second.enslave("e0");
    for (const char *bad : {"", "x", "2147483648", "-2147483649", "1 2", "1x", "99999999999999999999"}) {
        const OptionValue option{"prio", bad};
        const auto done = core::set_slave_options(second.bond, 0, {&option, 1}, second.now);
        REQUIRE_FALSE(done);
        CHECK(done.error().code == EINVAL);
    }
    const OptionValue option{"prio", "-2147483648"};
    CHECK(core::set_slave_options(second.bond, 0, {&option, 1}, second.now));
    CHECK(core::set_slave_options(second.bond, 9, {&option, 1}, second.now).error().code == ENODEV);
}

TEST_CASE("1.13 rename: the primary follows the name") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"primary", "e1"}});
    lab.enslave("e0");
    lab.enslave("e1");
    REQUIRE(lab.active() == "e1");
    lab.handle(core::SlaveRenamed{lab.slot("e1"), "x1"});
    CHECK(lab.primary().empty());
    CHECK(lab.active() == "e0");
    lab.handle(core::SlaveRenamed{lab.slot("e0"), "e1"});
    CHECK(lab.primary() == "e1");
    lab.handle(core::SlaveRenamed{lab.slot("e1"), "e0"});
    lab.handle(core::SlaveRenamed{lab.slot("x1"), "e1"});
    CHECK(lab.primary() == "e1");
    CHECK(lab.bond.active == 1);
}

TEST_CASE("3.3 the active slave keeps its role while it is in FAIL, and a higher prio still wins when it fails") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"miimon", "100"}, {"downdelay", "100"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.enslave("e2");
    lab.tick();
    const OptionValue high{"prio", "3"};
    REQUIRE(lab.active() == "e0");
    lab.carrier("e2", false);
    lab.ticks(2);
    REQUIRE(core::set_slave_options(lab.bond, lab.slot("e2"), {&high, 1}, lab.now));
    lab.carrier("e0", false);
    lab.tick();
    CHECK(lab.active() == "e0");
    lab.carrier("e2", true);
    lab.ticks(2);
    CHECK(lab.active() == "e2");
}
