// SPDX-License-Identifier: MIT
// MII and ARP together (option monitors), a new controller in the middle of it, and the pure decisions by themselves.
#include <catch2/catch.hpp>

#include "tests/core/lab.h"
#include "user/core/link/arp.h"

using namespace xbond;
using namespace xbond::test;

namespace {

class SharedLab : public Lab {
public:
    SharedLab(const std::string &mode, const std::string &monitors)
        : Lab(OptionList{{"mode", mode},
                         {"monitors", monitors},
                         {"miimon", "100"},
                         {"arp_interval", "100"},
                         {"arp_ip_target", "10.0.0.1"}}) {
        for (const char *name : {"e0", "e1"}) {
            enslave(name);
            alive(name, true);
        }
        walk(now + Ms(1000));
    }
};

core::BondState restored(const core::BondState &bond, Time now) {
    return core::restore(core::save(bond), bond.mtu, now);
}

} // namespace

TEST_CASE("monitors all: a slave is up only if carrier and answers are there") {
    const std::string mode = GENERATE("balance-rr", "active-backup", "balance-xor", "broadcast");
    SharedLab lab(mode, "all");
    CHECK(lab.slave("e0").link == Link::up);
    SECTION("carrier lost: at once, at the event") {
        lab.carrier("e0", false);
        lab.tell();
        CHECK(lab.slave("e0").link == Link::down);
        CHECK(lab.slave("e0").reason == "carrier lost");
        CHECK(lab.slave("e0").arp == Link::up);
        lab.carrier("e0", true);
        lab.tell();
        CHECK(lab.slave("e0").link == Link::down);
        lab.walk(lab.now + Ms(2 * lab.bond.options.miimon_ms));
        CHECK(lab.slave("e0").link == Link::up);
    }
    SECTION("answers lost: when the window is over") {
        lab.alive("e0", false);
        lab.walk(lab.now + Ms(450));
        CHECK(lab.slave("e0").link == Link::down);
        CHECK_THAT(lab.slave("e0").reason, Catch::StartsWith("nothing heard for"));
        CHECK(lab.slave("e0").mii == Link::up);
        CHECK(lab.active() == "e1");
        CHECK(lab.slave("e0").failures == 1);
        lab.alive("e0", true);
        lab.walk(lab.now + Ms(250));
        CHECK(lab.slave("e0").link == Link::up);
    }
    CHECK(lab.bond.carrier);
}

TEST_CASE("monitors any: carrier or answers are enough") {
    const std::string mode = GENERATE("balance-rr", "active-backup", "balance-xor", "broadcast");
    SharedLab lab(mode, "any");
    lab.alive("e0", false);
    lab.walk(lab.now + Ms(2000));
    CHECK(lab.slave("e0").arp == Link::down);
    CHECK(lab.slave("e0").link == Link::up);
    lab.carrier("e0", false);
    lab.tell();
    CHECK(lab.slave("e0").link == Link::down);
    CHECK(lab.slave("e0").failures == 1);
    CHECK(lab.active() == "e1");
    lab.walk(lab.now + Ms(300)); // now it probes and hears
    lab.carrier("e1", false);    // its answers still count
    lab.tell();
    CHECK(lab.slave("e1").mii == Link::down);
    CHECK(lab.slave("e1").link == Link::up);
    CHECK(lab.fallback("e1").empty());
}

TEST_CASE("monitors: a change of the option, or the end of one monitor, is acted on") {
    SharedLab lab("active-backup", "any");
    lab.alive("e0", false);
    lab.walk(lab.now + Ms(1000));
    REQUIRE(lab.active() == "e0");
    REQUIRE(lab.slave("e1").arp == Link::down); // a backup lives from the requests of the active slave
    SECTION("any to all") {
        lab.set("monitors", "all");
        CHECK(lab.slave("e0").link == Link::down);
        CHECK(lab.slave("e0").reason == "monitors set by user");
        lab.walk(lab.now + Ms(300));
        CHECK(lab.active() == "e1");
    }
    SECTION("MII ends") {
        lab.set("miimon", "0");
        CHECK(lab.slave("e0").link == Link::down);
        lab.walk(lab.now + Ms(300));
        CHECK(lab.active() == "e1");
    }
    SECTION("ARP ends") {
        lab.set("arp_interval", "0");
        CHECK(lab.slave("e0").link == Link::up);
        CHECK(lab.active() == "e0");
    }
}

