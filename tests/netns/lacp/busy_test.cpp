// SPDX-License-Identifier: MIT
// LACP while the machine is busy with something else, and after a controller that was away. Serial: time is measured.
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <iostream>
#include <thread>

#include "tests/harness/trouble/rtnl_holder.h"
#include "tests/netns/lacp/partner.h"

using namespace xbond::harness;
using nlohmann::json;

namespace {

// Many devices of another namespace go up and down by one message, for which the kernel holds its RTNL lock: everybody
// on the machine waits for it.
class BusyRtnl {
public:
    BusyRtnl() {
        std::string lines;
        for (int i = 0; i < pairs; ++i) {
            lines += "link add a" + std::to_string(i) + " group 7 type veth peer name b" + std::to_string(i) + "\n";
        }
        worker_ = std::thread([this, lines] {
            while (!stop_) {
                ns_.ip(lines);
                const auto begin = Clock::now();
                ns_.ip("link del group 7\n");
                longest_ = std::max(longest_, Clock::now() - begin);
            }
        });
    }
    BusyRtnl(const BusyRtnl &) = delete;
    BusyRtnl &operator=(const BusyRtnl &) = delete;
    ~BusyRtnl() {
        stop_ = true;
        worker_.join();
        std::cout << "RTNL was held for up to some " << longest_ / 1ms << " ms at a time\n";
    }

private:
    static constexpr int pairs = 4000;
    NetNs ns_;
    std::atomic<bool> stop_{false};
    Clock::duration longest_{};
    std::thread worker_;
};

// Entries into EXPIRED and DEFAULTED.
int expiries(const LacpHost &host, const std::string &slave) {
    const json stats = host.port(slave).at("stats");
    return stats.at("expired").get<int>() + stats.at("defaulted").get<int>();
}

std::chrono::milliseconds time_of_status(LacpHost &host) {
    ControlClient client(host.daemon().socket());
    const auto begin = Clock::now();
    REQUIRE(client.exchange("{\"v\":1,\"cmd\":\"status\"}\n"));
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
}

} // namespace

TEST_CASE("802.3ad while everybody waits for the kernel's RTNL lock: LACPDUs go out in time, status answers") {
    PartnerLab lab(2);
    REQUIRE(lab.make_bond("lacp_rate fast"));
    const auto expired = lab.expired();
    std::chrono::milliseconds slowest{0};
    {
        const BusyRtnl busy;
        lab.partners().begin_measuring();
        const auto end = Clock::now() + 15s;
        while (Clock::now() < end) {
            slowest = std::max(slowest, time_of_status(lab.host()));
            std::this_thread::sleep_for(50ms);
        }
    }
    const auto longest_gap = lab.partners().gaps().back();
    std::cout << "longest gap between LACPDUs " << longest_gap.count() / 1'000'000 << " ms, slowest status "
              << slowest.count() << " ms\n";
    CHECK(longest_gap < 1500ms);
    CHECK(slowest < 500ms);
    CHECK(lab.expired() == expired);
    CHECK(lab.host().distributing() == lab.slaves());
}

TEST_CASE("802.3ad RTNL is held for five seconds: no LACPDU is late, no partner expires, status answers") {
    PartnerLab lab(2);
    REQUIRE(lab.make_bond("lacp_rate fast"));
    const auto expired = lab.expired();
    std::chrono::milliseconds slowest{0};
    lab.partners().begin_measuring();
    {
        const RtnlHolder busy;
        CHECK(wait_until(
            [&] {
                slowest = std::max(slowest, time_of_status(lab.host()));
                return busy.held() >= 5s;
            },
            10s, 50ms));
    }
    const auto longest_gap = lab.partners().gaps().back();
    std::cout << "longest gap between LACPDUs " << longest_gap.count() / 1'000'000 << " ms, slowest status "
              << slowest.count() << " ms\n";
    CHECK(longest_gap < 1500ms);
    CHECK(slowest < 250ms);
    CHECK(lab.expired() == expired);
    CHECK(lab.host().distributing() == lab.slaves());
}

