// SPDX-License-Identifier: MIT
// From what is seen of a bond to a plan, to its undo, and to what is said of the loss.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "user/cli/migrate/plan.h"

using namespace xbond;
using namespace xbond::cli::migrate;

namespace {

// As look() made it of a bond of bonding.ko on Linux 6.12.
Snapshot seen(Mode mode = Mode::active_backup) {
    Snapshot s;
    s.bond = "bond0";
    s.ifindex = 10;
    s.mode = mode;
    s.mac = MacAddr{{2, 0, 0, 0, 0, 1}};
    s.mtu = 1400;
    s.up = true;
    s.slaves = {{.name = "e0", .usable = true, .active = true}, {.name = "e1", .usable = true}};
    return s;
}

std::vector<std::string> texts(const std::vector<Step> &steps, const Snapshot &s) {
    std::vector<std::string> out;
    for (const auto &step : steps) {
        out.push_back(text(step, s));
    }
    return out;
}
using Lines = std::vector<std::string>;

Sample sample(double ms, std::uint64_t sent, std::uint64_t received) {
    return {static_cast<std::int64_t>(ms * 1e6), sent, received};
}

} // namespace

TEST_CASE("migrate: the new bond can send before the old one loses anything, the active slave comes last") {
    const auto s = seen();
    CHECK(texts(plan(s), s) == Lines{"make the xbond bond xbn10, mode active-backup", "set up xbn10 as bond0",
                                     "e1 leaves bond0", "e1 becomes a slave of xbn10", "wait for the link of e1",
                                     "wait until xbn10 can send", "look again at what is to be carried",
                                     "rename bond0 to xbo10", "rename xbn10 to bond0",
                                     "carry addresses, neighbours and routes over: xbo10 -> bond0",
                                     "announce the addresses", "e0 leaves xbo10", "e0 becomes a slave of bond0",
                                     "wait for the link of e0", "delete the kernel bond xbo10"});
}

TEST_CASE("migrate: where devices that are up cannot be renamed, the old bond is renamed while nothing else is there") {
    auto s = seen();
    s.live_rename = false;
    CHECK(texts(plan(s), s) == Lines{"rename bond0 to xbo10 (down for a moment)",
                                     "make the xbond bond bond0, mode active-backup", "set up bond0 as xbo10",
                                     "e1 leaves xbo10", "e1 becomes a slave of bond0", "wait for the link of e1",
                                     "wait until bond0 can send", "look again at what is to be carried",
                                     "carry addresses, neighbours and routes over: xbo10 -> bond0",
                                     "announce the addresses", "e0 leaves xbo10", "e0 becomes a slave of bond0",
                                     "wait for the link of e0", "delete the kernel bond xbo10"});
}

TEST_CASE("migrate: back is the same with the sides exchanged") {
    auto s = seen();
    s.from = Side::xbond;
    const auto steps = texts(plan(s), s);
    CHECK(steps.front() == "make the kernel bond xbn10, mode active-backup");
    CHECK(steps.back() == "delete the xbond bond xbo10");
}

TEST_CASE("migrate: VLAN devices are made anew on the new bond, those below first, and what they hold is carried") {
    auto s = seen();
    s.vlans = {{"bond0.5", "bond0", 11}, {"q7", "bond0.5", 12}};
    const auto steps = plan(s);
    const auto look = std::ranges::find_if(steps, [](const Step &x) { return std::holds_alternative<Look>(x); });
    REQUIRE(look != steps.end());
    CHECK(std::get<Look>(*look).devices == Lines{"bond0", "bond0.5", "q7"});
    const std::vector<Step> behind(look + 3, look + 10);
    CHECK(behind == std::vector<Step>{Rename{"bond0.5", "xbo11"}, MakeVlan{"bond0.5", "bond0", "xbo11"},
                                      Prepare{"xbo11", "bond0.5"}, Rename{"q7", "xbo12"},
                                      MakeVlan{"q7", "bond0.5", "xbo12"}, Prepare{"xbo12", "q7"},
                                      Carry{{{"xbo10", "bond0"}, {"xbo11", "bond0.5"}, {"xbo12", "q7"}}}});
}

TEST_CASE("migrate: a slave without a link follows when the others are done, and nobody waits for it") {
    auto s = seen();
    s.slaves.insert(s.slaves.begin(), {.name = "dead"});
    const auto steps = plan(s);
    const auto at = [&](const Step &step) { return std::ranges::find(steps, step) - steps.begin(); };
    CHECK(at(Enslave{Side::xbond, "xbn10", "e1"}) < at(Enslave{Side::xbond, "bond0", "dead"}));
    CHECK(std::ranges::find(steps, Step(Await{Side::xbond, "bond0", "dead"})) == steps.end());
}

TEST_CASE("migrate: with one slave that has a link the addresses change first, and the pause is told") {
    auto s = seen();
    s.slaves = {{.name = "e0", .usable = true, .active = true, .hardware = true}};
    const auto steps = plan(s);
    const auto at = [&](const Step &step) { return std::ranges::find(steps, step) - steps.begin(); };
    CHECK(at(Carry{{{"xbo10", "bond0"}}}) < at(Release{Side::kernel, "xbo10", "e0"}));
    CHECK(at(Await{Side::xbond, "bond0", ""}) < at(Remove{Side::kernel, "xbo10"}));
    CHECK(expected(s).sent_ms >= 5000);
    CHECK(expected(seen()).sent_ms <= 20);
    CHECK(expected(seen()).received_ms <= 20);
    CHECK(expected(seen(Mode::balance_xor)).received_ms > 20);
}

