// SPDX-License-Identifier: MIT
// A chained XDP program on every slave, behind what is the bond's own.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/harness/traffic/bpf_program.h"
#include "tests/netns/frames.h"
#include "tests/netns/lab.h"
#include "tests/netns/lacp/partner.h"
#include "tests/netns/station.h"
#include "tests/netns/xdp/chained.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

Bytes flood(std::uint64_t number) { return udp_frame(number, {.to = xbond::test::mac_broadcast, .from = station_mac}); }

// `xdp attach bond0 OBJECT ... pin DIR`; the directory.
std::filesystem::path attach(Daemon &daemon, const std::string &name, const std::string &words = "") {
    const auto pins = bpffs(daemon) / ("of_" + name);
    daemon.cli().ok("xdp attach bond0 " + object(name) + " pin " + pins.string() + words);
    return pins;
}

nlohmann::json shown(const Lab &lab) { return lab.cli().json("xdp show bond0").at(0); }

std::string xdp_on(const Lab &lab, const std::string &slave) {
    const auto all = shown(lab);
    for (const auto &s : all.at("slaves")) {
        if (s.at("name") == slave) {
            return s.at("xdp").at("attached");
        }
    }
    return "";
}

bool has_xdp(const NetNs &ns, const std::string &ifname) { return ns.link(ifname).contains("xdp"); }

} // namespace

TEST_CASE("a chained program sees every frame of all slaves, of those to come too, and leaves nothing behind") {
    const std::string name = GENERATE(as<std::string>{}, "count", "count_frags");
    DYNAMIC_SECTION(name) {
        Lab lab(Kind::wires, 3);
        lab.cli().ok("link add bond0 type bond mode balance-rr miimon 50");
        lab.cli().ok("link set bond0 up");
        lab.enslave(0);
        lab.enslave(1);
        const Sniffer bond(lab.ns(), "bond0");
        const auto pins = attach(lab.daemon(), name, name == "count" ? " prog count_and_pass" : "");
        CHECK(shown(lab).at("chained").at("file") == object(name));
        CHECK(shown(lab).at("chained").at("frags") == (name == "count_frags"));
        CHECK(xdp_on(lab, "e0") == "native");
        lab.enslave(2);
        CHECK(xdp_on(lab, "e2") == "native");
        std::uint64_t sent = 0;
        for (const char *port : {"s0", "s1", "s2"}) {
            const Injector wire(lab.switch_ns(), port);
            for (int i = 0; i < 20; ++i) {
                wire.send(flood(sent++));
            }
        }
        CHECK(bond.wait_count(numbered_udp(), sent));
        CHECK(counted(pins) == sent);

        lab.cli().ok("xdp detach bond0");
        CHECK(shown(lab).at("chained").is_null());
        CHECK_FALSE(std::filesystem::exists(pins));
        CHECK_FALSE(std::filesystem::exists(lab.daemon().pin_dir() / "bond0" / "xb_chained"));
        for (const char *slave : {"e0", "e1", "e2"}) {
            CHECK_FALSE(has_xdp(lab.ns(), slave));
        }
        Injector(lab.switch_ns(), "s0").send(flood(sent++));
        CHECK(bond.wait_count(numbered_udp(), sent));
        CHECK(lab.cli()("xdp detach bond0").exit_code == 1);
    }
}

TEST_CASE("what a suppressed slave hears, and link-local frames, no chained program gets") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    const auto pins = attach(lab.daemon(), "count", " prog count_and_drop");
    const Sniffer bond(lab.ns(), "bond0"), tap(lab.ns(), "e0");
    const Bytes lldp = lldp_frame(station_mac);
    Injector(lab.switch_ns(), "s1").send(flood(1));
    Injector(lab.switch_ns(), "s0").send(lldp);
    CHECK(tap.wait_count(same_as(lldp), 1));
    CHECK(wait_until([&] { return lab.status().slave("e1").rx_suppressed == 1; }));
    CHECK(counted(pins) == 0);
    Injector(lab.switch_ns(), "s0").send(flood(2));
    CHECK(wait_until([&] { return counted(pins) == 1; }));
    CHECK(bond.count(numbered_udp()) == 0);
    lab.cli().ok("link set bond0 type bond active_slave e1");
    Injector(lab.switch_ns(), "s1").send(flood(3));
    CHECK(wait_until([&] { return counted(pins) == 2; }));
}

TEST_CASE("a program that drops all leaves LACP unharmed") {
    PartnerLab lab(2);
    REQUIRE(lab.make_bond("lacp_rate fast"));
    const auto before = lab.expired();
    attach(lab.host().daemon(), "drop");
    lab.partners().begin_measuring();
    CHECK(wait_until([&] { return lab.partners().heard(0).pdus >= 5 && lab.partners().heard(1).pdus >= 5; }, 15s));
    CHECK(lab.expired() == before);
    CHECK(lab.host().wait_distributing(lab.slaves()));
}

