// SPDX-License-Identifier: MIT
// ARP/NS monitor (`arp.window`, `arp.balanced`, `arp.active`): windows, verdicts, probes, the search for a candidate.
#include <catch2/catch.hpp>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

// Slaves that hear the targets; now is the tick that probed them last.
class ArpLab : public Lab {
public:
    ArpLab(const std::string &mode, int slaves, const OptionList &more = {}) : Lab(with(mode, more)) {
        for (int i = 0; i < slaves; ++i) {
            const std::string name = "e" + std::to_string(i);
            enslave(name);
            alive(name, true);
        }
        ticks(4);
        forget();
        begin = now;
    }
    void alive_all(bool on) {
        for (const Slave &slave : bond.slaves) {
            alive(slave.name, on);
        }
    }
    // Milliseconds from the begin until the link is what is wanted, or -1.
    int when(const std::string &name, Link link) {
        for (int tick_count = 0; tick_count < 50; ++tick_count) {
            if (slave(name).link == link) {
                return static_cast<int>((now - begin) / Ms(1));
            }
            tick();
        }
        return -1;
    }
    Time begin{};

private:
    static OptionList with(const std::string &mode, const OptionList &more) {
        OptionList all{{"mode", mode}, {"arp_interval", "100"}, {"arp_ip_target", "10.0.0.1"}};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
};

std::vector<std::string> story(const Lab &lab, const std::string &machine) {
    std::vector<std::string> lines;
    for (const auto &[when, t] : lab.seen<Transition>()) {
        if (t.machine == machine) {
            lines.push_back(t.slave + " " + t.from + " > " + t.to);
        }
    }
    return lines;
}

} // namespace

TEST_CASE("P1 balance-rr: last reception at 0, DOWN at the first tick after 250, which is 300") {
    ArpLab lab("balance-rr", 2);
    lab.alive("e0", false);
    CHECK(lab.when("e0", Link::down) == 300);
    CHECK(lab.slave("e0").failures == 1);
    CHECK(lab.slave("e0").backup);
    CHECK(lab.slave("e0").reason == "nothing heard for 300 ms (limit 250 ms)");
    CHECK(lab.slave("e1").link == Link::up);
    CHECK(lab.active() == "e1"); // e0 was the one for IGMP
    CHECK(lab.picks() == std::vector<std::string>{"e1", "e1"});
    lab.ticks(20);
    CHECK(lab.slave("e0").failures == 1);
}

TEST_CASE("P1 arp_missed_max decides on the limit") {
    const auto [missed, down_at] = GENERATE(std::pair(1, 200), std::pair(2, 300), std::pair(7, 800));
    ArpLab lab("balance-xor", 2, {{"arp_missed_max", std::to_string(missed)}});
    lab.alive("e1", false);
    CHECK(lab.when("e1", Link::down) == down_at);
}

TEST_CASE("P2 a slave that is DOWN and hears something is UP at the next tick if that is within 150 ms") {
    ArpLab lab("broadcast", 1);
    lab.alive_all(false);
    REQUIRE(lab.when("e0", Link::down) == 300);
    CHECK_FALSE(lab.bond.carrier);
    CHECK(lab.active().empty());
    SECTION("in time") {
        lab.advance(Ms(50));
        lab.hear("e0");
        lab.tick();
        CHECK(lab.slave("e0").link == Link::up);
        CHECK_FALSE(lab.slave("e0").backup);
        CHECK(lab.slave("e0").reason == "heard something 50 ms ago");
        CHECK(lab.bond.carrier);
        CHECK(lab.active() == "e0");
    }
    SECTION("too long ago") {
        lab.hear("e0");
        lab.advance(Ms(151));
        lab.tell();
        CHECK(lab.slave("e0").link == Link::down);
    }
    SECTION("no probe within the window") {
        lab.can_probe(false);
        lab.ticks(2);
        lab.hear("e0");
        lab.tick();
        CHECK(lab.slave("e0").link == Link::down);
    }
}