TEST_CASE("migrate: a bond that is down is waited for nowhere") {
    auto s = seen();
    s.up = false;
    for (const auto &step : plan(s)) {
        CHECK_FALSE(std::holds_alternative<Await>(step));
        CHECK_FALSE(std::holds_alternative<Announce>(step));
    }
}

TEST_CASE("migrate: an undo walks back over what was done, under the names of then, and gives back what was held") {
    const auto s = seen();
    const auto steps = plan(s);
    const auto back = undo(std::span(steps).first(steps.size() - 1), s); // all but the end of the old bond
    CHECK(texts(back, s) ==
          Lines{"e0 leaves bond0", "e0 becomes a slave of xbo10", "wait for the link of e0",
                "look again at what is to be carried", "carry addresses, neighbours and routes over: bond0 -> xbo10",
                "rename bond0 to xbn10", "rename xbo10 to bond0", "e1 leaves xbn10", "e1 becomes a slave of bond0",
                "wait for the link of e1", "delete the xbond bond xbn10", "give bond0 back what it had"});
    CHECK(texts(undo({}, s), s) == Lines{"give bond0 back what it had"});
}

TEST_CASE("migrate: after every beginning of a plan and its undo each slave is where it was and each name as it was") {
    for (const bool live : {true, false}) {
        auto s = seen();
        s.live_rename = live;
        s.vlans = {{"bond0.5", "bond0", 11}};
        const auto steps = plan(s);
        for (std::size_t n = 0; n < steps.size(); ++n) {
            const auto done = std::span(steps).first(n);
            auto all = std::vector<Step>(done.begin(), done.end());
            const auto back = undo(done, s);
            all.insert(all.end(), back.begin(), back.end());
            std::map<std::string, std::string> devices{{"bond0", "old"}, {"bond0.5", "old vlan"}}; // by name
            std::map<std::string, std::string> bond_of{{"e0", "old"}, {"e1", "old"}};
            std::map<std::string, std::string> address_on{{"bond", "old"}, {"vlan", "old vlan"}};
            for (const auto &step : all) {
                if (const auto *make = std::get_if<Make>(&step)) {
                    devices[make->name] = "new";
                } else if (const auto *vlan = std::get_if<MakeVlan>(&step)) {
                    devices[vlan->name] = "new vlan";
                } else if (const auto *rename = std::get_if<Rename>(&step)) {
                    REQUIRE(devices.contains(rename->from));
                    REQUIRE_FALSE(devices.contains(rename->to));
                    devices[rename->to] = devices[rename->from];
                    devices.erase(rename->from);
                } else if (const auto *release = std::get_if<Release>(&step)) {
                    REQUIRE(bond_of[release->slave] == devices.at(release->bond));
                    bond_of[release->slave] = "";
                } else if (const auto *enslave = std::get_if<Enslave>(&step)) {
                    bond_of[enslave->slave] = devices.at(enslave->bond);
                } else if (const auto *carry = std::get_if<Carry>(&step)) {
                    for (const auto &[from, to] : carry->devices) {
                        for (auto &[what, where] : address_on) {
                            where = where == devices.at(from) ? devices.at(to) : where;
                        }
                    }
                } else if (const auto *drop = std::get_if<Drop>(&step)) {
                    devices.erase(drop->name);
                } else if (const auto *remove = std::get_if<Remove>(&step)) {
                    devices.erase(remove->name);
                }
            }
            INFO(n << " steps, " << (live ? "live" : "not live"));
            CHECK(devices == std::map<std::string, std::string>{{"bond0", "old"}, {"bond0.5", "old vlan"}});
            CHECK(bond_of == std::map<std::string, std::string>{{"e0", "old"}, {"e1", "old"}});
            CHECK(address_on == std::map<std::string, std::string>{{"bond", "old"}, {"vlan", "old vlan"}});
        }
    }
}

TEST_CASE("migrate: the pause is the longest time without a packet, the loss what would have gone in it") {
    std::vector<Sample> samples; // a packet a millisecond, none for 40 ms to receive, 5 ms to send
    std::uint64_t sent = 0, received = 0;
    for (int ms = 0; ms < 1000; ++ms) {
        sent += ms > 600 && ms <= 604 ? 0 : 1;
        received += ms > 600 && ms <= 639 ? 0 : 1;
        samples.push_back(sample(ms, sent, received));
    }
    const auto lost = measured(samples, 500'000'000);
    CHECK(lost.sent.packets_per_s == Approx(1000));
    CHECK(lost.sent.longest_ms == Approx(5));
    CHECK(lost.sent.lost == Approx(4));
    CHECK(lost.received.longest_ms == Approx(40));
    CHECK(lost.received.lost == Approx(39));
}

TEST_CASE("migrate: where nothing went before, nothing is said to be lost; a pause at the end counts") {
    std::vector<Sample> samples;
    for (int ms = 0; ms < 100; ++ms) {
        samples.push_back(sample(ms, static_cast<std::uint64_t>(std::min(ms, 60)), 0));
    }
    const auto lost = measured(samples, 50'000'000);
    CHECK(lost.received.packets_per_s == 0);
    CHECK(lost.received.lost == 0);
    CHECK(lost.sent.longest_ms == Approx(39));
    CHECK(measured({}, 0).sent.lost == 0);
}