TEST_CASE("monitors all: without answers active-backup searches, and a candidate needs carrier and an answer") {
    SharedLab lab("active-backup", "all");
    lab.alive("e0", false);
    lab.alive("e1", false);
    lab.walk(lab.now + Ms(1000));
    CHECK(lab.active().empty());
    CHECK(lab.bond.candidate != no_slot);
    CHECK(lab.picks().empty());
    lab.alive("e1", true);
    lab.walk(lab.now + Ms(400));
    CHECK(lab.active() == "e1");
    CHECK(lab.bond.candidate == no_slot);
}

TEST_CASE("monitors: each keeps its own grid") {
    SharedLab lab("balance-rr", "all");
    lab.set("miimon", "70");
    lab.tick();
    const Time mii = lab.now; // the next one is at a multiple of 70 ms
    REQUIRE(mii == Ms(2000));
    lab.set("arp_interval", "30");
    CHECK(core::deadline(lab.bond) == lab.now);
    lab.forget();
    lab.walk(mii + Ms(100));
    CHECK(lab.probes() ==
          std::vector<std::string>{"e0 0", "e1 0", "e0 30", "e1 30", "e0 60", "e1 60", "e0 90", "e1 90"});
    CHECK(core::deadline(lab.bond) == mii + Ms(120));
    lab.walk(mii + Ms(160));
    CHECK(core::deadline(lab.bond) == Ms(31 * 70));
}

TEST_CASE("monitors: announcements are counted in ticks of one of them") {
    SharedLab lab("active-backup", "all");
    lab.set("num_grat_arp", "3");
    lab.set("arp_interval", "30");
    lab.tick();
    lab.set("active_slave", "e1");
    lab.forget();
    lab.walk(lab.now + Ms(1000));
    const auto sent = lab.announcements();
    REQUIRE(sent.size() == 2);
    CHECK(sent[1] - sent[0] == 100);
}

TEST_CASE("restore: a bond with the ARP monitor goes on as it was, and no healthy slave goes down") {
    const std::string mode = GENERATE("balance-rr", "active-backup", "balance-xor", "broadcast");
    const std::string monitors = GENERATE("exclusive", "any", "all");
    Lab lab(OptionList{{"mode", mode},
                       {"monitors", monitors},
                       {"arp_interval", "100"},
                       {"arp_ip_target", "10.0.0.1"},
                       {"arp_validate", "all"}});
    for (const char *name : {"e0", "e1", "e2"}) {
        lab.enslave(name);
        lab.alive(name, std::string(name) != "e2");
    }
    lab.walk(lab.now + Ms(2000));
    REQUIRE(lab.slave("e2").arp == Link::down);
    const auto before = core::desired(lab.bond);
    const auto links = [&] {
        std::vector<Link> all;
        std::ranges::transform(lab.bond.slaves, std::back_inserter(all), &Slave::link);
        return all;
    };
    const auto links_before = links();
    lab.advance(Ms(60000)); // nobody probed
    lab.bond = restored(lab.bond, lab.now);
    CHECK(core::desired(lab.bond) == before);
    CHECK(core::deadline(lab.bond) == lab.now);
    lab.forget();
    lab.walk(lab.now + Ms(2000));
    CHECK(links() == links_before);
    CHECK(lab.slave("e0").failures == 0);
    lab.alive("e0", false);
    lab.walk(lab.now + Ms(500));
    CHECK(lab.slave("e0").arp != Link::up);
}

TEST_CASE("restore: the search goes on behind the same candidate") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"arp_interval", "100"}, {"arp_ip_target", "10.0.0.1"}});
    for (const char *name : {"e0", "e1", "e2"}) {
        lab.enslave(name);
    }
    while (!lab.active().empty()) {
        lab.tick();
        REQUIRE(lab.now < Ms(5000));
    }
    const SlotId candidate = lab.bond.candidate;
    REQUIRE(candidate == lab.slot("e1"));
    lab.bond = restored(lab.bond, lab.now);
    CHECK(lab.bond.candidate == candidate);
    CHECK(core::save(lab.bond).candidate == candidate);
    CHECK_FALSE(lab.suppressed("e1"));
    lab.tick();
    CHECK(lab.bond.candidate == lab.slot("e2"));
    CHECK(lab.suppressed("e1"));
    for (const Slave &slave : lab.bond.slaves) {
        CHECK(slave.link != Link::up);
    }
}

TEST_CASE("restore: a candidate that cannot be one is left out") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"arp_interval", "100"}});
    lab.enslave("e0");
    auto saved = core::save(lab.bond);
    saved.candidate = lab.slot("e0"); // there is an active slave
    CHECK(core::restore(saved, 1500, lab.now).candidate == no_slot);
    saved.active = no_slot;
    saved.candidate = 17;
    CHECK(core::restore(saved, 1500, lab.now).candidate == no_slot);
}