TEST_CASE("4.5 every slave that is up is probed every interval; without carrier none") {
    ArpLab lab("balance-xor", 3);
    lab.carrier("e1", false);
    lab.ticks(2);
    CHECK(lab.probes() == std::vector<std::string>{"e0 100", "e2 100", "e0 200", "e2 200"});
    CHECK(lab.slave("e1").link == Link::up); // until the window is over
    CHECK(lab.picks() == std::vector<std::string>{"e0", "e2"});
    lab.ticks(2);
    CHECK(lab.slave("e1").link == Link::down);
}

TEST_CASE("4.8 without targets nothing is sent: slaves go down and stay down") {
    ArpLab lab("balance-rr", 2);
    lab.set("arp_ip_target", "");
    lab.can_probe(false);
    CHECK(lab.when("e0", Link::down) == 300);
    CHECK_THAT(lab.slave("e0").reason, Catch::Contains("no"));
    lab.ticks(10);
    CHECK(lab.slave("e0").link == Link::down);
}

TEST_CASE("4.5 frames that arrive but no probe that leaves: DOWN, and the reason says so") {
    ArpLab lab("balance-rr", 1);
    lab.can_probe(false);
    while (lab.slave("e0").link == Link::up && lab.now < lab.begin + Ms(1000)) {
        lab.hear("e0");
        lab.tick();
    }
    CHECK(lab.now == lab.begin + Ms(300));
    CHECK(lab.slave("e0").reason == "no probe could be sent for 300 ms (limit 250 ms)");
}

TEST_CASE("P3 active-backup: the active slave's last reception at 0, DOWN at 3 intervals, failover in the same tick") {
    ArpLab lab("active-backup", 2);
    lab.walk(lab.now + Ms(1000));
    lab.begin = lab.now;
    lab.alive_all(false);
    lab.forget();
    CHECK(lab.when("e0", Link::down) == 300);
    CHECK(lab.active() == "e1");
    CHECK(lab.slave("e0").backup);
    CHECK(lab.suppressed("e0"));
    CHECK(lab.probes() == std::vector<std::string>{"e0 100", "e0 200", "e1 300"});
    CHECK(lab.announcements() == std::vector<int>{300});
}

TEST_CASE("P3 active-backup: the active slave is healthy, a backup's last reception at 0, backup DOWN at 4 intervals") {
    ArpLab lab("active-backup", 2);
    lab.alive("e1", false);
    CHECK(lab.when("e1", Link::down) == 400);
    CHECK(lab.slave("e1").reason == "nothing heard for 400 ms (limit 350 ms)");
    CHECK(lab.slave("e1").failures == 1);
    CHECK(lab.active() == "e0");
    lab.alive("e1", true); // it hears the active slave's requests again
    CHECK(lab.when("e1", Link::up) > 400);
    CHECK(lab.active() == "e0");
}

TEST_CASE("P4 a slave made active at 0 that never hears anything: not DOWN before 250, DOWN at 300") {
    ArpLab lab("active-backup", 2);
    lab.alive_all(false);
    lab.set("active_slave", "e1");
    CHECK(lab.when("e1", Link::down) == 300);
}

TEST_CASE("P4 a fresh slave that never hears anything: DOWN at 300 after its enslavement") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"arp_interval", "100"}, {"arp_ip_target", "10.0.0.1"}});
    const Time begin = lab.now;
    lab.enslave("e0");
    CHECK(core::deadline(lab.bond) == lab.now); // the first tick at once
    while (lab.slave("e0").link == Link::up && lab.now < begin + Ms(1000)) {
        lab.tick();
    }
    CHECK(lab.now == begin + Ms(300));
    CHECK_FALSE(lab.bond.carrier);
}

