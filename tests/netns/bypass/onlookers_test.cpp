// SPDX-License-Identifier: MIT
// What people put on bond0 works under `visibility auto`: it takes the way that meets it while it is there, and the
// fast one afterwards; each switch without loss. Serial: packets are counted.
#include <catch2/catch.hpp>
#include <filesystem>
#include <iostream>
#include <linux/bpf.h>
#include <nlohmann/json.hpp>

#include "tests/harness/traffic/bpf_program.h"
#include "tests/netns/bypass/onlooker_lab.h"
#include "tests/netns/frames.h"

using namespace xbond::harness;
using Kind = Switch::Kind;
using nlohmann::json;

TEST_CASE("visibility auto: a shaper on bond0 shapes") {
    const auto qdisc = GENERATE(as<std::string>{}, "tbf", "htb");
    const OnlookerLab lab;
    DYNAMIC_SECTION(qdisc) {
        bool there = false;
        lab.expect_hitless("a shaper comes", [&] {
            there = qdisc == "tbf" ? lab.tc("qdisc add dev bond0 root tbf rate 16mbit burst 32kb latency 50ms")
                                   : lab.tc("qdisc add dev bond0 root handle 1: htb default 10") &&
                                         lab.tc("class add dev bond0 parent 1: classid 1:10 htb rate 16mbit");
            CHECK((!there || lab.goes("full")));
        });
        if (!there) {
            std::cout << "SKIPPED: this kernel has no " << qdisc << "\n";
            return;
        }
        CHECK(lab.why() == R"(["root qdisc )" + qdisc + R"("])");
        CHECK(lab.cli().ok("status bond0").find("visibility full because of root qdisc " + qdisc) != std::string::npos);
        const auto shaped = through_a_shaper(lab);
        CHECK(shaped > 100);
        CHECK(shaped < 3500);                        // 16 Mb/s of 51: some 2400
        REQUIRE(lab.tc("qdisc del dev bond0 root")); // the kernel drops what comes while it does that, on any device
        CHECK(lab.goes("fast"));
        CHECK(lab.why() == "[]");
        CHECK(lab.while_streaming([] {}).lost == 0);
    }
}

TEST_CASE("visibility auto: an egress filter counts every packet") {
    OnlookerLab lab;
    const Counter counter;
    const auto pin = lab.daemon().pin_dir() / "counter_of_the_test";
    counter.pin(pin);
    if (lab.status().hook == "tcx") { // else it is there
        REQUIRE(lab.tc("qdisc add dev bond0 clsact"));
    }
    bool there = false;
    lab.expect_hitless("an egress filter comes", [&] {
        there = lab.tc("filter add dev bond0 egress prio 40000 bpf direct-action object-pinned " + pin.string());
        CHECK((!there || lab.goes("full")));
    });
    std::filesystem::remove(pin);
    if (!there) {
        std::cout << "SKIPPED: this kernel has no cls_bpf\n";
        return;
    }
    CHECK(lab.why() == R"x(["egress filter bpf (priority 40000)"])x");
    const auto before = counter.packets();
    const auto sent = lab.while_streaming([] {}).sent;
    CHECK(counter.packets() - before >= sent);
    lab.expect_hitless("it goes", [&] {
        CHECK(lab.tc("filter del dev bond0 egress prio 40000"));
        CHECK(lab.goes("fast"));
    });
}

TEST_CASE("visibility auto: a tcx program that comes later counts every packet") {
    const OnlookerLab lab;
    if (lab.status().hook != "tcx") {
        std::cout << "SKIPPED: this kernel has no tcx\n";
        return;
    }
    const Counter counter;
    std::optional<OnDevice> on;
    lab.expect_hitless("a tcx program comes", [&] {
        on.emplace(lab.ns(), "bond0", OnDevice::Hook::tcx_egress, counter.program());
        CHECK(lab.goes("full"));
    });
    CHECK(lab.why() == R"(["tcx program count"])");
    const auto before = counter.packets();
    const auto sent = lab.while_streaming([] {}).sent;
    CHECK(counter.packets() - before >= sent);
    lab.expect_hitless("it goes", [&] {
        on.reset();
        CHECK(lab.goes("fast"));
    });
}

