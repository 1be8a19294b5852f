// SPDX-License-Identifier: MIT
// Mode 802.3ad from the first enslavement to DISTRIBUTING by step() alone: two bonds, each the other's partner, in
// virtual time. Asserted is the order of effects: out of the tables - PDU - into the tables.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

using Lines = std::vector<std::string>;

const std::string both = "e0 e1 send, e0 e1 hear";

// In what order a step asks for it: "e0 send, e0 e1 hear" is what the tables come to be, "pdu e1 in" an actor that
// distributes.
Lines lines_of(const core::BondState &bond, const Effects &effects) {
    Lines lines;
    const auto name = [&](SlotId slot) { // the one who leaves has no name any more
        const Slave *slave = core::find_slave(bond, slot);
        return slave == nullptr ? std::string("gone") : slave->name;
    };
    for (const auto &effect : effects) {
        if (const auto *publish = std::get_if<core::Publish>(&effect)) {
            std::string line;
            for (const SlotId slot : publish->desired.pick) {
                line += name(slot) + " ";
            }
            line += "send, ";
            for (const auto &slave : publish->desired.slaves) {
                line += slave.suppress ? "" : name(slave.slot) + " ";
            }
            lines.push_back(line + "hear");
        } else if (const auto *send = std::get_if<core::SendSlow>(&effect)) {
            const auto pdu = lacp::classify(send->bytes, {}).pdu;
            lines.push_back("pdu " + name(send->slot) + (pdu.actor.has(lacp::flag::distributing) ? " in" : " out"));
        }
    }
    return lines;
}

// Slot n of one is cabled to slot n of the other.
class Pair {
public:
    Pair() {
        for (Side &side : sides_) {
            const auto number = static_cast<std::uint8_t>(&side - sides_.data());
            side.bond.name = "bond" + std::to_string(number);
            side.bond.mac = mac(static_cast<std::uint8_t>(0xb0 + number));
            side.bond.mac_is_random = false;
            keep(side, core::set_options(side.bond, OptionList{{"mode", "802.3ad"}}, now_).value());
            keep(side, core::step(side.bond, core::BondAdmin{true}, now_));
        }
    }

    void enslave(const std::string &name) { // on both sides
        for (Side &side : sides_) {
            const auto facts = device(name, next_mac_++);
            const auto plan = core::plan_enslave(side.bond, facts, mac(0xaa)).value();
            keep(side, core::enslave(side.bond, facts, plan, now_));
        }
        deliver();
    }
    void release(std::size_t number, const std::string &name) {
        Side &side = sides_.at(number);
        const SlotId slot = core::find_slave(side.bond, std::string_view(name))->slot;
        const auto plan = core::plan_release(side.bond, slot, mac(0xaa)).value();
        keep(side, core::release(side.bond, slot, plan, now_));
        deliver();
    }
    void carrier(std::size_t number, const std::string &name, bool on) {
        Side &side = sides_.at(number);
        keep(side, core::step(side.bond, observe(side, name, on), now_));
        deliver();
    }
    void set_up(std::size_t number, bool up) {
        keep(sides_.at(number), core::step(sides_.at(number).bond, core::BondAdmin{up}, now_));
        deliver();
    }
    void not_sent(std::size_t number, SlotId slot) {
        keep(sides_.at(number), core::step(sides_.at(number).bond, core::SlowNotSent{slot}, now_));
    }

    void run_for(Ms time) {
        const Time end = now_ + time;
        for (auto due = next(); due && *due <= end; due = next()) {
            now_ = std::max(now_, *due);
            for (Side &side : sides_) {
                act(side);
            }
            deliver();
        }
        now_ = end;
    }

    const core::BondState &bond(std::size_t number) const { return sides_.at(number).bond; }
    const std::vector<Lines> &steps(std::size_t number) const { return sides_.at(number).steps; }
    // Those that ended with this.
    std::vector<Lines> steps_to(std::size_t number, const std::string &line) const {
        std::vector<Lines> found;
        std::ranges::copy_if(sides_.at(number).steps, std::back_inserter(found),
                             [&](const Lines &lines) { return !lines.empty() && lines.back() == line; });
        return found;
    }
    void forget() {
        for (Side &side : sides_) {
            side.steps.clear();
        }
    }
    int transitions_to(std::size_t number, const std::string &state) const {
        return static_cast<int>(std::ranges::count(sides_.at(number).mux, state));
    }

private:
    struct Side {
        core::BondState bond;
        std::vector<core::SlowFrame> inbox;
        std::vector<Lines> steps;
        std::vector<std::string> mux; // states entered
    };

    core::LinksObserved observe(const Side &side, const std::string &changed = {}, bool on = true) const {
        core::LinksObserved all;
        for (const Slave &slave : side.bond.slaves) {
            const bool carrier = slave.name == changed ? on : slave.carrier;
            all.links.push_back({.slot = slave.slot,
                                 .running = true,
                                 .carrier = carrier,
                                 .speed = 1000,
                                 .duplex = core::duplex_full,
                                 .stamps = {}});
        }
        return all;
    }