TEST_CASE("P5 no active slave: the second is probed first, then one an interval in turn, each BACK and then FAIL") {
    ArpLab lab("active-backup", 3);
    lab.alive_all(false);
    lab.walk(lab.now + Ms(300));
    while (!lab.active().empty() && lab.now < lab.begin + Ms(2000)) {
        lab.tick();
    }
    REQUIRE(lab.active().empty());
    REQUIRE(lab.bond.candidate == lab.slot("e1"));
    CHECK(lab.picks().empty()); // transmits are dropped
    CHECK_FALSE(lab.bond.carrier);
    CHECK_FALSE(lab.suppressed("e1"));
    CHECK(lab.suppressed("e0"));
    std::string order;
    for (int i = 0; i < 6; ++i) {
        const std::string name = core::find_slave(lab.bond, lab.bond.candidate)->name;
        order += name + " ";
        CHECK(lab.slave(name).link == Link::back);
        CHECK(lab.slave(name).last_link_up == lab.now);
        lab.tick();
        CHECK(lab.slave(name).link == Link::fail);
        CHECK(lab.slave(name).backup);
        CHECK(lab.suppressed(name));
        CHECK(lab.slave(name).reason == "no answer to the probe");
    }
    CHECK(order == "e1 e2 e0 e1 e2 e0 ");
    CHECK(lab.slave("e1").failures == 1); // the search counts none
    CHECK_FALSE(story(lab, "search").empty());
}

TEST_CASE("P5 slaves without carrier are left out of the search; none is left, none is probed") {
    ArpLab lab("active-backup", 3);
    lab.alive_all(false);
    lab.carrier("e1", false);
    while (!lab.active().empty() && lab.now < lab.begin + Ms(2000)) {
        lab.tick();
    }
    lab.forget();
    lab.ticks(3);
    CHECK(lab.probes() == std::vector<std::string>{"e0 100", "e2 200", "e0 300"});
    lab.carrier("e0", false);
    lab.carrier("e2", false);
    lab.forget();
    lab.ticks(3);
    CHECK(lab.probes().empty());
    lab.carrier("e2", true);
    lab.tick();
    CHECK(lab.probes() == std::vector<std::string>{"e2 400"});
}

TEST_CASE("P5 a single slave is probed every interval") {
    ArpLab lab("active-backup", 1);
    lab.alive_all(false);
    REQUIRE(lab.when("e0", Link::back) > 0);
    lab.forget();
    lab.ticks(2);
    CHECK(lab.probes() == std::vector<std::string>{"e0 100", "e0 200"});
    CHECK(lab.bond.candidate == lab.slot("e0"));
}

TEST_CASE("P6 a candidate that hears a reply: link UP, candidate cleared, active, announcements start") {
    ArpLab lab("active-backup", 3, {{"num_grat_arp", "2"}});
    lab.alive_all(false);
    while (!lab.active().empty() && lab.now < lab.begin + Ms(2000)) {
        lab.tick();
    }
    REQUIRE(lab.bond.candidate == lab.slot("e1"));
    lab.alive("e2", true);
    lab.tick(); // probes e2
    lab.forget();
    lab.tick();
    CHECK(lab.slave("e2").link == Link::up);
    CHECK(lab.bond.candidate == no_slot);
    CHECK(lab.active() == "e2");
    CHECK(lab.bond.carrier);
    CHECK_FALSE(lab.suppressed("e2"));
    CHECK(lab.suppressed("e1"));
    lab.ticks(3);
    CHECK(lab.announcements() == std::vector<int>{100, 200});
    CHECK(lab.probes() == std::vector<std::string>{"e2 100", "e2 200", "e2 300", "e2 400"});
}

TEST_CASE("P6 a slave that is enslaved during the search becomes active; the candidate stops listening") {
    ArpLab lab("active-backup", 2);
    lab.alive_all(false);
    while (!lab.active().empty() && lab.now < lab.begin + Ms(2000)) {
        lab.tick();
    }
    lab.enslave("e9");
    CHECK(lab.active() == "e9");
    CHECK(lab.bond.candidate == no_slot);
    CHECK(lab.suppressed("e0"));
    CHECK(lab.suppressed("e1"));
}

