// SPDX-License-Identifier: MIT
// A bond while the whole machine waits for the kernel's RTNL lock: what the daemon does by itself must not. Serial:
// time is measured.
#include <catch2/catch.hpp>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/harness/rtnl_holder.h"
#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

constexpr unsigned rate = 8000;

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

TEST_CASE("busy: RTNL is held when a carrier is lost: failover, announcement and status do not wait for it") {
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
