// SPDX-License-Identifier: MIT
// A bond that carries a stream while somebody puts something on its device.
#pragma once

#include <catch2/catch.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/lab.h"

namespace xbond::harness {

inline constexpr unsigned onlooker_rate = 8000;

class OnlookerLab : public Lab {
public:
    explicit OnlookerLab(const std::string &visibility = "auto")
        : Lab(Switch::Kind::bridge, 2), server_(network(), "10.99.0.2/24") {
        make_bond("mode active-backup miimon 100 visibility " + visibility);
        ns().ip("addr add 10.99.0.1/24 dev bond0");
        REQUIRE(wait_until([&] { return pings(); }, 10s));
        REQUIRE(goes(visibility == "full" ? "full" : "fast"));
    }
    const Server &server() const { return server_; }
    bool pings() const { return ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }
    bool goes(const std::string &visibility) const {
        return wait_until([&] { return status().visibility == visibility; });
    }
    nlohmann::json datapath() const { return cli().json("status bond0").at("bonds").at(0).at("datapath"); }
    std::string why() const { return datapath().value("visibility_why", nlohmann::json::array()).dump(); }
    bool tc(const std::string &arguments) const {
        const auto done = ns().run(split("tc " + arguments));
        if (!done.ok()) {
            std::cout << "tc " << arguments << ": " << done.err;
        }
        return done.ok();
    }

    template <typename Change> StreamReport while_streaming(Change change) const {
        UdpEcho echo(ns(), server_.ns(), "10.99.0.2", onlooker_rate);
        REQUIRE(wait_until([&] { return echo.sent() >= onlooker_rate / 4; }));
        change();
        const auto changed = echo.sent();
        REQUIRE(wait_until([&] { return echo.sent() >= changed + onlooker_rate / 4; }));
        return echo.finish().outbound;
    }
    template <typename Change> void expect_hitless(const char *what, Change change) const {
        const auto drops = backlog_drops();
        const auto report = while_streaming(change);
        std::cout << what << ": " << report.text() << "\n";
        INFO(what << "; dropped by the kernel's backlog: " << backlog_drops() - drops);
        CHECK(report.lost == 0);
        CHECK(report.duplicated == 0);
    }

private:
    Server server_;
};

// Datagrams of 800 bytes that arrive in a second, of 8000 that are tried.
inline double through_a_shaper(const OnlookerLab &lab, std::uint16_t port = 7007) {
    Fd there, here;
    lab.server().ns().inside([&] { there = udp_socket("10.99.0.2", port); });
    lab.ns().inside([&] { here = connected_udp("10.99.0.1", "10.99.0.2", port); });
    const StreamReceiver receiver(there.get(), 5, false);
    const auto begin = Clock::now();
    StreamSender sender(here.get(), 5, onlooker_rate, 800);
    CHECK(holds_for([&] { return receiver.counter().received() < 2 * onlooker_rate; }, 1s, 20ms));
    const auto received = receiver.counter().received();
    const std::chrono::duration<double> took = Clock::now() - begin;
    sender.stop();
    return static_cast<double>(received) / took.count();
}

} // namespace xbond::harness