TEST_CASE("P6 the candidate is released, or the bond closed: no candidate is left") {
    ArpLab lab("active-backup", 2);
    lab.alive_all(false);
    while (!lab.active().empty() && lab.now < lab.begin + Ms(2000)) {
        lab.tick();
    }
    REQUIRE(lab.bond.candidate == lab.slot("e1"));
    SECTION("released") { lab.release("e1"); }
    SECTION("closed") { lab.handle(core::BondAdmin{false}); }
    SECTION("the monitor is switched off") { lab.set("arp_interval", "0"); }
    CHECK(lab.bond.candidate == no_slot);
    CHECK(lab.suppressed("e0"));
}

TEST_CASE("P7 while the active slave is fine no backup is probed") {
    ArpLab lab("active-backup", 3);
    lab.ticks(10);
    const auto sent = lab.seen<core::SendProbes>();
    CHECK(sent.size() == 10);
    for (const auto &[when, probes] : sent) {
        CHECK(probes.slot == lab.slot("e0"));
    }
    for (const Slave &slave : lab.bond.slaves) {
        CHECK(slave.link == Link::up);
    }
}

TEST_CASE("P7 a primary that comes back takes over, as primary_reselect says") {
    const std::string rule = GENERATE("always", "failure");
    ArpLab lab("active-backup", 2, {{"primary", "e0"}, {"primary_reselect", rule}});
    lab.ticks(3);
    lab.alive("e0", false);
    REQUIRE(lab.when("e0", Link::down) > 0);
    REQUIRE(lab.active() == "e1");
    lab.ticks(5);
    lab.alive("e0", true); // hears e1's requests
    lab.ticks(2);
    CHECK(lab.slave("e0").link == Link::up);
    CHECK(lab.active() == (rule == "always" ? "e0" : "e1"));
}

TEST_CASE("P12 two targets of which one answers: arp_all_targets all takes the active slave down, any does not") {
    const std::string which = GENERATE("all", "any");
    ArpLab lab("active-backup", 1,
               {{"arp_ip_target", "10.0.0.1,10.0.0.2"}, {"arp_validate", "all"}, {"arp_all_targets", which}});
    lab.ticks(10);
    REQUIRE(lab.slave("e0").link == Link::up);
    lab.answers(1, false);
    lab.begin = lab.now;
    if (which == "all") {
        CHECK(lab.when("e0", Link::down) == -1); // it is searched for at once
        CHECK(lab.slave("e0").failures > 0);
        CHECK(lab.active().empty());
    } else {
        lab.ticks(20);
        CHECK(lab.slave("e0").link == Link::up);
    }
}

TEST_CASE("P12 arp_all_targets means nothing to the load-balancing monitor") {
    ArpLab lab("balance-rr", 1,
               {{"arp_ip_target", "10.0.0.1,10.0.0.2"}, {"arp_validate", "all"}, {"arp_all_targets", "all"}});
    lab.answers(1, false);
    lab.ticks(20);
    CHECK(lab.slave("e0").link == Link::up);
}

TEST_CASE("4.1 the monitor acts on its ticks only, and not on what some slaves report") {
    ArpLab lab("balance-rr", 2);
    lab.alive_all(false);
    lab.advance(Ms(50));
    lab.tell();
    CHECK(lab.probes().empty());
    CHECK(core::deadline(lab.bond) == lab.begin + Ms(100));
    lab.advance(Ms(60));
    auto some = lab.observe();
    some.links.pop_back();
    lab.handle(some);
    CHECK(lab.probes().empty());
    CHECK(core::deadline(lab.bond) == lab.begin + Ms(100)); // still due
    lab.tell();
    CHECK(lab.probes().size() == 2);
    CHECK(core::deadline(lab.bond) == lab.begin + Ms(200));
}

TEST_CASE("4.1 a tick that comes late is not the slaves' fault, but silence ends all the same") {
    ArpLab lab("balance-rr", 1, {{"arp_validate", "all"}});
    SECTION("a healthy slave survives a dead time of any length") {
        lab.advance(Ms(100000));
        lab.tell();
        CHECK(lab.slave("e0").link == Link::up);
        lab.ticks(5);
        CHECK(lab.slave("e0").link == Link::up);
    }
    SECTION("a dead one is found by a controller that is always late") {
        lab.alive("e0", false);
        int ticks = 0;
        for (; lab.slave("e0").link == Link::up && ticks < 100; ++ticks) {
            lab.now = *core::deadline(lab.bond) + Ms(90);
            lab.tell();
        }
        CHECK(ticks < 40);
    }
}

