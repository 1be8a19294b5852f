// SPDX-License-Identifier: MIT
// A restarted controller goes on where the last one was: whatever happens, and whenever it restarts, nothing
// but the time of a PDU tells the two apart.
#include <catch2/catch.hpp>
#include <random>

#include "tests/core/lacp/lab.h"

using namespace xbond;
using namespace xbond::test;

namespace {

// One random thing that happens to a bond of three slaves.
class Weather {
public:
    explicit Weather(unsigned seed) : random_(seed) {}

    SystemOptions options() {
        auto options = defaults();
        options.active = chance(4);
        options.fast_rate = chance(2);
        options.coupled_control = chance(2);
        options.ad_select = static_cast<AdSelect>(below(4));
        options.max_ports = below(3);
        options.system_priority = chance(2) ? 65535 : 1;
        return options;
    }

    // The same event for all of them, at the same instant.
    void strike(const std::vector<Lab *> &labs) {
        const int slave = 1 + static_cast<int>(below(3));
        const auto kind = below(12);
        const auto state = static_cast<std::uint8_t>(0x04 | below(256));
        const auto partner =
            chance(3) ? partner_q(static_cast<std::uint16_t>(slave)) : partner_p(static_cast<std::uint16_t>(slave));
        const auto changed = options();
        for (auto *lab : labs) {
            if (lab->system.port(static_cast<SlotId>(slave)) == nullptr) {
                lab->add(slave);
                lab->link_up(slave);
            } else if (kind < 7) {
                lab->pdu(slave, partner, kind < 5 ? 0x3d | (state & flag::timeout) : state);
            } else if (kind == 7) {
                lab->link_down(slave);
            } else if (kind < 10) {
                lab->link_up(slave, speed_10g, kind == 8 || slave != 3);
            } else if (kind == 10) {
                lab->options(changed);
            } else {
                lab->remove(slave);
            }
        }
    }

    std::uint32_t below(std::uint32_t n) { return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(random_); }

private:
    bool chance(std::uint32_t in) { return below(in) != 0; }

    std::mt19937 random_;
};

// What PDUs were sent, and when, may differ: the restarted one speaks once more.
SystemState comparable(SystemState state) {
    for (auto &port : state.ports) {
        port.ntt = false;
        port.tx_gate.reset();
        port.pdus_sent.clear();
        port.last_tx.reset();
        port.counters.lacpdu_tx = port.counters.tx_limited = 0;
    }
    return state;
}

void restart(Lab &lab) {
    auto restored = System::restore(lab.system.save(), Ms(lab.now()));
    REQUIRE(restored);
    lab.system = std::move(*restored);
}

void check_invariants(const Lab &lab) {
    for (const int slave : lab.tx()) {
        CHECK(lab.rx().count(slave) == 1);
        CHECK(lab.port(slave).aggregator == lab.active());
    }
    for (const auto &port : lab.system.ports()) {
        CHECK(port.pdus_sent.size() <= 3);
        CHECK(port.mux != MuxState::detached); // selection is never left undone
        CHECK(port.aggregator != 0);
    }
}

} // namespace

TEST_CASE("XB-34 restored at any moment, a system goes on as if it never stopped") {
    const unsigned seed = GENERATE(range(1U, 61U));
    CAPTURE(seed);
    Weather weather(seed);
    Lab whole(3, weather.options(), {speed_10g, speed_10g, speed_25g});
    Lab stopped = whole;
    for (int i = 0; i < 60; ++i) {
        const int pause = static_cast<int>(weather.below(2) == 0 ? weather.below(300) : weather.below(8000));
        const int restart_after = static_cast<int>(weather.below(static_cast<std::uint32_t>(pause) + 1));
        whole.run_for(pause);
        stopped.run_for(restart_after);
        restart(stopped);
        stopped.run_for(pause - restart_after);
        weather.strike({&whole, &stopped});
        REQUIRE(comparable(stopped.system.save()) == comparable(whole.system.save()));
        REQUIRE(stopped.tx() == whole.tx());
        REQUIRE(stopped.rx() == whole.rx());
    }
    check_invariants(whole);
    check_invariants(stopped);
}

TEST_CASE("XB-34 restored: CURRENT ports tell their partner what it knows already") {
    auto lab = up();
    lab.run_to(20000);
    restart(lab);
    CHECK(lab.tx() == Slaves{1});
    CHECK(lab.system.deadline() == Time(Ms(20000)));
    lab.run_to(20000);
    REQUIRE(lab.instants(2201) == Instants{20000});
    CHECK(lab.last().actor.state == 0x3d);
    lab.run_to(92200);
    CHECK(lab.port(1).rx == RxState::expired);
}

TEST_CASE("XB-34 restored too late: the EXPIRED path, unless a frame waited") {
    const bool frame_waits = GENERATE(true, false);
    auto lab = fast_pair(10000);
    auto restored = System::restore(lab.system.save(), Ms(20000));
    REQUIRE(restored);
    if (frame_waits) {
        auto partner = partner_p();
        partner.state = 0x3f;
        const auto frame = encode({1, partner, restored->port(1)->actor, 0}, partner.system);
        restored->receive(1, frame, std::nullopt, Ms(20000));
    }
    restored->expire(Ms(20000));
    CHECK(restored->distributing(1) == frame_waits);
    CHECK(restored->port(1)->rx == (frame_waits ? RxState::current : RxState::expired));
}

TEST_CASE("XB-34 a saved state that contradicts itself is refused") {
    Lab lab(2, defaults(), {speed_10g, speed_10g});
    lab.run_to(5000);
    const auto good = lab.system.save();
    REQUIRE(System::restore(good, Ms(5000)));
    auto state = good;
    SECTION("aggregator of a port") { state.ports[0].aggregator = 9; }
    SECTION("port without aggregator") { state.ports[0].aggregator = 0; }
    SECTION("unknown state") { state.ports[0].mux = static_cast<MuxState>(6); }
    SECTION("own aggregator twice") { state.ports[0].own_aggregator = 2; }
    SECTION("aggregator missing") { state.aggregators.pop_back(); }
    SECTION("aggregator without id") { state.aggregators[0].id = 0; }
    SECTION("active") { state.active = 9; }
    SECTION("last id") { state.last_aggregator = 1; }
    SECTION("slot twice") { state.ports[1].slot = state.ports[0].slot; }
    SECTION("port number twice") { state.ports[1].actor.port = 1; }
    SECTION("deadline of another boot") { state.ports[1].periodic_timer = Time(Ms(95001)); }
    SECTION("sent in the future") { state.ports[1].pdus_sent.emplace_back(Ms(5001)); }
    const auto refused = System::restore(state, Ms(5000));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == EINVAL);
}

TEST_CASE("restored after an absence: a partner that is still there stays current, one that has gone expires a timeout "
          "later") {
    auto lab = fast_pair(10000);
    auto saved = lab.system.save();
    forgive_absence(saved, Ms(20000));
    auto restored = System::restore(std::move(saved), Ms(20000));
    REQUIRE(restored);
    restored->expire(Ms(22999));
    CHECK(restored->port(1)->rx == RxState::current);
    CHECK(restored->distributing(1));
    restored->expire(Ms(23000));
    CHECK(restored->port(1)->rx == RxState::expired);
}
