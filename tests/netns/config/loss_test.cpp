// SPDX-License-Identifier: MIT
// What a change of the config costs traffic, at 8000 packets a second and back.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;

namespace {

constexpr unsigned rate = 8000;

std::string write_config(Lab &lab, const json &bonds) {
    const auto path = lab.daemon().dir() / "config.json";
    std::ofstream(path) << json{{"bonds", bonds}}.dump();
    return path;
}

json bond(const json &more) {
    json out{{"mode", "active-backup"}, {"slaves", {"e0", "e1"}}};
    out.update(more);
    return {{"bond0", out}};
}

struct Lost {
    std::uint64_t there = 0, back = 0;
};

Lost lost_while(Lab &lab, const Server &server, const std::function<void()> &change) {
    UdpEcho echo(lab.ns(), server.ns(), "10.99.0.2", rate);
    REQUIRE(wait_until([&] { return echo.received() > rate / 10; }));
    change();
    const auto then = echo.received();
    CHECK(wait_until([&] { return echo.received() > then + rate / 10; }));
    const auto reports = echo.finish();
    UNSCOPED_INFO(reports.outbound.text() << " / " << reports.inbound.text());
    return {reports.outbound.lost, reports.inbound.lost};
}

} // namespace

TEST_CASE("apply under traffic: nothing is lost but where the mode changes, and there less than two seconds' worth") {
    Lab lab(Kind::bridge, 2);
    const Server server(lab.network(), "10.99.0.2/24");
    lab.cli().ok("apply " + write_config(lab, bond({{"updelay", 100}, {"resend_igmp", 3}})));
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    const auto apply = [&](const json &bonds) {
        return [&lab, bonds] { lab.cli().ok("apply " + write_config(lab, bonds)); };
    };

    const auto same = lost_while(lab, server, apply(bond({{"updelay", 100}, {"resend_igmp", 3}})));
    CHECK((same.there == 0 && same.back == 0));
    const auto removed = lost_while(lab, server, apply(bond(json::object())));
    CHECK((removed.there == 0 && removed.back == 0));
    const auto another =
        lost_while(lab, server, apply({{"bond0", bond(json::object())["bond0"]}, {"bond1", json::object()}}));
    CHECK((another.there == 0 && another.back == 0));
    const auto ended = lost_while(lab, server, apply(bond(json::object())));
    CHECK((ended.there == 0 && ended.back == 0));

    const auto mode = lost_while(lab, server, apply(bond({{"mode", "balance-xor"}})));
    WARN("a changed mode lost " << mode.there << " packets there and " << mode.back << " back of " << rate
                                << " a second");
    CHECK(mode.there + mode.back < 2 * rate); // neighbours may have to be asked again, which takes a second
}

TEST_CASE("a backup slave that is unplugged and comes back costs no packet") {
    Lab lab(Kind::bridge, 2);
    const Server server(lab.network(), "10.99.0.2/24");
    lab.cli().ok("apply " + write_config(lab, bond({{"primary", "e0"}})));
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    const auto slaves = [&] { return lab.status().slaves.size(); };
    const auto lost = lost_while(lab, server, [&] {
        lab.ns().ip("link del e1");
        REQUIRE(wait_until([&] { return slaves() == 1; }));
        lab.host().add_slave(1);
        REQUIRE(wait_until([&] { return slaves() == 2; }, 10s));
        REQUIRE(lab.wait_link("e1", "up"));
    });
    CHECK((lost.there == 0 && lost.back == 0));
}

TEST_CASE("apply under traffic: one that fails in the middle, and a slave that comes late, lose nothing") {
    Lab lab(Kind::bridge, 3);
    const Server server(lab.network(), "10.99.0.2/24");
    lab.ns().ip("link del e1\nlink add br9 type bridge\nlink set e2 master br9");
    const auto late = bond({{"primary", "e0"}});
    lab.cli().ok("apply " + write_config(lab, bond({{"primary", "e0"}, {"slaves", {"e0"}}})));
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));

    const auto failed = lost_while(lab, server, [&] {
        // Everything of bond0 has been done by the time that bond1 is refused its slave.
        auto bonds = bond({{"primary", "e0"}, {"slaves", {"e0"}}, {"updelay", 300}, {"resend_igmp", 5}});
        bonds["bond1"] = {{"slaves", {"br9"}}};
        CHECK_FALSE(lab.cli()("apply " + write_config(lab, bonds)).ok());
        CHECK(lab.cli().json("status bond0").at("bonds").at(0).at("options").at("updelay") == 0);
    });
    CHECK((failed.there == 0 && failed.back == 0));

    // At start a slave that is missing is waited for; the controller is another one by then.
    const auto path = write_config(lab, late);
    lab.daemon().stop();
    lab.daemon().start({"--config", path});
    const auto taken_in = lost_while(lab, server, [&] {
        lab.host().add_slave(1);
        REQUIRE(wait_until([&] { return lab.status().slaves.size() == 2; }, 10s));
        REQUIRE(lab.wait_link("e1", "up"));
    });
    CHECK((taken_in.there == 0 && taken_in.back == 0));
}

TEST_CASE(
    "the active slave that is unplugged costs less than a second's packets, and less than a tenth when it comes back") {
    Lab lab(Kind::bridge, 2);
    const Server server(lab.network(), "10.99.0.2/24");
    lab.cli().ok("apply " + write_config(lab, bond({{"primary", "e1"}})));
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(lab.wait_active("e1"));
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    const auto gone = lost_while(lab, server, [&] {
        lab.ns().ip("link del e1");
        REQUIRE(lab.wait_active("e0"));
    });
    WARN("an active slave that was unplugged lost " << gone.there << " packets there and " << gone.back << " back of "
                                                    << rate << " a second");
    CHECK((gone.there < rate && gone.back < rate));
    const auto back = lost_while(lab, server, [&] {
        lab.host().add_slave(1);
        REQUIRE(lab.wait_active("e1"));
    });
    WARN("and " << back.there << " there and " << back.back << " back when it was the active one again");
    CHECK((back.there < rate / 10 && back.back < rate / 10));
}