TEST_CASE("4.8 the monitor's interval goes down to 5 ms") {
    ArpLab lab("active-backup", 2);
    lab.set("arp_interval", "5");
    lab.ticks(20);
    CHECK(lab.slave("e0").link == Link::up);
    lab.begin = lab.now;
    lab.alive("e0", false);
    CHECK(lab.when("e0", Link::down) == 15);
    CHECK(lab.active() == "e1");
}

TEST_CASE("4.8 a change of the monitor or of its interval takes no healthy slave down") {
    ArpLab lab("active-backup", 2);
    lab.set("arp_interval", "2000");
    lab.walk(lab.now + Ms(9000));
    lab.set("arp_interval", "50");
    lab.walk(lab.now + Ms(500));
    lab.set("miimon", "100");
    lab.walk(lab.now + Ms(5000));
    lab.set("arp_interval", "50");
    lab.walk(lab.now + Ms(500));
    lab.handle(core::BondAdmin{false});
    lab.walk(lab.now + Ms(5000));
    lab.handle(core::BondAdmin{true});
    lab.walk(lab.now + Ms(500));
    CHECK(lab.active() == "e0");
    CHECK(story(lab, "link").empty());
    CHECK(lab.slave("e0").failures == 0);
}

TEST_CASE("4.8 a monitor takes the links over as the other left them") {
    ArpLab lab("active-backup", 2);
    lab.alive("e0", false);
    REQUIRE(lab.when("e0", Link::down) > 0);
    lab.set("miimon", "100");
    CHECK(lab.slave("e0").link == Link::down);
    lab.tick(); // its carrier was on all the time
    CHECK(lab.slave("e0").link == Link::up);
    lab.carrier("e1", false);
    lab.tick();
    lab.set("arp_interval", "100");
    CHECK(lab.slave("e1").link == Link::down);
}

TEST_CASE("4.8 an active slave that waits for downdelay when the ARP monitor starts is judged by its silence") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"miimon", "100"}, {"downdelay", "5000"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.carrier("e0", false);
    lab.tick();
    REQUIRE(lab.slave("e0").link == Link::fail);
    lab.set("arp_ip_target", "10.0.0.1");
    lab.set("arp_interval", "100");
    CHECK(lab.slave("e0").link == Link::up);
    lab.alive("e1", true);
    lab.walk(lab.now + Ms(300));
    CHECK(lab.slave("e0").link == Link::down);
    lab.walk(lab.now + Ms(300));
    CHECK(lab.active() == "e1");
}

TEST_CASE("1.5 a slave is enslaved UP with carrier and DOWN without") {
    ArpLab lab("active-backup", 1);
    lab.enslave("e7");
    lab.enslave("e8", false);
    CHECK(lab.slave("e7").link == Link::up);
    CHECK(lab.slave("e8").link == Link::down);
    const Time expected = lab.now - Ms(101);
    CHECK(lab.slave("e7").last_rx == expected);
    CHECK(lab.slave("e7").last_tx == expected);
    CHECK(lab.slave("e7").target_rx[0] == expected);
    CHECK(lab.slave("e7").target_rx[15] == expected);
}

TEST_CASE("4.1 the monitor runs only while the bond is up and has slaves") {
    Lab lab(OptionList{{"arp_interval", "100"}, {"arp_ip_target", "10.0.0.1"}}, true, false);
    lab.enslave("e0");
    CHECK_FALSE(core::deadline(lab.bond));
    lab.handle(core::BondAdmin{true});
    CHECK(core::deadline(lab.bond) == lab.now);
    lab.tick();
    CHECK(lab.probes() == std::vector<std::string>{"e0 0"});
    lab.set("arp_interval", "100"); // the same again keeps the grid
    CHECK(core::deadline(lab.bond) == lab.now + Ms(100));
    lab.release("e0");
    CHECK_FALSE(core::deadline(lab.bond));
}
