// SPDX-License-Identifier: MIT
// A stream across a link that is lost and taken back, round after round.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/harness/wait.h"

namespace xbond::harness {

inline constexpr unsigned stream_rate = 8000;

// Two; XBOND_TEST_ROUNDS for more.
inline int rounds() {
    const char *wanted = std::getenv("XBOND_TEST_ROUNDS");
    return wanted == nullptr ? 2 : std::max(1, std::atoi(wanted));
}

struct Crossing { // what the stream goes across
    const NetNs &from, &to;
    std::string address;                 // of `to`
    std::function<void(bool on)> toggle; // the link
    std::function<bool(bool on)> seen;   // by the bond: it is out, it is in use
};

// What is lost outbound while the link changes: 250 ms of traffic before, and 250 ms after the bond has followed.
inline StreamReport across(const Crossing &crossing, bool on) {
    UdpEcho echo(crossing.from, crossing.to, crossing.address, stream_rate);
    REQUIRE(wait_until([&] { return echo.sent() >= stream_rate / 4; }, 10s));
    crossing.toggle(on);
    REQUIRE(wait_until([&] { return crossing.seen(on); }, 15s));
    const auto followed = echo.sent();
    REQUIRE(wait_until([&] { return echo.sent() >= followed + stream_rate / 4; }, 10s));
    return echo.finish().outbound;
}

// Whether what the stream goes across takes it whole while nothing happens: a switch in user space on a busy machine
// may not.
inline bool is_lossless(const Crossing &crossing) {
    const Crossing at_rest{.from = crossing.from,
                           .to = crossing.to,
                           .address = crossing.address,
                           .toggle = [](bool) {},
                           .seen = [](bool) { return true; }};
    const auto report = across(at_rest, true);
    std::cout << "at rest: " << report.text() << "\n";
    return report.lost == 0 && report.longest_gap < std::chrono::milliseconds(50);
}

inline void expect_slow_return(const std::string &what, const Crossing &crossing, std::uint64_t lost_at_loss = 2,
                               std::uint64_t lost_at_return = 0) {
    // On a busy machine the switch's port may begin to forward late: such a round is made once more, of many one in
    // five. A link that is used too soon loses in most of them.
    const int at_most = std::max(6, rounds() * 5 / 4);
    int clean = 0, round = 0;
    for (; round < at_most && clean < rounds(); ++round) {
        const auto drops = backlog_drops();
        const auto loss = across(crossing, false);
        const auto back = across(crossing, true);
        std::cout << what << ", lost: " << loss.text() << "; back: " << back.text() << "\n";
        UNSCOPED_INFO(what << ": " << loss.lost << " lost with the link, " << back.lost
                           << " at its return; dropped by the "
                           << "kernel's backlog: " << backlog_drops() - drops);
        clean += loss.lost <= lost_at_loss && back.lost <= lost_at_return ? 1 : 0;
    }
    CHECK(clean == rounds());
}

} // namespace xbond::harness
