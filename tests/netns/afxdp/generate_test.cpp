// SPDX-License-Identifier: MIT
// The load generator: what it says it has sent is on the wires, each number once.
#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <set>

#include "tests/netns/afxdp/application.h"
#include "tests/netns/frames.h"

using namespace xbond::harness;

namespace {

constexpr std::size_t frames = 4000, flows = 16, number_at = 42;

// The generator's number in a frame; none: another's.
std::optional<std::uint64_t> generated(const Frame &frame) {
    if (frame.bytes.size() < number_at + 8 || frame.bytes[23] != 17 || frame.bytes[36] != 0x12 ||
        frame.bytes[37] != 0xb7) {
        return std::nullopt;
    }
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        number = number << 8 | frame.bytes[number_at + i];
    }
    return number;
}

} // namespace

TEST_CASE("the load generator's frames are on the wires, every one once, each flow on the slave that the bond takes") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode balance-xor xmit_hash_policy layer3+4");
    lab.cli().ok("xsk allow bond0 group 0 match udp dst 4791");
    REQUIRE(wait_until([&] { return lab.status().slave("e1").xdp != "none"; }));
    const State state(lab.ns(), lab.daemon());
    const Wires wires(lab, 2);
    const auto done = lab.ns().run({program("xbond-xsk-generate"), "-r", "20000", "-n", std::to_string(frames), "-f",
                                    std::to_string(flows), "-c", lab.daemon().socket().string(), "bond0",
                                    station_mac.str(), "10.99.0.1", "10.99.0.2"});
    INFO(done.err);
    CHECK(done.exit_code == 0);
    CHECK(done.out.ends_with(std::to_string(frames) + " sent, 0 dropped, 0 by another slave\n"));
    const auto is_ours = [](const Frame &frame) { return generated(frame).has_value(); };
    CHECK(wait_until([&] { return wires.count(0, is_ours) + wires.count(1, is_ours) == frames; }));
    CHECK(wires.count(0, is_ours) > 0);
    CHECK(wires.count(1, is_ours) > 0);

    std::set<std::uint64_t> numbers;
    std::size_t elsewhere = 0;
    for (int wire = 0; wire < 2; ++wire) {
        for (const auto &frame : wires.wire(wire).frames()) {
            if (const auto number = generated(frame)) {
                numbers.insert(*number);
                elsewhere += state.choice(frame.bytes) == "e" + std::to_string(wire) ? 0 : 1;
            }
        }
    }
    CHECK(numbers.size() == frames);
    CHECK(*numbers.rbegin() == frames - 1);
    CHECK(elsewhere == 0);
}
