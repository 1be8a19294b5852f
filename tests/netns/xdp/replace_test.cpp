// SPDX-License-Identifier: MIT
// One chained program in the place of another under traffic: no frame passes by without either.
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"
#include "tests/netns/xdp/chained.h"

using namespace xbond::harness;
using xbond::Fd;

TEST_CASE("a chained program is replaced under traffic and every frame meets one of the two") {
    // The same way of taking frames: one write for all slaves. Another one: xb_xdp is replaced, too.
    const auto second = GENERATE(as<std::string>{}, "drop", "count_frags");
    DYNAMIC_SECTION("by " << second) {
        Lab lab(Switch::Kind::wires, 2);
        lab.make_bond("mode balance-rr");
        const auto bpf = bpffs(lab.daemon());
        const std::string first = "xdp attach bond0 " + object("count") + " prog count_and_pass pin ",
                          next = "xdp attach bond0 " + object(second) + " pin ";
        std::atomic<bool> stop = false;
        std::atomic<std::uint64_t> sent = 0;
        std::uint64_t seen = 0;
        lab.cli().ok(first + (bpf / "p0").string());
        std::thread sender([&] {
            const Injector wires[] = {Injector(lab.switch_ns(), "s0"), Injector(lab.switch_ns(), "s1")};
            auto next = std::chrono::steady_clock::now();
            while (!stop) {
                for (const Injector &wire : wires) {
                    wire.send(udp_frame(1, {.to = xbond::test::mac_broadcast, .from = station_mac}));
                    ++sent;
                }
                for (next += std::chrono::microseconds(200); std::chrono::steady_clock::now() < next;) {
                    std::this_thread::yield(); // or a veth's ring would be full
                }
            }
        });
        std::vector<Fd> maps; // held: the pins of a predecessor go
        const auto keep = [&](const std::filesystem::path &dir) {
            maps.emplace_back(bpf_obj_get((dir / "counted").c_str()));
        };
        keep(bpf / "p0");
        for (int round = 1; round <= 8; ++round) {
            const auto dir = bpf / ("p" + std::to_string(round));
            lab.cli().ok((round % 2 == 1 ? next : first) + dir.string());
            keep(dir);
            CHECK_FALSE(std::filesystem::exists(bpf / ("p" + std::to_string(round - 1))));
        }
        stop = true;
        sender.join();
        const auto total = [&] {
            seen = 0;
            for (const Fd &map : maps) {
                const std::uint32_t key = 0;
                std::uint64_t value = 0;
                (void)bpf_map_lookup_elem(map.get(), &key, &value);
                seen += value;
            }
            return seen;
        };
        CHECK(wait_until([&] { return total() == sent; }));
        INFO("sent " << sent << ", met a program " << seen);
        CHECK(seen == sent);
        CHECK(sent > 100);
    }
}
