// SPDX-License-Identifier: MIT
// A new controller goes on without a visible change; random histories never break what must always hold.
#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

core::BondState restored(const core::BondState &bond, Time now) {
    return core::restore(core::save(bond), bond.mtu, now);
}

// Every packet's walk along the fallback visits existing slaves, each once, until it ends or is back at its start.
void check_fallback(const core::BondState &bond, const core::Desired &desired) {
    std::map<SlotId, SlotId> next;
    for (const auto &slave : desired.slaves) {
        next[slave.slot] = slave.fallback;
    }
    for (const SlotId start : desired.pick) {
        std::set<SlotId> tried{start};
        for (SlotId slot = start == no_slot ? no_slot : next.at(start); slot != no_slot && slot != start;
             slot = next.at(slot)) {
            REQUIRE(core::find_slave(bond, slot) != nullptr);
            REQUIRE(core::find_slave(bond, slot)->up());
            REQUIRE(tried.insert(slot).second);
        }
    }
}

void check_invariants(const Lab &lab) {
    const core::BondState &bond = lab.bond;
    const auto desired = core::desired(bond);
    REQUIRE((bond.active == no_slot || core::find_slave(bond, bond.active) != nullptr));
    REQUIRE((bond.candidate == no_slot || bond.active == no_slot));
    REQUIRE((bond.candidate == no_slot || bond.options.arp_interval_ms > 0));
    REQUIRE((bond.primary == no_slot || core::find_slave(bond, bond.primary)->name == bond.options.primary));
    REQUIRE(desired.slaves.size() == bond.slaves.size());
    REQUIRE(desired.pick.size() <= bond.slaves.size());
    std::set<SlotId> slots;
    bool any_up = false;
    for (const Slave &slave : bond.slaves) {
        REQUIRE(slave.slot < XB_MAX_SLAVES);
        REQUIRE(slots.insert(slave.slot).second);
        any_up = any_up || slave.link == Link::up;
        const auto &options = bond.options;
        REQUIRE((options.miimon_ms == 0 || options.arp_interval_ms > 0 || slave.link == slave.mii));
        REQUIRE((options.arp_interval_ms == 0 || options.miimon_ms > 0 || slave.link == slave.arp));
        REQUIRE(
            (options.miimon_ms == 0 || options.arp_interval_ms == 0 || options.monitors != core::Monitors::exclusive));
        const bool in_use = slave.slot == bond.active || slave.slot == bond.candidate;
        if (bond.options.mode == Mode::active_backup) {
            REQUIRE((in_use || slave.backup));
            REQUIRE((slave.slot != bond.active || !slave.backup));
            REQUIRE(
                (slave.slot != bond.candidate || options.miimon_ms > 0 || slave.backup || slave.link == Link::back));
            REQUIRE((slave.link != Link::up || bond.active != no_slot));
        } else if (bond.options.arp_interval_ms == 0) {
            REQUIRE((!slave.backup || slave.link != Link::up));
        }
    }
    REQUIRE(desired.carrier == any_up);
    for (const SlotId slot : desired.pick) {
        REQUIRE((slot == no_slot || slots.count(slot) == 1));
    }
    check_fallback(bond, desired);
    if (core::deadline(bond)) {
        REQUIRE(*core::deadline(bond) >= lab.now);
    }
}

class Monkey {
public:
    Monkey(Lab &lab, std::mt19937 &random) : lab_(lab), random_(random) {}

    void act() {
        const auto dice = below(100);
        if (dice < 30) {
            flip_carrier();
        } else if (dice < 55) {
            lab_.walk(lab_.now + Ms(below(250)));
        } else if (dice < 65) {
            lab_.tell();
        } else if (dice < 75) {
            membership();
        } else if (dice < 90) {
            set_something();
        } else if (dice < 95) {
            lab_.handle(core::BondAdmin{below(4) != 0});
        } else if (dice < 98) {
            lab_.handle(core::BondMacSet{mac(static_cast<std::uint8_t>(below(255)))});
        } else {
            lab_.bond = restored(lab_.bond, lab_.now);
        }
    }

private:
    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
    std::string some_name() { return "e" + std::to_string(below(6)); }
    bool enslaved(const std::string &name) const {
        return core::find_slave(lab_.bond, std::string_view(name)) != nullptr;
    }

