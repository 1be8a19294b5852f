// SPDX-License-Identifier: MIT
// Modes balance-tlb and balance-alb in the core: flags, buckets, addresses, learning packets (docs/spec/balance.md).
#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;
using namespace std::chrono_literals;

namespace {

using core::SendLearning;

Lab two_slaves(const std::string &mode) {
    Lab lab(OptionList{{"mode", mode}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.walk(lab.now + 500ms);
    lab.forget();
    return lab;
}

std::vector<std::pair<SlotId, MacAddr>> learning(const Lab &lab) {
    std::vector<std::pair<SlotId, MacAddr>> sent;
    for (const auto &[when, packet] : lab.seen<SendLearning>()) {
        sent.emplace_back(packet.slot, packet.mac);
    }
    return sent;
}

} // namespace

TEST_CASE("O8 tlb_dynamic_lb: EBUSY while up, EACCES in other modes; lp_interval everywhere, not 0") {
    Lab tlb(OptionList{{"mode", "balance-tlb"}});
    CHECK(tlb.set_fails("tlb_dynamic_lb", "0") == EBUSY);
    CHECK(tlb.set_fails("lp_interval", "0") == EINVAL);
    CHECK(tlb.set_fails("lp_interval", "2147483647") == 0);
    tlb.handle(core::BondAdmin{false});
    tlb.set("tlb_dynamic_lb", "off");
    CHECK_FALSE(tlb.bond.options.tlb_dynamic_lb);
    Lab other(OptionList{{"mode", "balance-xor"}}, true, false);
    CHECK(other.set_fails("tlb_dynamic_lb", "0") == EACCES);
    CHECK(other.set_fails("lp_interval", "7") == 0);
}

TEST_CASE("modes 5 and 6 need a MII monitor; mode 6 balances dynamically unless told otherwise") {
    Lab lab(OptionList{{"miimon", "0"}}, true, false);
    lab.set("mode", "balance-tlb");
    CHECK(lab.bond.options.miimon_ms == 100);
    lab.set("tlb_dynamic_lb", "0");
    lab.set("mode", "balance-alb");
    CHECK(lab.bond.options.tlb_dynamic_lb);
    CHECK(lab.set_fails("arp_interval", "100") == EACCES); // P16
}

TEST_CASE("all slaves are in state active; the others do not receive, in mode 6 no floods") {
    Lab tlb = two_slaves("balance-tlb"), alb = two_slaves("balance-alb");
    CHECK(tlb.active() == "e0");
    CHECK(tlb.picks() == std::vector<std::string>{"e0", "e1"});
    CHECK_FALSE(tlb.slave("e1").backup);
    CHECK_FALSE(tlb.suppressed("e0"));
    CHECK(tlb.suppressed("e1"));
    CHECK_FALSE(alb.suppressed("e1"));
    CHECK(alb.desired("e1").suppress_flood);
    CHECK_FALSE(alb.desired("e0").suppress_flood);
    tlb.set("monitors", "all");
    tlb.set("arp_ip_target", "10.0.0.1");
    tlb.set("arp_interval", "100"); // its probes say that the bond can be reached by its address
    CHECK_FALSE(tlb.suppressed("e1"));
    CHECK(tlb.desired("e1").suppress_flood);
}

TEST_CASE("R8 in mode 5 a write of all_slaves_active changes nothing") {
    Lab lab = two_slaves("balance-tlb");
    lab.set("all_slaves_active", "1");
    CHECK(lab.suppressed("e1"));
}

TEST_CASE("G4 a failover in mode 5 is not announced") {
    Lab lab = two_slaves("balance-tlb");
    lab.carrier("e0", false);
    lab.walk(lab.now + 3s);
    CHECK(lab.active() == "e1");
    CHECK(lab.announcements().empty());
}

TEST_CASE("M21 mode 5: carrier without a known speed leaves the link down, until the speed is known") {
    Lab lab = two_slaves("balance-tlb");
    lab.carrier("e1", false);
    lab.ticks(3);
    lab.carrier("e1", true);
    lab.speed("e1", core::speed_unknown, core::duplex_unknown);
    lab.walk(lab.now + 1s);
    CHECK(lab.slave("e1").link == Link::down);
    CHECK(lab.slave("e1").failures == 1);
    lab.speed("e1", 1000, core::duplex_full);
    lab.walk(lab.now + 200ms);
    CHECK(lab.slave("e1").link == Link::up);
}

TEST_CASE("T3 10 s after 5000 bytes: load_history is 501 and the bucket has no owner") {
    Lab lab = two_slaves("balance-tlb");
    lab.walk(lab.now + 11s); // past what the joins caused
    lab.table.buckets[7] = {5000, 0, lab.slot("e1")};
    lab.table.unbalanced = 700;
    lab.table.load[lab.slot("e1")] = 99;
    lab.walk(lab.now + 10s);
    CHECK(lab.table.buckets[7].owner == no_slot);
    CHECK(lab.table.buckets[7].history == 501);
    CHECK(lab.table.buckets[7].tx_bytes == 0);
    CHECK(lab.table.load[lab.slot("e1")] == 0);
    CHECK(lab.table.load[lab.slot("e0")] == 70); // what was not balanced
    CHECK(lab.table.unbalanced == 0);
}

TEST_CASE("T3 in 64 bits: 10 s at 100 Gb/s") {
    Lab lab = two_slaves("balance-tlb");
    lab.walk(lab.now + 11s);
    lab.table.buckets[0] = {125'000'000'000, 0, lab.slot("e0")};
    lab.walk(lab.now + 10s);
    CHECK(lab.table.buckets[0].history == 12'500'000'001);
}

TEST_CASE("T4 a slave joins: rebalance at the next alb tick") {
    Lab lab = two_slaves("balance-tlb");
    lab.walk(lab.now + 11s);
    lab.table.buckets[7] = {100, 0, lab.slot("e1")};
    lab.walk(lab.now + 1s);
    REQUIRE(lab.table.buckets[7].owner == lab.slot("e1"));
    lab.enslave("e2");
    lab.walk(lab.now + 99ms);
    CHECK(lab.table.buckets[7].owner == lab.slot("e1"));
    lab.walk(lab.now + 1ms);
    CHECK(lab.table.buckets[7].owner == no_slot);
}

TEST_CASE("the buckets of a slave that went down are released without history, at once") {
    Lab lab = two_slaves("balance-tlb");
    lab.walk(lab.now + 11s);
    lab.table.buckets[7] = {5000, 33, lab.slot("e1")};
    lab.table.buckets[8] = {5000, 44, lab.slot("e0")};
    lab.carrier("e1", false);
    lab.tell();
    CHECK(lab.table.buckets[7].owner == no_slot);
    CHECK(lab.table.buckets[7].history == 33);
    CHECK(lab.table.buckets[8].owner == lab.slot("e0"));
}

TEST_CASE("a change of the active slave releases the buckets of both, with history") {
    Lab lab = two_slaves("balance-tlb");
    lab.enslave("e2");
    lab.walk(lab.now + 11s);
    for (std::size_t i = 0; i < 3; ++i) {
        lab.table.buckets[i] = {1000, 0, static_cast<SlotId>(i)};
    }
    lab.set("active_slave", "e1");
    lab.tell();
    CHECK(lab.table.buckets[0].history == 101);
    CHECK(lab.table.buckets[1].history == 101);
    CHECK(lab.table.buckets[1].owner == no_slot);
    CHECK(lab.table.buckets[2].owner == lab.slot("e2"));
}

TEST_CASE("with tlb_dynamic_lb 0 mode 5 does nothing by itself") {
    Lab lab({{"mode", "balance-tlb"}, {"tlb_dynamic_lb", "0"}});
    lab.enslave("e0");
    lab.forget();
    lab.walk(lab.now + 30s);
    CHECK(learning(lab).empty());
}

TEST_CASE("T7 T8 each slave has an address of its own, the active one the bond's; a failover swaps them") {
    Lab lab = two_slaves("balance-alb");
    CHECK(lab.bond.mac == mac(1));
    CHECK(lab.slave("e0").mac == mac(1));
    CHECK(lab.slave("e1").mac == mac(2));
    lab.carrier("e0", false);
    lab.tell();
    CHECK(lab.active() == "e1");
    CHECK(lab.bond.mac == mac(1));
    CHECK(lab.slave("e1").mac == mac(1));
    CHECK(lab.slave("e0").mac == mac(2));
    // The new address is shown, and the dead slave's is taught on the new active slave, which listens for it.
    const std::vector<std::pair<SlotId, MacAddr>> expected{{lab.slot("e1"), mac(1)}, {lab.slot("e1"), mac(2)}};
    CHECK(learning(lab) == expected);
    CHECK(lab.desired("e1").promisc);
    lab.walk(lab.now + 10s);
    CHECK_FALSE(lab.desired("e1").promisc);
}

TEST_CASE("5.7 the address of a slave that died and was not active is taught for 10 s") {
    Lab lab = two_slaves("balance-alb");
    lab.carrier("e1", false);
    lab.tell();
    CHECK(learning(lab) == std::vector<std::pair<SlotId, MacAddr>>{{lab.slot("e0"), mac(2)}});
    CHECK(lab.desired("e0").promisc);
    lab.walk(lab.now + 10s);
    CHECK_FALSE(lab.desired("e0").promisc);
}

TEST_CASE("5.4 a slave whose address is the bond's gets one that is free, else is refused") {
    Lab lab(OptionList{{"mode", "balance-alb"}}, false); // the user's address, 02:..:b0
    lab.enslave(device("e0", 1));
    CHECK(lab.slave("e0").mac == mac(Lab::bond_mac_byte)); // it became active
    lab.enslave(device("e1", Lab::bond_mac_byte));
    CHECK(lab.slave("e1").mac == mac(1));
    const auto refused = core::plan_enslave(lab.bond, device("e2", 1), mac(Lab::random_mac_byte));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == EFAULT);
}

TEST_CASE("5.4 a slave that leaves gets its own address back from the one that has it") {
    Lab lab = two_slaves("balance-alb");
    lab.set("active_slave", "e1");
    REQUIRE(lab.slave("e1").mac == mac(1));
    lab.release("e1"); // its own, 02:..:02, is e0's
    CHECK(lab.active() == "e0");
    CHECK(lab.slave("e0").mac == mac(1));
    CHECK(lab.bond.mac == mac(1));
}

TEST_CASE("5.4 the user's address goes to the active slave only; a slave that has it swaps") {
    Lab lab = two_slaves("balance-alb");
    lab.handle(core::BondMacSet{mac(0x77)});
    CHECK(lab.slave("e0").mac == mac(0x77));
    CHECK(lab.slave("e1").mac == mac(2));
    lab.handle(core::BondMacSet{mac(2)});
    CHECK(lab.bond.mac == mac(2));
    CHECK(lab.slave("e0").mac == mac(2));
    CHECK(lab.slave("e1").mac == mac(0x77));
}

TEST_CASE("T13 every lp_interval each slave shows its address") {
    Lab lab = two_slaves("balance-alb");
    lab.walk(lab.now + 3s);
    const auto sent = learning(lab);
    CHECK(sent.size() == 6);
    CHECK(std::count(sent.begin(), sent.end(), std::pair{lab.slot("e1"), mac(2)}) == 3);
    lab.set("lp_interval", "3");
    lab.walk(lab.now + 1s);
    lab.forget();
    lab.walk(lab.now + 9s);
    CHECK(learning(lab).size() == 6);
}

TEST_CASE("5.7 a dead slave's address is shown on the active one, unless it has carrier and goes on sending") {
    Lab lab(OptionList{{"mode", "balance-alb"},
                       {"monitors", "all"},
                       {"miimon", "100"},
                       {"arp_interval", "100"},
                       {"arp_ip_target", "10.0.0.1"}});
    for (const char *name : {"e0", "e1", "e2"}) {
        lab.enslave(name);
        lab.alive(name, true);
    }
    lab.walk(lab.now + 1500ms);
    const MacAddr second = lab.slave("e1").mac, third = lab.slave("e2").mac;
    const auto shown_elsewhere = [&] {
        return std::ranges::any_of(learning(lab), [&](const auto &sent) {
            return (sent.second == second && sent.first != lab.slot("e1")) ||
                   (sent.second == third && sent.first != lab.slot("e2"));
        });
    };
    lab.forget();
    SECTION("without answers") {
        lab.alive("e1", false);
        lab.walk(lab.now + 2s);
        REQUIRE(lab.slave("e1").link == Link::down);
        CHECK_FALSE(shown_elsewhere());
        CHECK_FALSE(lab.desired("e0").promisc);
    }
    SECTION("without carrier") {
        lab.carrier("e2", false);
        lab.walk(lab.now + 2s);
        REQUIRE(lab.slave("e2").link == Link::down);
        CHECK(shown_elsewhere());
        CHECK(lab.desired("e0").promisc);
    }
}
