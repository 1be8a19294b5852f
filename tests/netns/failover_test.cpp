// SPDX-License-Identifier: MIT
// What a lost carrier costs under load and how soon the controller acts, M10 and M22 (docs/spec/mii.md). Serial:
// they count packets and milliseconds.
#include <catch2/catch.hpp>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/harness/traffic/wire_counter.h"
#include "tests/harness/trouble/rtnl_holder.h"
#include "tests/harness/trouble/slow_directory.h"
#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

constexpr unsigned rate = 8000;
constexpr int flaps = 8;
constexpr std::uint64_t packets_per_half = 1000; // a wire is dead for 125 ms and well for 125 ms

// Gives the bond a neighbour whose layer2 hash with it is even: the first of two slaves in mode 2.
void add_neighbour_on_first(const Lab &lab) {
    xbond::MacAddr mac = station_mac;
    mac.bytes[5] = lab.ns().mac("bond0").bytes[5];
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0\nneigh add 10.99.0.2 lladdr " + mac.str() +
                " dev bond0 nud permanent");
}

// Asks nothing of the controller, which may be stopped.
StreamReport flap_first_slave(const Lab &lab) {
    constexpr std::uint32_t stream = 4;
    xbond::Fd socket;
    lab.ns().inside([&] { socket = connected_udp("0.0.0.0", "10.99.0.2", 9); });
    const WireCounter wires(lab.switch_ns(), stream);
    StreamSender sender(socket.get(), stream, rate, 64);
    const auto wait_sent = [&](std::uint64_t packets) {
        REQUIRE(wait_until([&] { return sender.sent() >= packets; }, 30s, 1ms));
    };
    for (std::uint64_t half = 0; half < 2 * flaps; ++half) {
        wait_sent(packets_per_half * half + packets_per_half / 2);
        half % 2 == 0 ? lab.network().cut("s0") : lab.network().join("s0");
    }
    wait_sent(packets_per_half * 2 * flaps);
    const auto sent = sender.stop();
    wait_until([&] { return wires.counter().received() == sent; }, 300ms);
    return wires.counter().report(sent);
}

bool has_no_carrier_check(const Lab &lab) {
    if (lab.status().carrier_check != "none") {
        return false;
    }
    std::cout << "SKIPPED: this kernel takes no per-packet carrier check\n";
    return true;
}

Clock::duration time_of(const std::function<void()> &what) {
    const auto begin = Clock::now();
    what();
    return Clock::now() - begin;
}

bool is_announcement(const Frame &frame) {
    const auto arp = as_arp(frame);
    return arp && arp->gratuitous();
}

} // namespace

TEST_CASE("failover: controller stopped, 8 flaps under 8 kpps, at most 16 of 16000 lost") {
    const auto mode = GENERATE(as<std::string>{}, "balance-rr", "balance-xor", "active-backup");
    DYNAMIC_SECTION(mode) {
        Lab lab(Kind::wires, 2);
        lab.make_bond("mode " + mode + " miimon 100");
        if (has_no_carrier_check(lab)) {
            return;
        }
        add_neighbour_on_first(lab);
        lab.daemon().freeze();
        const auto drops = backlog_drops();
        const auto report = flap_first_slave(lab);
        lab.daemon().thaw();
        std::cout << mode << ", controller stopped: " << report.text() << "\n";
        const auto after = lab.status();
        INFO("e0 sent " << after.slave("e0").tx_packets << ", e1 sent " << after.slave("e1").tx_packets << " of which "
                        << after.slave("e1").failover_tx << " for e0; dropped " << after.tx_dropped
                        << "; by the kernel's backlog " << backlog_drops() - drops);
        CHECK(report.sent >= 16000);
        CHECK(report.lost <= 16);
        CHECK(report.duplicated == 0);
        CHECK(wait_until([&] { return lab.status().slave("e0").link == "up"; }));
    }
}

TEST_CASE("failover: controller running, active-backup, at most 2 lost outbound per flap under 8 kpps") {
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode active-backup miimon 100");
    const Server server(lab.network(), "10.99.0.2/24");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    UdpEcho echo(lab.ns(), server.ns(), "10.99.0.2", rate);
    for (int flap = 0; flap < flaps; ++flap) {
        const std::uint64_t start = echo.sent();
        REQUIRE(wait_until([&] { return echo.sent() >= start + packets_per_half; }));
        const std::string active = lab.status().active_slave;
        const std::string other = active == "e0" ? "e1" : "e0";
        const std::string port = active == "e0" ? "s0" : "s1";
        lab.network().cut(port);
        REQUIRE(lab.wait_active(other));
        REQUIRE(lab.wait_link(active, "down"));
        lab.network().join(port);
        REQUIRE(lab.wait_link(active, "up"));
    }
    const auto reports = echo.finish();
    std::cout << "active-backup, controller running, " << flaps << " flaps: outbound " << reports.outbound.text()
              << "; inbound " << reports.inbound.text() << "\n";
    CHECK(reports.outbound.lost <= 2 * flaps);
    CHECK(lab.status().slave("e0").failures + lab.status().slave("e1").failures == flaps);
}

