// SPDX-License-Identifier: MIT
// L85: two systems back to back.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "tests/core/lacp/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

// Two systems, two cables, PDUs take 1 ms and some never come.
class Peers {
public:
    Peers(SystemOptions left, SystemOptions right, unsigned seed) : sides_{System(left), System(right)}, random_(seed) {
        for (SlotId slot = 0; slot < 2; ++slot) {
            for (std::uint8_t side = 0; side < 2; ++side) {
                const MacAddr mac{{2, 0, 0, 0, static_cast<std::uint8_t>(side), slot}};
                carry_out(side, sides_[side].add_port(slot, mac, default_port_priority, now_));
                carry_out(side, sides_[side].set_link(slot, {true, true, speed_10g}, now_));
            }
        }
    }

    void run_to(int ms, double loss) {
        loss_ = loss;
        for (const Time end = Ms(ms); next() <= end;) {
            now_ = next();
            deliver();
            for (std::size_t side = 0; side < 2; ++side) {
                if (sides_[side].deadline() && *sides_[side].deadline() <= now_) {
                    carry_out(side, sides_[side].expire(now_));
                }
            }
        }
    }

    bool all_work() const {
        for (const auto &side : sides_) {
            for (SlotId slot = 0; slot < 2; ++slot) {
                if (!side.collecting(slot) || !side.distributing(slot)) {
                    return false;
                }
            }
        }
        return true;
    }

    int most_in_a_second = 0;

private:
    struct Flight {
        std::size_t side;
        FrameToSend frame;
    };

    Time next() const {
        Time first = flights_.empty() ? Time::max() : flights_.begin()->first;
        for (const auto &side : sides_) {
            first = std::min(first, side.deadline().value_or(Time::max()));
        }
        return first;
    }

    void deliver() {
        while (!flights_.empty() && flights_.begin()->first <= now_) {
            const auto flight = flights_.extract(flights_.begin()).mapped();
            carry_out(flight.side, sides_[flight.side].receive(flight.frame.slot, flight.frame.bytes, now_, now_));
        }
    }

    void carry_out(std::size_t side, Effects effects) {
        CHECK(effects.settled);
        for (auto &frame : effects.frames) {
            auto &times = sent_[{side, frame.slot}];
            times.push_back(now_);
            std::erase_if(times, [&](Time when) { return when + Ms(1000) <= now_; });
            most_in_a_second = std::max(most_in_a_second, static_cast<int>(times.size()));
            if (std::uniform_real_distribution<>()(random_) >= loss_) {
                flights_.emplace(now_ + Ms(1), Flight{1 - side, std::move(frame)});
            }
        }
    }

    System sides_[2];
    std::mt19937 random_;
    Time now_{};
    double loss_ = 0;
    std::multimap<Time, Flight> flights_;
    std::map<std::pair<std::size_t, SlotId>, std::vector<Time>> sent_;
};

SystemOptions side(std::uint8_t id, bool active, bool fast, bool coupled) {
    auto options = defaults();
    options.bond_mac.bytes[5] = id;
    options.active = active;
    options.fast_rate = fast;
    options.coupled_control = coupled;
    return options;
}

} // namespace

TEST_CASE("L85 two xbond back to back recover from 50 % loss within a slow period") {
    const bool right_active = GENERATE(true, false);
    const bool left_fast = GENERATE(true, false);
    const bool right_fast = GENERATE(true, false);
    const bool coupled = GENERATE(true, false);
    CAPTURE(right_active, left_fast, right_fast, coupled);
    for (unsigned seed = 1; seed <= 25; ++seed) {
        CAPTURE(seed);
        Peers peers(side(1, true, left_fast, coupled), side(2, right_active, right_fast, coupled), seed);
        peers.run_to(20000, 0.5);
        peers.run_to(20000 + 30000 + 3000, 0);
        CHECK(peers.all_work());
        CHECK(peers.most_in_a_second <= 3);
    }
}

TEST_CASE("two xbond back to back without loss distribute after one wait") {
    const bool coupled = GENERATE(true, false);
    Peers peers(side(1, true, false, coupled), side(2, true, false, coupled), 1);
    peers.run_to(2200, 0);
    CHECK(peers.all_work());
}