    void flip_carrier() {
        const std::string name = some_name();
        if (enslaved(name)) {
            lab_.carrier(name, below(2) == 0);
            lab_.alive(name, below(2) == 0);
            if (below(2) == 0) {
                lab_.tell();
            }
        }
    }
    void membership() {
        const std::string name = some_name();
        if (!enslaved(name)) {
            lab_.enslave(device(name, static_cast<std::uint8_t>(1 + below(250)), below(2) == 0));
        } else {
            lab_.release(name);
        }
    }
    void set_something() {
        static const OptionList values{{"miimon", "100"},
                                       {"miimon", "37"},
                                       {"miimon", "0"},
                                       {"arp_interval", "50"},
                                       {"arp_interval", "20"},
                                       {"arp_interval", "0"},
                                       {"arp_ip_target", "10.0.0.1,10.0.0.2"},
                                       {"arp_ip_target", "-10.0.0.1"},
                                       {"arp_validate", "all"},
                                       {"arp_validate", "none"},
                                       {"arp_all_targets", "all"},
                                       {"monitors", "any"},
                                       {"monitors", "all"},
                                       {"monitors", "exclusive"},
                                       {"updelay", "200"},
                                       {"updelay", "0"},
                                       {"downdelay", "150"},
                                       {"downdelay", "0"},
                                       {"primary", "e1"},
                                       {"primary", "e4"},
                                       {"primary", ""},
                                       {"active_slave", "e0"},
                                       {"active_slave", "e2"},
                                       {"active_slave", ""},
                                       {"primary_reselect", "failure"},
                                       {"primary_reselect", "better"},
                                       {"primary_reselect", "always"},
                                       {"num_grat_arp", "3"},
                                       {"peer_notif_delay", "200"},
                                       {"resend_igmp", "2"},
                                       {"all_slaves_active", "1"},
                                       {"all_slaves_active", "0"},
                                       {"fail_over_mac", "follow"},
                                       {"queue_id", "e1:4"},
                                       {"min_links", "3"}};
        const auto &option = values[below(static_cast<unsigned>(values.size()))];
        (void)core::set_options(lab_.bond, {&option, 1}, lab_.now); // may be refused
        const std::string name = some_name();
        if (enslaved(name)) {
            const OptionValue prio{"prio", std::to_string(static_cast<int>(below(5)) - 2)};
            (void)core::set_slave_options(lab_.bond, lab_.slot(name), {&prio, 1}, lab_.now);
        }
    }

    Lab &lab_;
    std::mt19937 &random_;
};

} // namespace

TEST_CASE("restore: the same desired state, links, counters and pending work, and no effects") {
    const std::string mode = GENERATE("balance-rr", "active-backup", "balance-xor", "broadcast");
    Lab lab(OptionList{
        {"mode", mode}, {"downdelay", "300"}, {"updelay", "200"}, {"num_grat_arp", "9"}, {"resend_igmp", "4"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.enslave("e2", false);
    lab.walk(lab.now + Ms(1000));
    lab.carrier("e0", false);
    lab.tell();
    lab.walk(lab.now + Ms(350));
    lab.carrier("e0", true);
    lab.tell();
    const core::BondState again = restored(lab.bond, lab.now);
    CHECK(core::desired(again) == core::desired(lab.bond));
    CHECK(again.carrier == lab.bond.carrier);
    CHECK(again.active == lab.bond.active);
    CHECK(again.slaves.size() == 3);
    for (const Slave &slave : lab.bond.slaves) {
        const Slave *twin = core::find_slave(again, slave.slot);
        REQUIRE(twin != nullptr);
        CHECK(twin->link == slave.link);
        CHECK(twin->failures == slave.failures);
        CHECK(twin->delay == slave.delay);
    }
    const auto before = core::save(lab.bond), after = core::save(again);
    CHECK(after.pending_notif == before.pending_notif);
    CHECK(after.pending_rejoin == before.pending_rejoin);
    CHECK(core::deadline(again).value() > lab.now);
    CHECK(core::deadline(again).value() <= lab.now + Ms(100));
}

TEST_CASE("restore: announcements and re-joins that were pending go on") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"num_grat_arp", "3"}, {"resend_igmp", "2"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.walk(lab.now + Ms(2000));
    lab.set("active_slave", "e1");
    lab.bond = restored(lab.bond, lab.now);
    lab.forget();
    lab.walk(lab.now + Ms(2000));
    CHECK(lab.announcements() == std::vector<int>{100, 200});
    CHECK(lab.rejoins() == std::vector<int>{1, 201});
}

TEST_CASE("restore: saved state that names what is not there is cut down") {
    Lab lab(OptionList{{"mode", "active-backup"}});
    lab.enslave("e0");
    auto saved = core::save(lab.bond);
    saved.active = 9;
    saved.primary = 31;
    saved.slaves.push_back(saved.slaves[0]);
    saved.slaves.push_back(saved.slaves[0]);
    saved.slaves.back().slot = 200;
    const auto bond = core::restore(saved, 1500, lab.now);
    CHECK(bond.slaves.size() == 1);
    CHECK(bond.active == no_slot);
    CHECK(bond.primary == no_slot);
}

TEST_CASE("20,000 random events never break what must always hold") {
    const std::string mode = GENERATE("balance-rr", "active-backup", "balance-xor", "broadcast");
    std::mt19937 random(7); // NOLINT: the same run every time
    Lab lab(OptionList{{"mode", mode}, {"resend_igmp", "1"}});
    Monkey monkey(lab, random);
    std::map<std::string, std::uint32_t> failures;
    for (int i = 0; i < 5000; ++i) {
        monkey.act();
        check_invariants(lab);
        std::map<std::string, std::uint32_t> now_failed;
        for (const Slave &slave : lab.bond.slaves) {
            const auto before = failures.find(slave.name);
            // A slave that came back after a release starts from 0.
            REQUIRE((before == failures.end() || slave.failures >= before->second || slave.failures == 0));
            now_failed[slave.name] = slave.failures;
        }
        failures = std::move(now_failed);
        lab.log.clear();
    }
}