    std::optional<Time> next() const {
        const auto first = core::deadline(sides_[0].bond), second = core::deadline(sides_[1].bond);
        return first && second ? std::min(first, second) : first ? first : second;
    }

    void act(Side &side) {
        if (core::lacp_due(side.bond, now_)) {
            keep(side, core::step(side.bond, core::SlowFrames{std::exchange(side.inbox, {}), true}, now_));
        }
        if (core::links_due(side.bond, now_)) {
            keep(side, core::step(side.bond, observe(side), now_));
        }
    }

    // What they say to each other until nobody has anything to answer.
    void deliver() {
        while (!sides_[0].inbox.empty() || !sides_[1].inbox.empty()) {
            for (Side &side : sides_) {
                if (!side.inbox.empty()) {
                    keep(side, core::step(side.bond, core::SlowFrames{std::exchange(side.inbox, {})}, now_));
                }
            }
        }
    }

    void keep(Side &side, const Effects &effects) {
        Side &other = sides_[&side == sides_.data() ? 1 : 0];
        side.steps.push_back(lines_of(side.bond, effects));
        for (const auto &effect : effects) {
            if (const auto *send = std::get_if<core::SendSlow>(&effect)) {
                other.inbox.push_back({send->slot, send->bytes, now_});
            } else if (const auto *t = std::get_if<Transition>(&effect); t != nullptr && t->machine == "mux") {
                side.mux.push_back(t->to);
            }
        }
    }

    std::array<Side, 2> sides_;
    Time now_ = Ms(1000);
    std::uint8_t next_mac_ = 1;
};

Pair two_links() {
    Pair pair;
    pair.enslave("e0");
    pair.run_for(Ms(5000));
    pair.enslave("e1");
    pair.run_for(Ms(5000));
    return pair;
}

// A second port hears, tells its partner so, and sends when the partner has told the same.
bool is_told_before_use(const Pair &pair, std::size_t side) {
    bool hears = false, told = false;
    for (const Lines &step : pair.steps(side)) {
        for (const auto &line : step) {
            hears = hears || line == "e0 send, e0 e1 hear";
            told = told || (hears && line == "pdu e1 in");
            if (line == both) {
                return told;
            }
        }
    }
    return false;
}

} // namespace

TEST_CASE("802.3ad by step alone: who joins is told of first, and in the tables then") {
    Pair pair = two_links();
    for (const std::size_t side : {0U, 1U}) {
        CAPTURE(side);
        CHECK(pair.transitions_to(side, "COLLECTING_DISTRIBUTING") == 2);
        CHECK(pair.bond(side).carrier);
        CHECK(core::desired(pair.bond(side)).pick == std::vector<SlotId>{0, 1});
        CHECK(pair.steps_to(side, "e0 send, e0 hear").back() ==
              Lines{"send, e0 hear", "pdu e0 in", "e0 send, e0 hear"});
        CHECK(is_told_before_use(pair, side));
    }
}

TEST_CASE("802.3ad by step alone: who leaves is out of the tables before the partner hears of it") {
    Pair pair = two_links();
    pair.forget();
    SECTION("released") {
        pair.release(0, "e1");
        CHECK(pair.steps(0).front() == Lines{"e0 send, e0 hear", "pdu gone out"});
    }
    SECTION("the bond set down") {
        pair.set_up(0, false);
        CHECK(pair.steps(0).front() == Lines{"send, hear", "pdu e0 out", "pdu e1 out"});
    }
    // The partner follows what it hears.
    const Lines told = pair.steps(1).front();
    REQUIRE(told.size() > 1);
    CHECK(told.front().ends_with("hear"));
    CHECK(told.back() == "pdu e1 out");
}

TEST_CASE("802.3ad by step alone: a port without link leaves and comes back in the same order") {
    Pair pair = two_links();
    pair.forget();
    pair.carrier(0, "e1", false);
    pair.carrier(1, "e1", false);
    CHECK(pair.steps(0).front().front() == "e0 send, e0 hear");
    pair.run_for(Ms(1000));
    pair.forget();
    pair.carrier(0, "e1", true);
    pair.carrier(1, "e1", true);
    pair.run_for(Ms(5000));
    REQUIRE(pair.steps_to(0, both).size() == 1);
    CHECK(is_told_before_use(pair, 0));
}

TEST_CASE("802.3ad by step alone: the same tables are published once") {
    Pair pair = two_links();
    pair.forget();
    pair.run_for(Ms(100'000));
    for (const std::size_t side : {0U, 1U}) {
        int pdus = 0;
        for (const Lines &lines : pair.steps(side)) {
            for (const std::string &line : lines) {
                CHECK_FALSE(line.ends_with("hear"));
                pdus += line.starts_with("pdu") ? 1 : 0;
            }
        }
        CHECK(pdus > 4);
    }
}

TEST_CASE("802.3ad by step alone: a PDU that was not sent is sent again") {
    Pair pair = two_links();
    pair.forget();
    pair.run_for(Ms(60'000));
    pair.forget();
    pair.not_sent(0, 1);
    pair.run_for(Ms(100));
    CHECK(pair.steps_to(0, "pdu e1 in").size() == 1);
}
