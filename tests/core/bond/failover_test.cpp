// SPDX-License-Identifier: MIT
// Change of the active slave (`active.change`), MAC addresses (`address.fail_over_mac`), flags (`receive.flags`).
#include <catch2/catch.hpp>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

Lab pair(const std::string &fail_over_mac, bool mac_is_random = true) {
    Lab lab(OptionList{{"mode", "active-backup"}, {"miimon", "100"}, {"fail_over_mac", fail_over_mac}}, mac_is_random);
    lab.enslave("e0");
    lab.enslave("e1");
    lab.tick();
    lab.forget();
    return lab;
}

std::vector<std::string> story(const Lab &lab) {
    std::vector<std::string> lines;
    for (const auto &[when, effect] : lab.log) {
        if (const auto *t = std::get_if<Transition>(&effect)) {
            lines.push_back(t->machine + " " + t->slave + " " + t->from + ">" + t->to);
        } else if (const auto *set = std::get_if<core::SetSlaveMac>(&effect)) {
            lines.push_back("set " + core::find_slave(lab.bond, set->slot)->name + " " + set->mac.str());
        } else if (const auto *bond = std::get_if<core::SetBondMac>(&effect)) {
            lines.push_back("set bond " + bond->mac.str());
        } else if (const auto *announce = std::get_if<core::Announce>(&effect)) {
            lines.push_back("announce " + core::find_slave(lab.bond, announce->slot)->name);
        }
    }
    return lines;
}

} // namespace

// "lists moved" and "cas switched" are one thing here: desired() says both, and the transition `active` stands for
// them; it is also the failover event.
TEST_CASE("M20 order of effects of a failover with fail_over_mac active") {
    Lab lab = pair("active");
    lab.set("active_slave", "e1");
    CHECK(story(lab) == std::vector<std::string>{"active  e0>e1", "slave e0 active>backup", "slave e1 backup>active",
                                                 "set bond 02:00:00:00:00:02",
                                                 "mac  02:00:00:00:00:01>02:00:00:00:00:02", "announce e1"});
}

TEST_CASE("M20 order of a failover after a loss: link, flags, active, MAC, announcement") {
    Lab lab = pair("follow");
    lab.advance(Ms(1)); // an event, not a tick
    lab.carrier("e0", false);
    lab.tell();
    CHECK(story(lab) == std::vector<std::string>{"carrier e0 on>off", "link e0 up>down", "slave e0 active>backup",
                                                 "active  e0>e1", "slave e1 backup>active", "set e1 02:00:00:00:00:01",
                                                 "mac e1 02:00:00:00:00:02>02:00:00:00:00:01",
                                                 "set e0 02:00:00:00:00:02",
                                                 "mac e0 02:00:00:00:00:01>02:00:00:00:00:02", "announce e1"});
}

TEST_CASE("R14 fail_over_mac active: the bond takes the new active slave's MAC, slaves keep theirs") {
    Lab lab = pair("active");
    REQUIRE(lab.bond.mac == mac(1));
    lab.carrier("e0", false);
    lab.tick();
    CHECK(lab.bond.mac == mac(2));
    CHECK(core::desired(lab.bond).bond_mac == mac(2));
    CHECK(lab.slave("e0").mac == mac(1));
    CHECK(lab.slave("e1").mac == mac(2));
    CHECK(lab.seen<core::SetSlaveMac>().empty());
}

TEST_CASE("R15 fail_over_mac follow: old and new active swap, the bond MAC stays") {
    Lab lab = pair("follow");
    lab.carrier("e0", false);
    lab.tick();
    CHECK(lab.bond.mac == mac(1));
    CHECK(lab.slave("e1").mac == mac(1));
    CHECK(lab.slave("e0").mac == mac(2));
    CHECK(lab.seen<core::SetBondMac>().empty());
}

TEST_CASE("R15 follow without an old active swaps with whoever holds the bond MAC") {
    Lab lab = pair("follow");
    lab.carrier("e0", false);
    lab.carrier("e1", false);
    lab.tick();
    REQUIRE(lab.active().empty());
    REQUIRE(lab.slave("e0").mac == mac(1));
    lab.carrier("e1", true);
    lab.tick();
    CHECK(lab.active() == "e1");
    CHECK(lab.slave("e1").mac == mac(1));
    CHECK(lab.slave("e0").mac == mac(2));
}

TEST_CASE("R15 follow: with nobody holding the bond MAC the new active takes it") {
    Lab lab = pair("follow", false); // the bond has a MAC of its own
    CHECK(lab.slave("e0").mac == mac(Lab::bond_mac_byte));
    CHECK(lab.slave("e1").mac == mac(2));
    lab.release("e0");
    CHECK(lab.slave("e1").mac == mac(Lab::bond_mac_byte));
}

TEST_CASE("R16 follow: a second slave with the bond's MAC gets a random one") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"fail_over_mac", "follow"}});
    lab.enslave(device("e0", 7));
    const auto plan = core::plan_enslave(lab.bond, device("e1", 7), mac(Lab::random_mac_byte));
    REQUIRE(plan);
    CHECK(plan->set_mac == mac(Lab::random_mac_byte));
    lab.enslave(device("e1", 7));
    CHECK(lab.slave("e1").mac == mac(Lab::random_mac_byte));
    CHECK(lab.slave("e1").perm_mac == mac(7));
}

