// SPDX-License-Identifier: MIT
// What the ARP/NS monitor wants of the data path, and stamps whose target has changed (`arp.valid`, `arp.times`).
#include <catch2/catch.hpp>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;
using core::Hear;

namespace {

OptionList options(const std::string &mode, const OptionList &more = {}) {
    OptionList all{{"mode", mode}, {"arp_interval", "100"}, {"arp_ip_target", "10.0.0.1,10.0.0.2"}};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

} // namespace

TEST_CASE("P10 P11 arp_validate: what active and backup slaves hear") {
    struct Row {
        const char *value;
        Hear active, backup;
    };
    const Row row = GENERATE(Row{"none", Hear::any, Hear::any}, Row{"active", Hear::valid, Hear::any},
                             Row{"backup", Hear::any, Hear::valid}, Row{"all", Hear::valid, Hear::valid},
                             Row{"filter", Hear::arp, Hear::arp}, Row{"filter_active", Hear::valid, Hear::arp},
                             Row{"filter_backup", Hear::arp, Hear::valid});
    Lab lab(options("active-backup", {{"arp_validate", row.value}}));
    lab.enslave("e0");
    lab.enslave("e1");
    CHECK(lab.desired("e0").hear == row.active);
    CHECK_FALSE(lab.desired("e0").backup);
    CHECK(lab.desired("e1").hear == row.backup);
    CHECK(lab.desired("e1").backup);
    lab.set("arp_interval", "0");
    CHECK(lab.desired("e0").hear == Hear::nothing);
    CHECK_FALSE(core::desired(lab.bond).monitor.on);
    CHECK(core::desired(lab.bond).monitor.targets.empty());
}

TEST_CASE("P9 the data path knows the targets") {
    Lab lab(options("balance-rr", {{"ns_ip6_target", "fe80::9"}, {"arp_all_targets", "all"}}));
    lab.enslave("e0");
    const auto monitor = core::desired(lab.bond).monitor;
    CHECK(monitor.on);
    CHECK(monitor.all_targets);
    CHECK(monitor.targets == std::vector<Ipv4Addr>{{10, 0, 0, 1}, {10, 0, 0, 2}});
    REQUIRE(monitor.targets6.size() == 1);
    CHECK(monitor.targets6[0][15] == 9);
}

TEST_CASE("P8 rule (b): backups count once the active slave has heard something since it became active") {
    Lab lab(options("active-backup", {{"arp_validate", "all"}}));
    CHECK_FALSE(core::desired(lab.bond).monitor.heard_after);
    lab.enslave("e0");
    lab.enslave("e1");
    const Time enslaved = lab.now;
    CHECK(core::desired(lab.bond).monitor.heard_after == enslaved);
    lab.alive("e0", true);
    lab.alive("e1", true);
    lab.ticks(5);
    CHECK(core::desired(lab.bond).monitor.heard_after == enslaved);
    lab.set("active_slave", "e1");
    CHECK(core::desired(lab.bond).monitor.heard_after == lab.now);
    CHECK(core::desired(lab.bond).monitor.probe_until == Time{});
}

TEST_CASE("P8 rule (c): answers to the candidate's probe count on every backup for an interval and a half") {
    Lab lab(options("active-backup", {{"arp_validate", "all"}}));
    lab.enslave("e0");
    lab.enslave("e1");
    while (!lab.active().empty()) {
        lab.tick();
        REQUIRE(lab.now < Ms(5000));
    }
    auto monitor = core::desired(lab.bond).monitor;
    REQUIRE(lab.bond.candidate == lab.slot("e1"));
    CHECK_FALSE(monitor.heard_after);
    CHECK(monitor.probe_from == lab.now - Ms(100));
    CHECK(monitor.probe_until == lab.now + Ms(150));
    CHECK_FALSE(lab.desired("e1").backup); // rule (a)
    CHECK_FALSE(lab.desired("e1").suppress);
    CHECK(lab.desired("e0").backup);
    lab.advance(Ms(10));
    lab.handle(core::ProbesSent{lab.slot("e1")});
    CHECK(core::desired(lab.bond).monitor.probe_until == lab.now + Ms(150));
    lab.handle(core::ProbesSent{30}); // gone meanwhile
}

TEST_CASE("P15 4.7 backups of active-backup join the solicited-node addresses of the NS targets while they validate") {
    Lab lab(options("active-backup", {{"arp_validate", "all"}, {"ns_ip6_target", "fe80::1:2:3,2001:db8::77ff:1"}}));
    lab.enslave("e0");
    lab.enslave("e1");
    const std::vector<MacAddr> joins{{{0x33, 0x33, 0xff, 2, 0, 3}}, {{0x33, 0x33, 0xff, 0xff, 0, 1}}};
    CHECK(lab.desired("e0").ns_joins.empty());
    CHECK(lab.desired("e1").ns_joins == joins);
    CHECK(lab.desired("e1").hear == Hear::valid);
    lab.set("active_slave", "e1");
    CHECK(lab.desired("e0").ns_joins == joins);
    CHECK(lab.desired("e1").ns_joins.empty());
    lab.set("ns_ip6_target", "fe80::1:2:3,2001:db8::1:2:3"); // the same address for both
    CHECK(lab.desired("e0").ns_joins == std::vector<MacAddr>{joins[0]});
    lab.set("arp_validate", "none");
    CHECK(lab.desired("e0").ns_joins.empty());
}

TEST_CASE("4.7 other modes join nothing") {
    Lab lab(options("balance-rr", {{"arp_validate", "all"}, {"ns_ip6_target", "fe80::1"}}));
    lab.enslave("e0");
    CHECK(lab.desired("e0").ns_joins.empty());
}

TEST_CASE("4.1 targets: a new one counts from now, the others keep their times when they move") {
    Lab lab(options("active-backup", {{"arp_validate", "all"}}));
    lab.enslave("e0");
    const auto at = [&](std::size_t i) { return lab.slave("e0").target_rx.at(i); };
    lab.advance(Ms(20));
    auto seen = lab.observe();
    seen.links[0].stamps.last_rx = lab.now;
    seen.links[0].stamps.target_rx[0] = lab.now - Ms(7);
    seen.links[0].stamps.target_rx[1] = lab.now - Ms(5);
    lab.handle(seen);
    REQUIRE(at(0) == lab.now - Ms(7));
    REQUIRE(at(1) == lab.now - Ms(5));
    const Time second = at(1);
    lab.advance(Ms(10));
    lab.set("arp_ip_target", "-10.0.0.1");
    CHECK(at(0) == second);
    lab.handle(seen);
    CHECK(at(0) == second); // the stamp of the target that was there before says nothing
    lab.set("arp_ip_target", "+10.0.0.3");
    CHECK(at(0) == second);
    CHECK(at(1) == lab.now);
    seen.links[0].stamps.target_rx[0] = lab.now + Ms(1);
    lab.handle(seen);
    CHECK(at(0) == lab.now + Ms(1));
    CHECK(lab.slave("e0").last_rx == lab.now - Ms(10));
}

TEST_CASE("4.1 stamps: zero is never, and an older one changes nothing") {
    Lab lab(options("active-backup"));
    lab.enslave("e0");
    const Slave fresh = lab.slave("e0");
    lab.handle(lab.observe());
    CHECK(lab.slave("e0").last_rx == fresh.last_rx);
    CHECK(lab.slave("e0").target_rx == fresh.target_rx);
    auto seen = lab.observe();
    seen.links[0].stamps.last_rx = fresh.last_rx - Ms(1);
    lab.handle(seen);
    CHECK(lab.slave("e0").last_rx == fresh.last_rx);
}
