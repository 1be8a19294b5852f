// SPDX-License-Identifier: MIT
// Enslave and release (`enslave.order`, `address.mtu`).
#include <catch2/catch.hpp>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {
int refusal(const Lab &lab, const core::DeviceFacts &facts) {
    const auto plan = core::plan_enslave(lab.bond, facts, mac(Lab::random_mac_byte));
    if (!plan) {
        CHECK(plan.error().message.find(facts.name) != std::string::npos);
    }
    return plan ? 0 : plan.error().code;
}
} // namespace

TEST_CASE("R9 the first slave lends its MAC, the second takes it and keeps its own as permanent") {
    Lab lab(OptionList{{"mode", "balance-rr"}});
    const auto first = core::plan_enslave(lab.bond, device("e0", 1), mac(Lab::random_mac_byte));
    REQUIRE(first);
    CHECK(first->set_bond_mac == mac(1));
    CHECK_FALSE(first->set_mac);
    lab.enslave("e0");
    const auto second = core::plan_enslave(lab.bond, device("e1", 2), mac(Lab::random_mac_byte));
    REQUIRE(second);
    CHECK_FALSE(second->set_bond_mac);
    CHECK(second->set_mac == mac(1));
    lab.enslave("e1");
    CHECK(lab.bond.mac == mac(1));
    CHECK(lab.slave("e1").mac == mac(1));
    CHECK(lab.slave("e1").perm_mac == mac(2));
}

TEST_CASE("R10 a bond with an explicit MAC pushes it to its slaves") {
    Lab lab(OptionList{{"mode", "active-backup"}}, false);
    lab.enslave("e0");
    lab.enslave("e1");
    CHECK(lab.bond.mac == mac(Lab::bond_mac_byte));
    CHECK(lab.slave("e0").mac == mac(Lab::bond_mac_byte));
    CHECK(lab.slave("e1").mac == mac(Lab::bond_mac_byte));
}

TEST_CASE("R11 release gives the slave its own MAC back") {
    Lab lab(OptionList{{"mode", "balance-xor"}});
    lab.enslave("e0");
    lab.enslave("e1");
    const auto plan = core::plan_release(lab.bond, lab.slot("e1"), mac(Lab::random_mac_byte));
    REQUIRE(plan);
    CHECK(plan->restore_mac == mac(2));
    CHECK_FALSE(plan->set_bond_mac);
    CHECK(core::plan_release(lab.bond, 7, mac(1)).error().code == EINVAL);
}

TEST_CASE("R11 with fail_over_mac active a released slave keeps the MAC it has") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"fail_over_mac", "active"}});
    lab.enslave("e0");
    lab.enslave("e1");
    CHECK_FALSE(core::plan_release(lab.bond, 0, mac(Lab::random_mac_byte))->restore_mac);
}

