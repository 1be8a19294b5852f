// SPDX-License-Identifier: MIT
// Changes that must not cost a packet. 8 kpps there and back while the change is made. Serial.
#include <catch2/catch.hpp>
#include <iostream>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/lab.h"
#include "xbond/hash.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

constexpr unsigned rate = 8000;

class HitlessLab : public Lab {
public:
    HitlessLab(int slaves, const std::string &options) : Lab(Kind::bridge, slaves), server_(network(), "10.99.0.2/24") {
        make_bond(options);
        ns().ip("addr add 10.99.0.1/24 dev bond0");
        REQUIRE(wait_until([&] { return ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    }

    // Runs `change` in the middle of the stream: half a second of traffic before it and after it.
    template <typename Change> void expect_hitless(const char *what, Change change) {
        const auto drops = backlog_drops();
        UdpEcho echo(ns(), server_.ns(), "10.99.0.2", rate);
        REQUIRE(wait_until([&] { return echo.received() >= rate / 2; }));
        change();
        const auto changed = echo.sent();
        REQUIRE(wait_until([&] { return echo.sent() >= changed + rate / 2; }));
        const auto reports = echo.finish();
        std::cout << what << ": outbound " << reports.outbound.text() << "; inbound " << reports.inbound.text() << "\n";
        INFO("dropped by the kernel's backlog: " << backlog_drops() - drops);
        CHECK(reports.outbound.lost == 0);
        CHECK(reports.inbound.lost == 0);
        CHECK(reports.outbound.duplicated == 0);
    }

private:
    Server server_;
};

std::string set_option_request(const std::string &name, const std::string &value) {
    return R"({"v":1,"cmd":"link.set","name":"bond0","options":[[")" + name + R"(",")" + value + R"("]]})";
}

} // namespace

TEST_CASE("hitless: the controller is killed and started again") {
    const auto mode = GENERATE(as<std::string>{}, "active-backup", "balance-rr");
    DYNAMIC_SECTION(mode) {
        HitlessLab lab(2, "mode " + mode + " miimon 100");
        const auto before = lab.status();
        lab.expect_hitless("SIGKILL and restart", [&] {
            lab.daemon().kill9();
            lab.daemon().start();
        });
        const auto after = lab.status();
        CHECK(after.active_slave == before.active_slave);
        CHECK(after.pick == before.pick);
        CHECK(after.slaves.size() == 2);
    }
}

TEST_CASE("hitless: the controller ends on SIGTERM, the bond forwards without it, another one takes over") {
    HitlessLab lab(2, "mode active-backup miimon 100");
    lab.expect_hitless("SIGTERM and restart", [&] {
        CHECK(lab.daemon().stop() == 0);
        CHECK(lab.ns().run(split("ping -c3 -i0.1 -W1 10.99.0.2")).ok());
        lab.daemon().start();
    });
    CHECK(lab.status().active_slave == "e0");
}

TEST_CASE("hitless: an option is changed 100 times") {
    HitlessLab lab(2, "mode active-backup miimon 100");
    lab.expect_hitless("100 option changes", [&] {
        ControlClient control(lab.daemon().socket());
        for (int n = 1; n <= 100; ++n) {
            const auto reply = control.exchange(set_option_request("resend_igmp", std::to_string(n)) + "\n");
            REQUIRE(reply.value_or("").find("\"ok\":true") != std::string::npos);
        }
    });
}

TEST_CASE("hitless: a slave is added and released") {
    HitlessLab lab(2, "mode active-backup miimon 100");
    lab.host().add_slave(2);
    lab.expect_hitless("slave added and released", [&] {
        lab.enslave(2);
        REQUIRE(lab.wait_link("e2", "up"));
        lab.cli().ok("link set e2 nomaster");
    });
    CHECK(lab.status().slaves.size() == 2);
}

namespace {

// Visibility auto: full for as long as someone captures on bond0.
void capture_for_a_while(HitlessLab &lab) {
    const auto visible = [&lab](const char *as) { return wait_until([&] { return lab.status().visibility == as; }); };
    {
        const Sniffer capture(lab.ns(), "bond0", {.promiscuous = true, .on_frame = {}});
        REQUIRE(visible("full"));
        CHECK(capture.wait_count([](const Frame &frame) { return frame.outgoing; }, 100));
    }
    REQUIRE(visible("fast"));
}

} // namespace

TEST_CASE("hitless: a capture starts and ends: visibility auto goes to full and back") {
    HitlessLab lab(2, "mode active-backup miimon 100 visibility auto");
    REQUIRE(lab.status().visibility == "fast");
    lab.expect_hitless("capture on bond0", [&] { capture_for_a_while(lab); });
}

TEST_CASE("hitless: visibility is set to full and fast") {
    HitlessLab lab(2, "mode active-backup miimon 100");
    lab.expect_hitless("visibility full and fast", [&] {
        for (const char *visibility : {"full", "fast", "full", "auto"}) {
            lab.cli().ok(std::string("link set bond0 type bond visibility ") + visibility);
        }
    });
}

TEST_CASE("hitless: the hash policy changes") {
    HitlessLab lab(2, "mode balance-xor miimon 100");
    lab.expect_hitless("hash policies", [&] {
        for (std::size_t i = 1; i <= xbond::hash_policies.size(); ++i) { // the default, which the bond has, comes last
            const auto policy = xbond::hash_policies.at(i % xbond::hash_policies.size());
            lab.cli().ok("link set bond0 type bond xmit_hash_policy " + std::to_string(static_cast<int>(policy)));
        }
    });
}

TEST_CASE("hitless: the XDP policy changes") {
    HitlessLab lab(2, "mode active-backup miimon 100 xdp off");
    // Native XDP of a veth stops and empties the queue of the device itself: generic is what can be hitless here.
    lab.expect_hitless("xdp generic and off", [&] {
        for (const char *policy : {"generic", "off", "generic", "off"}) {
            lab.cli().ok(std::string("link set bond0 type bond xdp ") + policy);
        }
    });
}