TEST_CASE("visibility auto: a native XDP program drops") {
    const OnlookerLab lab;
    const auto drop = xdp_verdict(XDP_DROP);
    std::optional<OnDevice> on;
    lab.expect_hitless("an XDP program comes", [&] { // what is sent; of what is received it drops all
        on.emplace(lab.ns(), "bond0", OnDevice::Hook::xdp_native, drop.get());
        CHECK(lab.goes("full"));
    });
    CHECK(lab.why() == R"(["native XDP program"])");
    CHECK_FALSE(lab.pings());
    lab.expect_hitless("it goes", [&] {
        on.reset();
        CHECK(lab.goes("fast"));
    });
    CHECK(lab.why() == "[]");
    CHECK(wait_until([&] { return lab.pings(); }));
}

TEST_CASE("visibility auto: a controller that is killed and started again keeps to the way that meets what is there") {
    OnlookerLab lab;
    if (lab.status().hook != "tcx") {
        std::cout << "SKIPPED: this kernel has no tcx\n";
        return;
    }
    const Counter counter;
    const OnDevice on(lab.ns(), "bond0", OnDevice::Hook::tcx_egress, counter.program());
    REQUIRE(lab.goes("full"));
    const auto before = counter.packets();
    const auto sent = lab.while_streaming([&] {
                             lab.daemon().kill9();
                             lab.daemon().start();
                         })
                          .sent;
    CHECK(counter.packets() - before >= sent);
    CHECK(lab.status().visibility == "full");
}

TEST_CASE("visibility fast: the status and the doctor say what the fast path goes around") {
    const OnlookerLab lab("fast");
    if (!lab.tc("qdisc add dev bond0 root pfifo limit 100")) {
        std::cout << "SKIPPED: this kernel has no pfifo\n";
        return;
    }
    CHECK(wait_until(
        [&] { return lab.datapath().value("bypassed", json::array()).dump() == R"(["root qdisc pfifo"])"; }));
    CHECK(lab.status().visibility == "fast");
    CHECK(lab.cli().ok("status bond0").find("visibility fast, goes around root qdisc pfifo") != std::string::npos);
    CHECK(lab.cli().ok("doctor").find("bond0: visibility fast goes around root qdisc pfifo") != std::string::npos);
}

TEST_CASE("the doctor names ingress filters and programs of slaves that xbond's hook keeps frames from") {
    OnlookerLab lab;
    if (lab.status().hook != "tcx") {
        std::cout << "SKIPPED: this kernel has no tcx\n";
        return;
    }
    const Counter counter;
    const auto pin = lab.daemon().pin_dir() / "counter_of_the_test";
    counter.pin(pin);
    const OnDevice on(lab.ns(), "e1", OnDevice::Hook::tcx_ingress, counter.program());
    const bool filter = lab.tc("qdisc add dev e0 clsact") &&
                        lab.tc("filter add dev e0 ingress prio 9 bpf direct-action object-pinned " + pin.string());
    std::filesystem::remove(pin);
    const auto said = lab.cli().ok("doctor");
    CHECK(said.find("e1: xbond's hook keeps frames from tcx program count") != std::string::npos);
    if (filter) {
        CHECK(said.find("e0: xbond's hook keeps frames from ingress filter bpf (priority 9)") != std::string::npos);
    }
}

TEST_CASE("what another device's XDP program redirects to bond0 leaves by the bond") {
    const auto visibility = GENERATE(as<std::string>{}, "fast", "full");
    const OnlookerLab lab(visibility);
    lab.ns().veth("x0", lab.switch_ns(), "x1");
    lab.ns().set_up("x0", true);
    lab.switch_ns().set_up("x1", true);
    const auto hook = GENERATE(OnDevice::Hook::xdp_native, OnDevice::Hook::xdp_generic);
    const auto redirect = xdp_redirect(lab.ns().ifindex("bond0"));
    const OnDevice on(lab.ns(), "x0", hook, redirect.get());
    const Sniffer wire(lab.switch_ns(), "s0", Sniffer::Options{.incoming_only = true, .on_frame = {}});
    const Injector from_outside(lab.switch_ns(), "x1");
    REQUIRE(wait_until([&] {
        from_outside.send(udp_frame(0));
        return wire.count(same_as(udp_frame(0))) > 0;
    }));
    for (std::uint64_t n = 1; n <= 20; ++n) {
        from_outside.send(udp_frame(n));
    }
    for (std::uint64_t n = 1; n <= 20; ++n) {
        CHECK(wire.wait_count(same_as(udp_frame(n)), 1));
    }
}