TEST_CASE("R17 with fail_over_mac a bond MAC set by the user is accepted and ignored") {
    const std::string kind = GENERATE("active", "follow");
    Lab lab = pair(kind);
    lab.handle(core::BondMacSet{mac(0x55)});
    CHECK(lab.bond.mac == mac(1));
    CHECK(lab.slave("e1").mac == mac(2));
    REQUIRE(lab.seen<core::SetBondMac>().size() == 1); // put back on the device
    CHECK(lab.seen<core::SetBondMac>()[0].second.mac == mac(1));
}

TEST_CASE("1.6 a bond MAC set by the user goes to the slaves in order, then to the bond, and can be rolled back") {
    Lab lab = pair("none");
    lab.handle(core::BondMacSet{mac(0x55)});
    CHECK(story(lab) ==
          std::vector<std::string>{"set e0 02:00:00:00:00:55", "mac e0 02:00:00:00:00:01>02:00:00:00:00:55",
                                   "set e1 02:00:00:00:00:55", "mac e1 02:00:00:00:00:01>02:00:00:00:00:55",
                                   "set bond 02:00:00:00:00:55", "mac  02:00:00:00:00:01>02:00:00:00:00:55"});
    lab.forget();
    lab.handle(core::BondMacSet{mac(0x55)}); // its own echo
    CHECK(lab.log.empty());
    lab.handle(core::BondMacSet{mac(1)}); // a slave refused: back
    CHECK(lab.slave("e0").mac == mac(1));
    CHECK(lab.slave("e1").mac == mac(1));
    CHECK(lab.bond.mac == mac(1));
    lab.handle(core::BondMacSet{{{1, 0, 0x5e, 0, 0, 1}}});
    CHECK(lab.bond.mac == mac(1));
}

TEST_CASE("1.6 a slave's MAC changed outside is known and published") {
    Lab lab = pair("none");
    lab.handle(core::SlaveMacSet{lab.slot("e1"), mac(0x77)});
    CHECK(core::desired(lab.bond).slaves[1].mac == mac(0x77));
    lab.handle(core::SlaveMacSet{31, mac(0x77)}); // no such slave: ignored
    CHECK(lab.seen<Transition>().size() == 1);
}

TEST_CASE("R8 all_slaves_active switches the suppression of backups only") {
    Lab lab = pair("none");
    CHECK(lab.suppressed("e1"));
    lab.set("all_slaves_active", "1");
    CHECK_FALSE(lab.suppressed("e1"));
    CHECK_FALSE(lab.suppressed("e0"));
    lab.set("all_slaves_active", "0");
    CHECK(lab.suppressed("e1"));
    CHECK_FALSE(lab.suppressed("e0"));
    CHECK_FALSE(lab.slave("e0").backup);
}

TEST_CASE("R8 with all_slaves_active a new backup and a failed active slave keep receiving") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"all_slaves_active", "1"}});
    lab.enslave("e0");
    lab.enslave("e1");
    CHECK_FALSE(lab.suppressed("e1"));
    CHECK(lab.slave("e1").backup);
    lab.carrier("e0", false);
    lab.tick();
    CHECK_FALSE(lab.suppressed("e0"));
    CHECK(lab.slave("e0").backup);
}

TEST_CASE("1.3 modes 0, 2 and 3 suppress nobody, not even a slave that is down") {
    const std::string mode = GENERATE("balance-rr", "balance-xor", "broadcast");
    Lab lab(OptionList{{"mode", mode}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.carrier("e1", false);
    lab.tick();
    CHECK_FALSE(lab.suppressed("e0"));
    CHECK_FALSE(lab.suppressed("e1"));
    CHECK_FALSE(lab.slave("e1").backup);
}

TEST_CASE("1.3 opening the bond sets the flags of all slaves") {
    Lab lab(OptionList{{"mode", "active-backup"}}, true, false);
    lab.enslave("e0");
    lab.enslave("e1");
    lab.set("all_slaves_active", "1");
    lab.set("all_slaves_active", "0");
    lab.handle(core::BondAdmin{true});
    CHECK_FALSE(lab.suppressed("e0"));
    CHECK(lab.suppressed("e1"));
    CHECK(lab.slave("e1").backup);
}

TEST_CASE("R20 the bond's lists: on the active slave in active-backup, on all slaves elsewhere") {
    const auto carriers = [](const Lab &lab) {
        std::vector<bool> flags;
        for (const auto &slave : core::desired(lab.bond).slaves) {
            flags.push_back(slave.carries_lists);
        }
        return flags;
    };
    Lab lab = pair("none");
    CHECK(carriers(lab) == std::vector<bool>{true, false});
    lab.carrier("e0", false);
    lab.tick();
    CHECK(carriers(lab) == std::vector<bool>{false, true});
    Lab round_robin(OptionList{{"mode", "balance-rr"}});
    round_robin.enslave("e0");
    round_robin.enslave("e1", false);
    CHECK(carriers(round_robin) == std::vector<bool>{true, true});
}
