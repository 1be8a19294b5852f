// SPDX-License-Identifier: MIT
// The ARP monitor where carrier says nothing, and under noise. Serial: time and CPU are measured.
#include <catch2/catch.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tests/netns/cascade.h"
#include "tests/netns/frames.h"

using namespace xbond::harness;

namespace {

constexpr auto interval = 200ms;
constexpr int missed_max = 2;
const std::string probing = std::string("miimon 0 arp_interval 200 arp_ip_target ") + gateway_ip;

std::chrono::milliseconds until_active(const Cascade &c, const std::string &slave, std::chrono::milliseconds limit) {
    const auto start = Clock::now();
    CHECK(c.lab.wait_active(slave, limit));
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
}

// Somebody on sw1 whose broadcasts reach e0 while the way to the gateway is cut.
class Neighbour {
public:
    explicit Neighbour(const Cascade &c) {
        c.lab.switch_ns().ip("link add name n0 type veth peer name eth0 netns " + ns_.path() +
                             "\nlink set n0 master sw1\nlink set n0 up");
        ns_.ip("link set eth0 up");
        injector_ = std::make_unique<Injector>(ns_, "eth0");
    }
    void chatter() const {
        injector_->send(arp_request_frame(xbond::test::test_mac(0x66), "10.99.0.66", "10.99.0.67"));
    }

private:
    NetNs ns_;
    std::unique_ptr<Injector> injector_;
};

} // namespace

TEST_CASE("cascade: the uplink of the first switch dies, traffic moves in time, and back with primary") {
    Cascade c;
    c.make_bond("mode active-backup primary e0 arp_validate all " + probing);
    // Backups have answered, and nobody is in its grace any more.
    REQUIRE(holds_for([&] { return c.lab.status().slave("e1").link == "up"; }, 1s, 50ms));
    c.cut_cascade();
    const auto away = until_active(c, "e1", 5s);
    CHECK(c.lab.status().slave("e0").carrier);
    CHECK(wait_until([&] { return c.gateway_answers(); }));
    std::cout << "moved away after " << away.count() << " ms, arp_interval " << interval.count() << " ms\n";
    CHECK(away <= (missed_max + 1) * interval + interval / 2 + 50ms); // 50 ms: the test's own looking
    c.mend_cascade();
    const auto back = until_active(c, "e0", 5s);
    std::cout << "moved back after " << back.count() << " ms\n";
    CHECK(wait_until([&] { return c.gateway_answers(); }));
}

TEST_CASE("cascade: the MII monitor alone does not see it") {
    Cascade c;
    c.make_bond("mode active-backup primary e0 miimon 50");
    c.cut_cascade();
    CHECK(holds_for([&] { return c.lab.status().active_slave == "e0"; }, 1500ms, 50ms));
    CHECK_FALSE(c.gateway_answers());
}

TEST_CASE("cascade: a neighbour's broadcasts keep the dead path alive without validation, and not with it") {
    Cascade c;
    const bool validate = GENERATE(false, true);
    c.make_bond(std::string("mode active-backup primary e0 ") + (validate ? "arp_validate all " : "") + probing);
    const Neighbour neighbour(c);
    c.cut_cascade();
    const auto moved = [&] {
        neighbour.chatter();
        return c.lab.status().active_slave == "e1";
    };
    if (validate) {
        CHECK(wait_until(moved, 5s, 20ms));
    } else {
        CHECK_FALSE(wait_until(moved, 3s, 20ms));
    }
}

TEST_CASE("cascade: a restart of the controller changes no verdict") {
    Cascade c;
    c.make_bond("mode active-backup primary e0 arp_validate all " + probing);
    REQUIRE(holds_for([&] { return c.lab.status().slave("e1").link == "up"; }, 1s, 50ms));
    c.lab.daemon().kill9();
    c.lab.daemon().start();
    CHECK(holds_for(
        [&] {
            const auto now = c.lab.status();
            return now.active_slave == "e0" && now.slave("e0").link == "up" && now.slave("e1").link == "up";
        },
        2s, 50ms));
    CHECK(c.lab.status().slave("e0").failures == 0);
    CHECK(c.lab.status().slave("e1").failures == 0);
}

TEST_CASE("an interval of 5 ms holds the links up") {
    Cascade c;
    c.make_bond(
        std::string("mode active-backup primary e0 arp_validate active miimon 0 arp_interval 5 arp_ip_target ") +
        gateway_ip);
    const auto failures = c.lab.status().slave("e0").failures;
    CHECK(holds_for([&] { return c.lab.status().active_slave == "e0"; }, 2s, 50ms));
    CHECK(c.lab.status().slave("e0").failures <= failures + 1); // the machine may lose a beat
    c.cut_cascade();
    const auto away = until_active(c, "e1", 2s);
    std::cout << "moved away after " << away.count() << " ms, arp_interval 5 ms\n";
}

TEST_CASE("monitors all: MII and ARP watch together") {
    Cascade c;
    c.make_bond(std::string("mode active-backup primary e0 monitors all miimon 50 arp_validate all arp_interval 200 "
                            "arp_ip_target ") +
                gateway_ip);
    SECTION("what only ARP sees") {
        c.cut_cascade();
        CHECK(c.lab.wait_active("e1", 3s));
        CHECK(c.lab.status().slave("e0").carrier);
    }
    SECTION("what MII sees first") {
        c.lab.host().cut(0);
        CHECK(until_active(c, "e1", 3s) < 500ms);
    }
}

TEST_CASE("noise: 10,000 ARP packets a second change no verdict and cost the controller less than 2 % of a core") {
    Cascade c;
    c.make_bond("mode active-backup primary e0 arp_validate all " + probing);
    REQUIRE(holds_for([&] { return c.lab.status().slave("e1").link == "up"; }, 1s, 50ms));
    const auto mac = c.lab.ns().mac("bond0");
    std::vector<Bytes> noise{arp_request_frame(xbond::test::test_mac(0x66), "10.99.0.66", "10.99.0.67"),
                             arp_request_frame(xbond::test::test_mac(0x66), "10.99.0.66", "10.99.0.66"),
                             arp_request_frame(mac, host_ip, "10.99.0.68")};
    Bytes cut = noise[0];
    cut.resize(30);
    Bytes lengths = noise[0];
    lengths[18] = 8;
    noise.insert(noise.end(), {cut, lengths});
    const Injector into(c.lab.switch_ns(), "s0");
    const int pid = c.lab.cli().json("status").at("pid");
    const auto history = c.lab.cli().json("status bond0").at("bonds").at(0).at("history").size();
    const auto start = Clock::now();
    const auto before = cpu_time(pid);
    const auto sent = at_rate(10'000, 10s, [&](std::size_t n) { into.send(noise[n % noise.size()]); });
    const auto used = cpu_time(pid) - before;
    const auto took = Clock::now() - start;
    const double share = std::chrono::duration<double>(used) / std::chrono::duration<double>(took);
    std::cout << sent << " packets of noise in " << std::chrono::duration<double>(took).count() << " s; controller "
              << 100 * share << " % of a core\n";
    CHECK(sent >= 95000);
    CHECK(share < 0.02);
    CHECK(c.lab.status().active_slave == "e0");
    CHECK(c.lab.cli().json("status bond0").at("bonds").at(0).at("history").size() == history);
}
