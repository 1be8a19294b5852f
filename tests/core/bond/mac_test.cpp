// SPDX-License-Identifier: MIT
// What a slave that refuses an address leads to.
#include <catch2/catch.hpp>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

std::vector<core::SetSlaveMac> asked(const Lab &lab) {
    std::vector<core::SetSlaveMac> all;
    for (const auto &[when, set] : lab.seen<core::SetSlaveMac>()) {
        all.push_back(set);
    }
    return all;
}

} // namespace

TEST_CASE("1.6 a slave that refuses the bond's new address puts everybody back") {
    Lab lab(OptionList{{"mode", "balance-xor"}}, false);
    lab.enslave("e0");
    lab.enslave("e1");
    const MacAddr before = lab.bond.mac;
    lab.forget();
    lab.handle(core::BondMacSet{mac(0x77)});
    const auto set = asked(lab);
    REQUIRE(set.size() == 2);
    lab.forget();
    lab.handle(core::MacRefused{set.back()});
    CHECK(lab.bond.mac == before);
    CHECK(lab.slave("e0").mac == before);
    CHECK(lab.slave("e1").mac == before);
    const auto back = asked(lab);
    REQUIRE(back.size() == 2);
    CHECK(back.front().mac == before);
    CHECK(lab.seen<core::SetBondMac>().size() == 1);
    CHECK(core::desired(lab.bond).bond_mac == before);

    SECTION("and a refusal of that is not answered in turn") {
        lab.forget();
        lab.handle(core::MacRefused{back.front()});
        CHECK(lab.log.empty());
    }
}

TEST_CASE("1.6 a refusal in a failover changes nothing else") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"fail_over_mac", "follow"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.forget();
    lab.carrier("e0", false);
    lab.tell();
    const auto set = asked(lab);
    REQUIRE(set.size() == 2);
    const MacAddr after = lab.bond.mac;
    lab.forget();
    lab.handle(core::MacRefused{set.front()});
    CHECK(lab.log.empty());
    CHECK(lab.bond.mac == after);
}
