// SPDX-License-Identifier: MIT
// Announcements (`announce.schedule`) and IGMP re-joins (`announce.rejoin`). Times in ms since the change.
#include <catch2/catch.hpp>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

using Times = std::vector<int>;

Lab pair(const std::string &count, const std::string &delay_ms, OptionList more = {}) {
    OptionList options{
        {"mode", "active-backup"}, {"miimon", "100"}, {"num_grat_arp", count}, {"peer_notif_delay", delay_ms}};
    options.insert(options.end(), more.begin(), more.end());
    Lab lab(options);
    lab.enslave("e0");
    lab.enslave("e1");
    lab.walk(lab.now + Ms(5000)); // on a tick, and what enslaving announced is over
    lab.forget();
    return lab;
}

} // namespace

TEST_CASE("G1 num 3, delay 2 ticks: a manual change announces at once and at the 2nd and 4th tick") {
    Lab lab = pair("3", "200");
    lab.set("active_slave", "e1");
    lab.walk(lab.now + Ms(3000));
    CHECK(lab.announcements() == Times{0, 200, 400});
    for (const auto &[when, announce] : lab.seen<core::Announce>()) {
        CHECK(announce.slot == lab.slot("e1"));
    }
}

TEST_CASE("G1 num 3, delay 2 ticks: a change made by a tick announces at ticks 0, 1 and 3") {
    Lab lab = pair("3", "200");
    lab.carrier("e0", false);
    lab.walk(lab.now + Ms(3000));
    CHECK(lab.announcements() == Times{100, 200, 400});
}

TEST_CASE("G1 delay of one tick: a change made by a tick announces twice in it") {
    Lab lab = pair("3", "100");
    lab.carrier("e0", false);
    lab.walk(lab.now + Ms(3000));
    CHECK(lab.announcements() == Times{100, 100, 200});
}

TEST_CASE("G1 a change made by an event between ticks counts as outside a tick") {
    Lab lab = pair("3", "200");
    lab.carrier("e0", false);
    lab.tell();
    lab.walk(lab.now + Ms(3000));
    CHECK(lab.announcements() == Times{0, 200, 400});
}

TEST_CASE("G2 num 2 from no active slave: first in the tick that committed UP, second one tick later") {
    Lab lab = pair("2", "0");
    lab.carrier("e0", false);
    lab.carrier("e1", false);
    lab.walk(lab.now + Ms(1000));
    REQUIRE(lab.active().empty());
    lab.forget();
    lab.carrier("e1", true);
    lab.walk(lab.now + Ms(2000));
    CHECK(lab.announcements() == Times{100, 200});
}

TEST_CASE("G2 the same by an event: at once, the carrier that came on in it included") {
    Lab lab = pair("2", "200");
    lab.carrier("e0", false);
    lab.carrier("e1", false);
    lab.walk(lab.now + Ms(1000));
    lab.forget();
    lab.carrier("e1", true);
    lab.tell();
    lab.walk(lab.now + Ms(2000));
    CHECK(lab.announcements() == Times{0, 200});
}

TEST_CASE("G4 num 0 announces nothing") {
    Lab lab = pair("0", "0");
    lab.set("active_slave", "e1");
    lab.walk(lab.now + Ms(1000));
    CHECK(lab.announcements().empty());
    lab.set("num_unsol_na", "1");
    lab.set("active_slave", "e0");
    CHECK(lab.announcements() == Times{1000});
}

TEST_CASE("G4 modes without an address that moves announce nothing") {
    Lab lab(OptionList{{"mode", "balance-rr"}, {"num_grat_arp", "3"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.carrier("e0", false);
    lab.walk(lab.now + Ms(1000));
    CHECK(lab.announcements().empty());
}

TEST_CASE("1.11 without a monitor only the immediate announcement is sent") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"miimon", "0"}, {"num_grat_arp", "5"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.forget();
    lab.set("active_slave", "e1");
    CHECK_FALSE(core::deadline(lab.bond));
    CHECK(lab.announcements() == Times{0});
}

TEST_CASE("1.11 a bond that is down announces nothing, closing it forgets what was pending") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"num_grat_arp", "5"}}, true, false);
    lab.enslave("e0");
    lab.enslave("e1");
    lab.set("active_slave", "e1");
    CHECK(lab.announcements().empty());
    lab.handle(core::BondAdmin{true});
    lab.set("active_slave", "e0");
    CHECK(lab.announcements() == Times{0});
    lab.handle(core::BondAdmin{false});
    CHECK(core::save(lab.bond).pending_notif == 0);
    lab.handle(core::BondAdmin{true});
    lab.walk(lab.now + Ms(1000));
    CHECK(lab.announcements() == Times{0});
}

TEST_CASE("1.11 releasing the active slave announces on its successor") {
    Lab lab = pair("2", "0");
    lab.release("e0");
    lab.walk(lab.now + Ms(1000));
    CHECK(lab.announcements() == Times{0, 100});
    CHECK(lab.seen<core::Announce>()[0].second.slot == lab.slot("e1"));
}

TEST_CASE("G5 resend_igmp 3: re-joins one jiffy after the change and then every 200 ms") {
    Lab lab = pair("1", "0", {{"resend_igmp", "3"}});
    lab.set("active_slave", "e1");
    lab.walk(lab.now + Ms(3000));
    CHECK(lab.rejoins() == Times{1, 201, 401});
}

TEST_CASE("G5 resend_igmp 3: balance-rr re-joins too, balance-xor and broadcast do not") {
    const auto rejoins = [](const std::string &mode) {
        Lab lab(OptionList{{"mode", mode}, {"resend_igmp", "3"}});
        lab.enslave("e0");
        lab.enslave("e1");
        lab.tell();
        lab.forget();
        lab.carrier("e0", false);
        lab.tell();
        CHECK(lab.active() == "e1");
        lab.walk(lab.now + Ms(3000));
        return lab.rejoins();
    };
    CHECK(rejoins("balance-rr") == Times{1, 201, 401});
    CHECK(rejoins("balance-xor").empty());
    CHECK(rejoins("broadcast").empty());
}

TEST_CASE("G5 resend_igmp 0 and a closed bond: no re-join; without a monitor they still run") {
    Lab none = pair("1", "0");
    none.set("active_slave", "e1");
    none.walk(none.now + Ms(1000));
    CHECK(none.rejoins().empty());
    Lab closed = pair("1", "0", {{"resend_igmp", "3"}});
    closed.set("active_slave", "e1");
    closed.handle(core::BondAdmin{false});
    CHECK_FALSE(core::deadline(closed.bond));
    Lab unwatched(OptionList{{"mode", "active-backup"}, {"miimon", "0"}, {"resend_igmp", "2"}});
    unwatched.enslave("e0");
    unwatched.walk(unwatched.now + Ms(1000));
    CHECK(unwatched.rejoins() == Times{1, 201});
    CHECK_FALSE(core::deadline(unwatched.bond));
}