TEST_CASE("R12 the bond keeps the MAC of a donor that left, and says so") {
    Lab lab(OptionList{{"mode", "balance-rr"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.forget();
    lab.release("e0");
    CHECK(lab.bond.mac == mac(1));
    CHECK(lab.slave("e1").mac == mac(1));
    CHECK(lab.seen<core::Log>().size() == 1);
    lab.forget();
    lab.enslave("e2");
    lab.release("e2");
    CHECK(lab.seen<core::Log>().empty());
}

TEST_CASE("R13 after the last release the bond has a random MAC and no carrier; the next first slave lends its own") {
    const bool was_random = GENERATE(true, false);
    Lab lab(OptionList{{"mode", "active-backup"}}, was_random);
    lab.enslave("e0");
    REQUIRE(lab.bond.carrier);
    lab.release("e0");
    CHECK(lab.bond.mac == mac(Lab::random_mac_byte));
    CHECK_FALSE(lab.bond.carrier);
    CHECK(lab.active().empty());
    CHECK_FALSE(core::deadline(lab.bond));
    CHECK(core::desired(lab.bond).slaves.empty());
    CHECK(core::desired(lab.bond).pick.empty());
    lab.enslave("e1");
    CHECK(lab.bond.mac == mac(2));
}

TEST_CASE("R18 a slave takes the bond's MTU at enslave") {
    Lab lab(OptionList{{"mode", "balance-rr"}});
    lab.bond.mtu = 9000;
    CHECK(core::plan_enslave(lab.bond, device("e0", 1), mac(9))->set_mtu == 9000);
}

TEST_CASE("R19 refusals") {
    const auto with = [](auto change) {
        core::DeviceFacts facts = device("e9", 9);
        change(facts);
        return facts;
    };
    Lab lab(OptionList{{"mode", "balance-rr"}});
    CHECK(refusal(lab, device("e9", 9)) == 0);
    CHECK(refusal(lab, with([](auto &f) { f.flags = 1; })) == EPERM);
    CHECK(refusal(lab, with([](auto &f) { f.master = 5; })) == EBUSY);
    CHECK(refusal(lab, with([](auto &f) { f.is_own_device = true; })) == EPERM);
    CHECK(refusal(lab, with([](auto &f) { f.is_master = true; })) == EPERM);
    CHECK(refusal(lab, with([](auto &f) { f.is_master = f.is_bond = true; })) == 0);
    CHECK(refusal(lab, with([](auto &f) { f.arp_type = 280; })) == EPERM);
    CHECK(refusal(lab, with([](auto &f) { f.arp_type = 772; })) == EINVAL);
    CHECK(refusal(lab, with([](auto &f) { f.arp_type = 32; })) == EOPNOTSUPP);
    CHECK(refusal(lab, with([](auto &f) { f.can_set_mac = false; })) == EOPNOTSUPP);
    lab.enslave("e0");
    CHECK(refusal(lab, with([](auto &f) { f.arp_type = 32; })) == EINVAL); // differs from the slaves it has
}

TEST_CASE("R19 the first refusal of the list wins") {
    core::DeviceFacts all = device("e9", 9);
    all.arp_type = 280;
    all.is_master = true;
    all.master = 4;
    all.is_own_device = true;
    all.flags = 1;
    all.can_set_mac = false;
    Lab lab(OptionList{{"mode", "balance-rr"}});
    const auto message = [&] { return core::plan_enslave(lab.bond, all, mac(9)).error().message; };
    CHECK_THAT(message(), Catch::Contains("CAN"));
    all.arp_type = 772;
    CHECK_THAT(message(), Catch::Contains("bridge"));
    all.is_master = false;
    CHECK_THAT(message(), Catch::Contains("master"));
    CHECK(refusal(lab, all) == EBUSY);
    all.master = 0;
    CHECK_THAT(message(), Catch::Contains("end of its pair"));
    all.is_own_device = false;
    CHECK_THAT(message(), Catch::Contains("is up"));
    all.flags = 0;
    CHECK_THAT(message(), Catch::Contains("hardware type 772"));
    all.arp_type = 1;
    CHECK_THAT(message(), Catch::Contains("MAC"));
}

TEST_CASE("R19 a device that cannot change its MAC turns an empty active-backup bond to fail_over_mac active") {
    Lab lab(OptionList{{"mode", "active-backup"}});
    core::DeviceFacts fixed = device("e0", 1);
    fixed.can_set_mac = false;
    const auto plan = core::plan_enslave(lab.bond, fixed, mac(9));
    REQUIRE(plan);
    CHECK(plan->switch_fail_over_mac_active);
    CHECK_FALSE(plan->set_mac);
    lab.enslave(fixed);
    CHECK(lab.bond.options.fail_over_mac == core::FailOverMac::active);
    Lab other(OptionList{{"mode", "active-backup"}});
    other.enslave(device("e5", 5));
    CHECK(refusal(other, fixed) == EOPNOTSUPP);
}

TEST_CASE("1.5 the initial link") {
    const auto initial = [](const std::string &miimon, const std::string &updelay, bool carrier) {
        OptionList options{{"mode", "balance-xor"}, {"miimon", miimon}};
        if (miimon != "0") {
            options.push_back({"updelay", updelay});
        }
        Lab lab(options);
        lab.enslave("e0", carrier);
        CHECK((lab.slave("e0").last_link_up == lab.now) == (lab.slave("e0").link != Link::down));
        return lab.slave("e0").link;
    };
    CHECK(initial("100", "0", true) == Link::up);
    CHECK(initial("100", "200", true) == Link::back);
    CHECK(initial("100", "0", false) == Link::down);
    CHECK(initial("0", "0", false) == Link::up);
}

TEST_CASE("slots are the lowest free ones; a re-enslaved device goes to the tail of the list; 33 are too many") {
    Lab lab(OptionList{{"mode", "balance-rr"}});
    for (int i = 0; i < XB_MAX_SLAVES; ++i) {
        CHECK(lab.enslave("e" + std::to_string(i)) == i);
    }
    CHECK(refusal(lab, device("e99", 99)) == ENOSPC);
    lab.release("e3");
    lab.release("e1");
    CHECK(lab.enslave("e1") == 1);
    CHECK(lab.bond.slaves.back().name == "e1");
    CHECK(lab.picks().back() == "e1");
}

TEST_CASE("1.5 modes without primary take the first usable slave as active silently") {
    Lab lab(OptionList{{"mode", "balance-rr"}, {"resend_igmp", "3"}});
    lab.enslave("e0", false);
    CHECK(lab.active().empty());
    lab.enslave("e1");
    CHECK(lab.active() == "e1");
    lab.walk(lab.now + Ms(1000));
    CHECK(lab.rejoins().empty());
}
