// SPDX-License-Identifier: MIT
// What others do to the bond's device, to its other end and to its slaves: followed, mended or told of; nothing is
// stranded, and a bond can always be made again.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;
namespace fs = std::filesystem;

namespace {

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

bool forwards(const Lab &lab, const std::string &bond = "bond0") {
    const Wires wires(lab, 2);
    Injector(lab.ns(), bond).send(udp_frame(0));
    return wires.wait_total(numbered_udp(), 1);
}

json bond_status(const Lab &lab) { return lab.cli().json("status").at("bonds"); }

bool is_bond(const Lab &lab, const std::string &name) {
    const auto bonds = bond_status(lab);
    return std::any_of(bonds.begin(), bonds.end(), [&](const json &bond) { return bond.at("name") == name; });
}

std::size_t slaves_of(const Lab &lab) { return bond_status(lab).at(0).at("slaves").size(); }

void can_be_made_again(Lab &lab) {
    if (is_bond(lab, "bond0")) {
        lab.cli().ok("link del bond0");
    }
    CHECK_FALSE(lab.ns().exists("bond0"));
    CHECK(wait_until([&] { return !lab.ns().exists("bond0p"); })); // no longer shown before it has gone
    CHECK(wait_until([&] { return !fs::exists(lab.daemon().pin_dir() / "bond0"); }));
    lab.make_bond("mode active-backup");
    CHECK(forwards(lab));
}

} // namespace

TEST_CASE("device: the other end of the bond's device set down by anybody is set up again, and what is shown is true") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    for (int n = 0; n < 3; ++n) {
        lab.ns().ip("link set bond0p down");
        CHECK(wait_until([&] { return lab.ns().carrier("bond0"); }));
    }
    CHECK(lab.status().carrier);
    CHECK(forwards(lab));
    for (int n = 0; n < 2; ++n) {
        lab.host().cut(n);
    }
    CHECK(wait_until([&] { return !lab.ns().is_up("bond0p"); }));
    lab.ns().ip("link set bond0p up"); // the bond has no carrier: neither may its device
    CHECK(wait_until([&] { return !lab.ns().is_up("bond0p"); }));
    lab.daemon().kill9();
    lab.host().join(0);
    lab.ns().ip("link set bond0p down");
    lab.daemon().start();
    CHECK(wait_until([&] { return lab.ns().carrier("bond0"); }));
}

TEST_CASE("device: a bond set down in one go with its slaves does not fail over between, and comes up with its own") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    REQUIRE(wait_until([&] { return lab.status().active_slave == "e0"; }));
    for (int round = 0; round < 8; ++round) {
        lab.ns().ip("link set bond0 down\nlink set e0 down\nlink set e1 down");
        REQUIRE(wait_until([&] { return !bond_status(lab).at(0).at("admin_up").get<bool>(); }));
        lab.ns().ip("link set e1 up\nlink set e0 up\nlink set bond0 up");
        REQUIRE(wait_until([&] { return !lab.status().active_slave.empty(); }));
        INFO(round);
        CHECK(lab.status().active_slave == "e0");
    }
    CHECK(forwards(lab));
}

TEST_CASE("device: either end deleted ends the bond, slaves are as before, and it can be made again") {
    Lab lab(Kind::wires, 2);
    const auto mac = lab.ns().mac("e1");
    lab.make_bond("mode active-backup");
    lab.ns().ip(GENERATE("link del bond0", "link del bond0p"));
    CHECK(wait_until([&] { return bond_status(lab).empty(); }));
    CHECK(lab.ns().mac("e1") == mac);
    can_be_made_again(lab);
}

TEST_CASE("device: a bond that is moved into another network namespace is put back and goes on") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    const NetNs other;
    const auto number = lab.ns().ifindex("bond0");
    const std::string end = GENERATE("bond0", "bond0p");
    const bool running = GENERATE(true, false);
    if (!running) {
        lab.daemon().kill9();
    }
    lab.ns().ip("link set " + end + " netns " + other.path());
    if (!running) {
        lab.daemon().start();
    }
    REQUIRE(wait_until([&] { return lab.ns().exists(end) && !other.exists(end); }));
    CHECK(lab.ns().ifindex("bond0") == number);
    CHECK(wait_until([&] { return slaves_of(lab) == 2; }));
    if (end == "bond0" && !running) { // whoever moved it set it down
        lab.cli().ok("link set bond0 up");
    }
    CHECK(wait_until([&] { return lab.ns().is_up("bond0") && lab.ns().carrier("bond0"); }));
    CHECK(lab.wait_active("e0"));
    CHECK(forwards(lab));
    CHECK(contains(lab.daemon().log(), "moved into another network namespace"));
    can_be_made_again(lab);
}

TEST_CASE("device: one that cannot be brought back is told of, and removed by its name") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    lab.daemon().kill9();
    auto other = std::make_unique<NetNs>();
    other->ip("link add bond0 index " + std::to_string(lab.ns().ifindex("bond0") + 1000) + " type veth peer name x");
    lab.ns().ip("link set bond0 netns " + other->path() + " name moved");
    other->ip("link del moved"); // takes the pair along
    lab.daemon().start();
    CHECK_FALSE(is_bond(lab, "bond0"));
    can_be_made_again(lab);
}