TEST_CASE("a program that drops all leaves the ARP monitor unharmed, with and without validation") {
    const std::string validate = GENERATE(as<std::string>{}, "none", "all", "filter");
    DYNAMIC_SECTION("arp_validate " << validate) {
        Lab lab(Kind::bridge, 2);
        const Station target(lab.network(), 9);
        lab.cli().ok("link add bond0 type bond mode active-backup miimon 0 arp_interval 100 arp_ip_target 10.99.0.9 "
                     "arp_validate " +
                     validate);
        lab.cli().ok("link set bond0 up");
        lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
        lab.enslave(0);
        lab.enslave(1);
        // Known beforehand: the target's own question for the bond's address is dropped, too.
        target.ns().ip("neigh replace 10.99.0.1 lladdr " + lab.status().mac.str() + " dev eth0 nud permanent");
        REQUIRE(lab.wait_link("e0", "up", 10s));
        REQUIRE(lab.wait_link("e1", "up", 10s));
        const auto pins = attach(lab.daemon(), "drop");
        REQUIRE(wait_until([&] { return lab.status().active_slave == "e0" || lab.status().active_slave == "e1"; }));
        const auto failures = [&] { return lab.status().slave("e0").failures + lab.status().slave("e1").failures; };
        const auto before = failures();
        const Sniffer probes(lab.ns(), "", {.protocol = 0x0003, .on_frame = {}});
        CHECK(probes.wait_count(
            [](const Frame &frame) {
                const auto arp = as_arp(frame);
                return frame.outgoing && arp && arp->operation == 1;
            },
            20, 20s));
        CHECK(failures() == before);
        CHECK_FALSE(target.pings("10.99.0.1"));
        CHECK(counted(pins) > 0);
    }
}

TEST_CASE("a program that does not load changes nothing and says what the verifier said") {
    Lab lab(Kind::wires, 1);
    lab.make_bond("mode balance-rr");
    const auto refused = lab.cli()("xdp attach bond0 " + object("refused"));
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.find("invalid access to packet") != std::string::npos);
    CHECK(shown(lab).at("chained").is_null());
    CHECK_FALSE(has_xdp(lab.ns(), "e0"));

    const auto pins = attach(lab.daemon(), "count", " prog count_and_pass");
    for (const std::string &words :
         {object("refused"), object("count"), object("count") + " prog nothing", std::string("/etc/passwd"),
          std::string("/proc/self/mem"), std::string("/nonexistent.o"), object("drop") + " pin /tmp/no_bpffs"}) {
        INFO(words);
        const auto result = lab.cli()("xdp attach bond0 " + words);
        CHECK(result.exit_code == 1);
        CHECK_FALSE(result.err.empty());
    }
    CHECK(lab.cli()("xdp attach bond9 " + object("drop")).exit_code == 1);
    CHECK(lab.cli()("xdp attach bond0 " + object("count")).err.find("count_and_pass, count_and_drop") !=
          std::string::npos);
    Injector(lab.switch_ns(), "s0").send(flood(1));
    CHECK(wait_until([&] { return counted(pins) == 1; }));
    CHECK(shown(lab).at("chained").at("program") == "count_and_pass");
}

TEST_CASE("a chained program goes on without the controller, and the next one knows it") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-rr");
    const auto pins = attach(lab.daemon(), "count", " prog count_and_pass");
    const Injector wire(lab.switch_ns(), "s0");
    const auto before = shown(lab);
    std::uint64_t sent = 0;
    for (const bool killed : {false, true}) {
        killed ? lab.daemon().kill9() : void(lab.daemon().stop());
        wire.send(flood(sent++));
        CHECK(wait_until([&] { return counted(pins) == sent; }));
        lab.daemon().start();
        CHECK(shown(lab).at("chained") == before.at("chained"));
        wire.send(flood(sent++));
        CHECK(wait_until([&] { return counted(pins) == sent; }));
        CHECK(xdp_on(lab, "e1") == "native");
    }
    lab.cli().ok("link del bond0");
    CHECK_FALSE(std::filesystem::exists(pins));
    CHECK_FALSE(has_xdp(lab.ns(), "e0"));
}

TEST_CASE("a chained program is kept on the slaves: xdp off is refused, what somebody took away comes back") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-rr xdp off");
    CHECK(lab.cli()("xdp attach bond0 " + object("drop")).err.find("xdp") != std::string::npos);
    CHECK(shown(lab).at("chained").is_null());
    lab.cli().ok("link set bond0 type bond xdp generic");
    const auto pins = attach(lab.daemon(), "count", " prog count_and_pass");
    CHECK(xdp_on(lab, "e0") == "generic");
    CHECK(lab.cli()("link set bond0 type bond xdp off").exit_code == 1);
    lab.cli().ok("link set bond0 type bond xdp auto");
    CHECK(xdp_on(lab, "e0") == "native");
    Injector(lab.switch_ns(), "s0").send(flood(1));
    CHECK(wait_until([&] { return counted(pins) == 1; }));

    lab.ns().ip("link set e0 xdp off");
    CHECK(wait_until([&] { return has_xdp(lab.ns(), "e0"); }));
    Injector(lab.switch_ns(), "s0").send(flood(2));
    CHECK(wait_until([&] { return counted(pins) == 2; }));
}

TEST_CASE("where somebody's XDP program holds a slave nothing is chained, and such a device does not come in") {
    Lab lab(Kind::wires, 2);
    lab.cli().ok("link add bond0 type bond mode balance-rr");
    lab.cli().ok("link set bond0 up");
    lab.enslave(0);
    const xbond::Fd foreign = xdp_verdict(2);
    {
        const OnDevice there(lab.ns(), "e0", OnDevice::Hook::xdp_native, foreign.get());
        const auto result = lab.cli()("xdp attach bond0 " + object("drop"));
        CHECK(result.exit_code == 1);
        CHECK(result.err.find("e0") != std::string::npos);
        CHECK(shown(lab).at("chained").is_null());
    }
    const auto pins = attach(lab.daemon(), "count", " prog count_and_pass");
    const OnDevice there(lab.ns(), "e1", OnDevice::Hook::xdp_native, foreign.get());
    const auto result = lab.cli()("link set e1 master bond0");
    CHECK(result.exit_code == 1);
    CHECK(result.err.find("chained") != std::string::npos);
    CHECK(lab.status().slaves.size() == 1);
    CHECK_FALSE(lab.ns().is_up("e1"));
}