// ---- user/monitor ----
using monitor::ArpSlave;
using monitor::ArpWindow;

TEST_CASE("4.1 in(t, k) is from an interval before t to k intervals and a half after") {
    const Time t = Ms(1000);
    const auto in = [&](Time now, std::uint32_t k) { return ArpWindow{now, Ms(100), 2}.in(t, k); };
    CHECK(in(Ms(900), 1));
    CHECK_FALSE(in(Ms(900) - Time(1), 1));
    CHECK(in(Ms(1150), 1));
    CHECK_FALSE(in(Ms(1150) + Time(1), 1));
    CHECK(in(Ms(1250), 2));
    CHECK_FALSE(in(Ms(1250) + Time(1), 2));
    CHECK(ArpWindow{Ms(1000) + Ms(2147483647L) * 255L, Ms(2147483647), 255}.in(t, 255)); // no overflow
}

TEST_CASE("4.6 inspection: grace, candidate and role decide who is judged") {
    const ArpWindow window{Ms(10000), Ms(100), 2};
    const ArpSlave silent{
        .link = Link::up, .backup = false, .last_tx = Ms(9900), .rx = Ms(9000), .last_link_up = Ms(9000)};
    CHECK(inspect_active_backup(silent, window, false)->link == Link::down);
    auto slave = silent;
    slave.last_link_up = Ms(9750);
    CHECK_FALSE(inspect_active_backup(slave, window, false));
    slave = silent;
    slave.backup = true;
    CHECK(inspect_active_backup(slave, window, false)->link == Link::down);
    CHECK_FALSE(inspect_active_backup(slave, window, true)); // a search runs
    slave.rx = Ms(9650);
    CHECK_FALSE(inspect_active_backup(slave, window, false)); // one interval more patience
    slave = silent;
    slave.rx = Ms(9990);
    slave.last_tx = Ms(9000);
    CHECK(inspect_active_backup(slave, window, false)->reason == "no probe could be sent for 1000 ms (limit 250 ms)");
    slave.backup = true; // backups never send
    CHECK_FALSE(inspect_active_backup(slave, window, false));
    slave.link = Link::back;
    CHECK(inspect_active_backup(slave, window, true)->link == Link::up);
    slave.rx = Ms(9000);
    CHECK(inspect_active_backup(slave, window, true)->link == Link::fail);
    slave.link = Link::fail;
    CHECK_FALSE(inspect_active_backup(slave, window, true));
}

TEST_CASE("4.1 rx(s) with all targets: the first always counts") {
    std::array<Time, XB_MAX_TARGETS> times{};
    times.fill(Ms(50));
    times[0] = Ms(30);
    times[3] = Ms(10);
    CHECK(monitor::oldest_target(times, 0) == Ms(30));
    CHECK(monitor::oldest_target(times, 3) == Ms(30));
    CHECK(monitor::oldest_target(times, 4) == Ms(10));
    CHECK(monitor::oldest_target(times, 99) == Ms(10));
}

TEST_CASE("4.6 whom to probe next: after the candidate, round robin over those that are up") {
    using monitor::SearchSlave;
    const std::vector<SearchSlave> slaves{{4, true}, {7, true}, {1, false}, {2, true}};
    CHECK(monitor::next_candidate(slaves, no_slot) == 7);
    CHECK(monitor::next_candidate(slaves, 4) == 7);
    CHECK(monitor::next_candidate(slaves, 7) == 2);
    CHECK(monitor::next_candidate(slaves, 1) == 2);
    CHECK(monitor::next_candidate(slaves, 2) == 4);
    CHECK(monitor::next_candidate(slaves, 30) == 7); // gone
    const std::vector<SearchSlave> last{{4, false}, {7, true}};
    CHECK(monitor::next_candidate(last, 7) == 7);
    CHECK(monitor::next_candidate(std::vector<SearchSlave>{{4, false}}, 4) == no_slot);
    CHECK(monitor::next_candidate({}, no_slot) == no_slot);
}

TEST_CASE("monitors: of two verdicts the better and the worse") {
    const Link order[] = {Link::up, Link::back, Link::fail, Link::down};
    for (std::size_t i = 0; i < std::size(order); ++i) {
        for (std::size_t j = 0; j < std::size(order); ++j) {
            CHECK(monitor::better(order[i], order[j]) == order[std::min(i, j)]);
            CHECK(monitor::worse(order[i], order[j]) == order[std::max(i, j)]);
        }
    }
}