TEST_CASE("device: a bond that is renamed is called so everywhere, through restarts and without a packet lost") {
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode active-backup");
    const Server server(lab.network(), "10.99.0.2/24");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    const bool running = GENERATE(true, false);
    UdpEcho echo(lab.ns(), server.ns(), "10.99.0.2", 500);
    if (!running) {
        lab.daemon().kill9();
    }
    if (!lab.ns().run(split("ip link set bond0 name lan0")).ok()) {
        return; // before Linux 6.2
    }
    if (!running) {
        lab.daemon().start();
    }
    REQUIRE(wait_until([&] { return is_bond(lab, "lan0"); }));
    CHECK_FALSE(is_bond(lab, "bond0"));
    CHECK(wait_until([&] { return fs::exists(lab.daemon().state_dir() / "bonds/lan0.json"); }));
    CHECK(wait_until([&] { return !fs::exists(lab.daemon().state_dir() / "bonds/bond0.json"); }));
    CHECK(fs::exists(lab.daemon().pin_dir() / "lan0/xb_table"));
    CHECK_FALSE(fs::exists(lab.daemon().pin_dir() / "bond0"));
    lab.cli().ok("link set lan0 type bond active_slave e1");
    CHECK(contains(lab.cli().ok("proc lan0"), "e1"));
    lab.daemon().kill9();
    lab.daemon().start();
    CHECK(is_bond(lab, "lan0"));
    CHECK(lab.cli().json("status").at("not_under_control").empty());
    const auto reports = echo.finish();
    CHECK(reports.outbound.lost == 0);
    lab.cli().ok("link set e0 nomaster");
    lab.cli().ok("link set e0 master lan0");
    lab.cli().ok("link add bond0 type bond"); // the name is free
    lab.cli().ok("link del bond0");
    lab.cli().ok("link del lan0");
    CHECK_FALSE(lab.ns().exists("lan0"));
    CHECK_FALSE(lab.ns().exists("lan0p"));
    CHECK_FALSE(fs::exists(lab.daemon().pin_dir()));
}

TEST_CASE("device: a bond that is renamed there and back at once is called what its device is called") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    if (!lab.ns().run(split("ip link set bond0 name lan0")).ok()) {
        return; // before Linux 6.2
    }
    const auto batch = lab.daemon().dir() / "batch";
    std::ofstream(batch) << "link set bond0 name lan0\nlink set lan0 name bond0\n";
    for (int i = 0; i < 25; ++i) { // the second comes while the first is followed, or before, or after
        if (lab.ns().exists("lan0")) {
            lab.ns().ip("link set lan0 name bond0");
        }
        REQUIRE(wait_until([&] { return is_bond(lab, "bond0"); }));
        holds_for([] { return true; }, std::chrono::milliseconds(i), 1ms);
        REQUIRE(lab.ns().run(split("ip -b " + batch.string())).ok());
        REQUIRE(wait_until([&] { return is_bond(lab, "bond0") && !is_bond(lab, "lan0"); }));
        REQUIRE(wait_until([&] { return fs::exists(lab.daemon().state_dir() / "bonds/bond0.json"); }));
    }
    lab.cli().ok("link del bond0");
    CHECK_FALSE(fs::exists(lab.daemon().pin_dir()));
}

TEST_CASE("device: a name that no bond can have is taken back") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    if (!lab.ns().run(split("ip link set bond0 name a.b")).ok()) {
        return;
    }
    CHECK(wait_until([&] { return lab.ns().exists("bond0"); }));
    CHECK(contains(lab.daemon().log(), "cannot be called a.b"));
    CHECK(forwards(lab));
}

TEST_CASE("device: a slave that is moved into another network namespace goes with its own address, MTU and filters") {
    Lab lab(Kind::wires, 2);
    lab.ns().ip("link set e1 mtu 1400");
    const auto mac = lab.ns().mac("e1");
    lab.make_bond(GENERATE("mode active-backup", "mode balance-rr xdp native"));
    lab.ns().ip("link set bond0 promisc on");
    REQUIRE(lab.ns().mac("e1") != mac);
    const NetNs other;
    lab.ns().ip("link set e1 netns " + other.path() + " name wan0");
    REQUIRE(wait_until([&] { return lab.status().slaves.size() == 1; }));
    CHECK(wait_until([&] { return other.mac("wan0") == mac; }));
    CHECK(wait_until([&] { return other.mtu("wan0") == 1400; }));
    CHECK(wait_until([&] { return other.link("wan0").at("promiscuity") == 0; }));
    CHECK_FALSE(other.link("wan0").contains("xdp"));
    CHECK_FALSE(fs::exists(lab.daemon().pin_dir() / "bond0/rx_1"));
    CHECK(contains(lab.daemon().log(), "it has its own address and MTU again"));
}