TEST_CASE("M10 mode 1: the backup takes over within 300 ms of the loss") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100");
    const auto cut = Clock::now();
    lab.network().cut("s0");
    REQUIRE(lab.wait_active("e1"));
    CHECK(Clock::now() - cut < 300ms);
    REQUIRE(lab.wait_link("e0", "down"));
    const auto status = lab.status();
    CHECK(status.slave("e0").failures == 1);
    CHECK(status.slave("e0").state == "backup");
    CHECK(status.slave("e1").state == "active");
    CHECK(status.slave("e1").failures == 0);
    CHECK(status.carrier);
}

TEST_CASE("M22 without a monitor the active slave stays and the bond keeps its carrier") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 0");
    lab.host().cut(0);
    CHECK(holds_for(
        [&] {
            const auto status = lab.status();
            return status.active_slave == "e0" && status.carrier && status.slave("e0").link == "up";
        },
        1500ms, 50ms));
    CHECK(lab.ns().carrier("bond0"));
}

TEST_CASE("failover: RTNL is held when a carrier is lost: failover, announcement and status do not wait for it") {
    Lab lab(Kind::bridge, 2);
    const Server server(lab.network(), "10.99.0.2/24");
    lab.make_bond("mode active-backup miimon 100 num_grat_arp 2");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    REQUIRE(lab.status().active_slave == "e0");
    const Sniffer other(lab.switch_ns(), "s1");
    ControlClient client(lab.daemon().socket());
    UdpEcho echo(lab.ns(), server.ns(), "10.99.0.2", rate);
    REQUIRE(wait_until([&] { return echo.received() >= rate / 2; }));

    lab.daemon().freeze(); // to cut a veth's wire takes RTNL: the daemon sees it when the lock has gone again
    lab.network().cut("s0");
    std::optional<RtnlHolder> busy(std::in_place);
    const auto flooded = other.count(is_announcement); // those of the bond's start
    lab.daemon().thaw();
    Clock::duration slowest{};
    const auto active_slave = [&] {
        std::string reply;
        const auto took = time_of([&] { reply = client.exchange("{\"v\":1,\"cmd\":\"status\"}\n").value_or("null"); });
        slowest = std::max(slowest, took);
        const auto status = nlohmann::json::parse(reply);
        const auto &active = status.at("result").at("bonds").at(0).at("active_slave");
        return active.is_string() ? active.get<std::string>() : "";
    };
    const bool moved = wait_until([&] { return active_slave() == "e1"; }, 4s);
    const auto failover = busy->held();
    CHECK(moved);
    CHECK(wait_until([&] { return other.count(is_announcement) >= flooded + 2; }, 2s));
    const auto announced = busy->held();
    REQUIRE(wait_until([&] {
        CHECK(active_slave() == "e1");
        return busy->held() >= 3s;
    }));
    busy.reset();
    const auto reports = echo.finish();
    std::cout << "after " << failover.count() << " ms with RTNL held e1 is active, after " << announced.count()
              << " ms announced twice; slowest status " << slowest / 1ms << " ms; outbound " << reports.outbound.text()
              << "; inbound " << reports.inbound.text() << "\n";
    CHECK(failover < 500ms);
    CHECK(announced < 1000ms);
    CHECK(slowest < 250ms);
    CHECK(reports.outbound.lost <= 8);
    CHECK(reports.inbound.longest_gap < 500ms);
}

TEST_CASE("failover: the disk of the state does not answer: failover and status do not wait, and all is saved later") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100");
    REQUIRE(lab.wait_active("e0"));
    std::optional<SlowDirectory> slow(std::in_place, lab.daemon().state_dir() / "bonds");
    ControlClient client(lab.daemon().socket());
    const auto cut = Clock::now();
    lab.network().cut("s0");
    REQUIRE(lab.wait_active("e1"));
    CHECK(Clock::now() - cut < 300ms);
    REQUIRE(wait_until([&] { return slow->somebody_waits(); }, 5s));
    Clock::duration slowest{};
    CHECK(holds_for(
        [&] {
            std::optional<std::string> reply;
            slowest = std::max(slowest, time_of([&] { reply = client.exchange("{\"v\":1,\"cmd\":\"status\"}\n"); }));
            return reply.has_value();
        },
        1500ms, 50ms));
    lab.network().join("s0");
    CHECK(lab.wait_link("e0", "up"));
    CHECK(slowest < 250ms);
    slow.reset();
    lab.host().cut(1); // one more, which has to wait for nobody
    REQUIRE(lab.wait_active("e0"));
    lab.host().join(1);
    REQUIRE(lab.wait_link("e1", "up"));
    CHECK(lab.daemon().stop() == 0);
    lab.daemon().start();
    const auto status = lab.status();
    CHECK(status.active_slave == "e0");
    CHECK(status.slave("e0").failures == 1);
    CHECK(status.slave("e1").failures == 1);
}