TEST_CASE("802.3ad on a host with 600 devices 2000 addresses come: LACPDUs go out in time, a lost link is seen, status "
          "answers") {
    PartnerLab lab(2);
    REQUIRE(lab.make_bond("lacp_rate fast"));
    std::string devices, addresses;
    for (int i = 0; i < 300; ++i) {
        devices += "link add a" + std::to_string(i) + " type veth peer name b" + std::to_string(i) + "\n";
    }
    for (int i = 0; i < 2000; ++i) {
        addresses += "addr add 10.200." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) + "/32 dev lo\n";
    }
    lab.host().ns().ip(devices);
    const auto expired = lab.expired();
    const auto pid = lab.host().daemon().pid();
    const auto cpu = cpu_time(pid);
    std::chrono::milliseconds slowest{0}, until_seen{0};
    lab.partners().begin_measuring();
    std::atomic<bool> over{false};
    std::thread storm([&] {
        while (!over) {
            lab.host().ns().ip(addresses);
            lab.host().ns().ip("addr flush dev lo to 10.200.0.0/16");
        }
    });
    const auto keep_asking = [&](std::chrono::seconds time) {
        return holds_for(
            [&] {
                slowest = std::max(slowest, time_of_status(lab.host()));
                return true;
            },
            time, 50ms);
    };
    CHECK(keep_asking(2s));
    lab.host().ns().set_up("e1", false);
    const auto cut = Clock::now();
    CHECK(wait_until([&] { return lab.host().distributing() == std::vector<std::string>{"e0"}; }, 5s, 20ms));
    until_seen = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - cut);
    CHECK(keep_asking(4s));
    over = true;
    storm.join();
    const auto longest_gap = lab.partners().gaps().back();
    const auto used = std::chrono::duration_cast<std::chrono::milliseconds>(cpu_time(pid) - cpu);
    std::cout << "longest gap between LACPDUs " << longest_gap.count() / 1'000'000 << " ms, slowest status "
              << slowest.count() << " ms, the lost link seen after " << until_seen.count() << " ms, the loop used "
              << used.count() << " ms\n";
    CHECK(longest_gap < 1800ms);
    CHECK(slowest < 1s);
    CHECK(until_seen < 1500ms);
    CHECK(used < 4s); // of some 6
    CHECK(lab.expired() == expired);
    lab.host().ns().set_up("e1", true);
    CHECK(lab.host().wait_distributing(lab.slaves()));
}

TEST_CASE("802.3ad a slave that went while no controller ran takes no other port along") {
    LacpHost left, right;
    for (const std::string n : {"0", "1", "2"}) {
        left.ns().veth("e" + n, right.ns(), "e" + n);
    }
    for (LacpHost *host : {&left, &right}) {
        host->make_bond("lacp_rate fast", {"e0", "e1", "e2"});
    }
    REQUIRE(left.wait_negotiated());
    REQUIRE(left.wait_distributing({"e0", "e1", "e2"}));
    REQUIRE(right.wait_distributing({"e0", "e1", "e2"}));
    const auto expired = [&] {
        return std::array{expiries(left, "e0"), expiries(left, "e1"), expiries(right, "e0"), expiries(right, "e1")};
    };
    const auto before = expired();
    left.daemon().kill9();
    left.ns().ip("link del e2");
    left.daemon().start();
    CHECK(left.distributing() == std::vector<std::string>{"e0", "e1"});
    CHECK(holds_for([&] { return right.distributing() == std::vector<std::string>{"e0", "e1"}; }, 4s, 50ms));
    CHECK(left.port("e0").at("fsm").at("rx") == "CURRENT");
    CHECK(expired() == before);
}

TEST_CASE("802.3ad a controller that was away for longer than its deadlines expires no partner that is still there") {
    PartnerLab lab(2);
    REQUIRE(lab.make_bond("lacp_rate fast"));
    const auto expired = lab.expired();
    lab.host().daemon().kill9();
    const auto said = lab.partners().heard(0).actor;
    CHECK(holds_for([&] { return lab.partners().heard(0).actor == said; }, 2500ms, 50ms));
    lab.host().daemon().start();
    CHECK(holds_for([&] { return lab.expired() == expired; }, 4s, 50ms));
    CHECK(lab.host().distributing() == lab.slaves());
    CHECK(lab.host().port("e0").at("fsm").at("rx") == "CURRENT");
}