TEST_CASE("device: a slave that somebody makes a port of something else leaves the bond, loudly") {
    Lab lab(Kind::wires, 2);
    const auto mac = lab.ns().mac("e1");
    lab.make_bond("mode active-backup");
    lab.ns().ip("link add br0 type bridge");
    const bool running = GENERATE(true, false);
    if (!running) {
        lab.daemon().kill9();
    }
    lab.ns().ip("link set e1 master br0");
    if (!running) {
        lab.daemon().start();
    }
    CHECK(wait_until([&] { return lab.status().slaves.size() == 1; }));
    CHECK(wait_until([&] { return lab.ns().mac("e1") == mac && lab.ns().is_up("e1"); }));
    CHECK(lab.ns().link("e1").at("master") == "br0");
    CHECK(contains(lab.daemon().log(), "was made a port of br0"));
    CHECK(forwards(lab));
}

TEST_CASE("device: slaves stay silent whatever is written to all devices") {
    Lab lab(Kind::wires, 2);
    for (const auto *setting : {"all", "default", "e0", "e1", "bond0p"}) {
        if (lab.ns().exists(setting) || std::string(setting).size() > 2) {
            (void)lab.ns().run({"sysctl", "-qw", "net.ipv6.conf." + std::string(setting) + ".disable_ipv6=0"});
        }
    }
    const auto mode = lab.ns().sysctl("net.ipv6.conf.e1.addr_gen_mode");
    lab.make_bond("mode active-backup");
    const Sniffer wire(lab.switch_ns(), "s1", Sniffer::Options{.incoming_only = true, .on_frame = {}});
    for (int n = 0; n < 3; ++n) {
        lab.ns().set_sysctl("net.ipv6.conf.all.disable_ipv6", "0");
        CHECK(wait_until([&] { return lab.ns().sysctl("net.ipv6.conf.e1.disable_ipv6") == "1"; }));
    }
    lab.ns().set_sysctl("net.ipv6.conf.all.addr_gen_mode", "0");
    CHECK(wait_until([&] { return lab.ns().sysctl("net.ipv6.conf.e1.addr_gen_mode") == "1"; }));
    lab.ns().set_sysctl("net.ipv4.conf.e1.arp_ignore", "0");
    CHECK(wait_until([&] { return lab.ns().sysctl("net.ipv4.conf.e1.arp_ignore") == "8"; }));
    for (const auto *slave : {"e0", "e1"}) {
        const auto devices = lab.ns().ip_json("addr show dev " + std::string(slave));
        for (const auto &address : devices.at(0).at("addr_info")) {
            CHECK(address.at("family") != "inet6");
        }
    }
    CHECK(wire.frames().empty());
    lab.cli().ok("link set e1 nomaster");
    CHECK(lab.ns().sysctl("net.ipv6.conf.e1.addr_gen_mode") == mode);
    CHECK(lab.ns().sysctl("net.ipv6.conf.e1.disable_ipv6") == "0");
}

TEST_CASE("device: an alternative name is the device's, wherever a name can be given") {
    Lab lab(Kind::wires, 2);
    lab.ns().ip("link property add dev e0 altname enp3s0\n"
                "link property add dev e1 altname a-name-longer-than-any-interface-may-have");
    const std::string longer = "a-name-longer-than-any-interface-may-have";
    const json config{
        {"bonds",
         {{"bond0", {{"mode", "active-backup"}, {"primary", "enp3s0"}, {"slaves", json::array({"enp3s0", longer})}}}}}};
    const auto apply = [&] {
        const auto done = lab.cli().run({"apply", "-"}, config.dump());
        INFO(done.err);
        REQUIRE(done.ok());
        return done.out;
    };
    apply();
    CHECK(lab.status().slaves.size() == 2);
    CHECK(lab.status().primary == "e0");
    CHECK(contains(apply(), "nothing to change"));
    CHECK(lab.status().slaves.size() == 2);
    CHECK(lab.wait_active("e0"));
    lab.cli().ok("link set bond0 type bond active_slave " + longer);
    CHECK(lab.wait_active("e1"));
    lab.cli().ok("link set bond0 type bond active_slave enp3s0");
    lab.cli().ok("link set enp3s0 type bond_slave prio 5");
    CHECK(bond_status(lab).at(0).at("slaves").at(0).at("prio") == 5);
    CHECK(lab.cli()("link show " + longer).ok());
    lab.cli().ok("link set " + longer + " nomaster");
    CHECK(lab.status().slaves.size() == 1);
    lab.cli().ok("link set " + longer + " master bond0");
    CHECK(lab.status().slaves.size() == 2);
    lab.ns().ip("link property add dev bond0 altname uplink");
    lab.cli().ok("link set uplink type bond miimon 50");
    CHECK(lab.cli()("status uplink").ok());
    CHECK(lab.cli()("proc uplink").ok());
    CHECK(lab.cli()("explain uplink --flow src=10.0.0.1,dst=10.0.0.2,proto=udp,sport=1,dport=2").ok());
    lab.cli().ok("link set e0 nomaster");
    lab.cli().ok("link set bond0 type bond primary enp9s9"); // a device that is not there yet
    lab.ns().ip("link property add dev e0 altname enp9s9");
    lab.cli().ok("link set e0 master bond0");
    CHECK(lab.status().primary == "e0");
}
