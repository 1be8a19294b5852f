// SPDX-License-Identifier: MIT
// Start, stop, crash, removal: what stays, what is given back.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

struct DeviceState { // of a slave, as its owner left it
    xbond::MacAddr mac;
    int mtu = 0;
    bool up = false;
    std::string arp_ignore, disable_ipv6;
    bool operator==(const DeviceState &) const = default;
};

DeviceState state_of(const NetNs &ns, const std::string &ifname) {
    return {ns.mac(ifname), ns.mtu(ifname), ns.is_up(ifname), ns.sysctl("net.ipv4.conf." + ifname + ".arp_ignore"),
            ns.sysctl("net.ipv6.conf." + ifname + ".disable_ipv6")};
}

// Slaves that differ in everything the bond changes.
std::vector<DeviceState> mark_slaves(const NetNs &ns) {
    ns.ip("link set e0 mtu 1400\nlink set e1 mtu 1450");
    ns.set_sysctl("net.ipv6.conf.e0.disable_ipv6", "0");
    ns.set_sysctl("net.ipv4.conf.e1.arp_ignore", "1");
    return {state_of(ns, "e0"), state_of(ns, "e1")};
}

bool forwards(const Lab &lab) {
    const Wires wires(lab, 2);
    Injector(lab.ns(), "bond0").send(udp_frame(0));
    return wires.wait_total(numbered_udp(), 1);
}

bool has_pins(const Daemon &daemon) {
    std::error_code absent;
    const auto entries = std::filesystem::directory_iterator(daemon.pin_dir(), absent);
    return !absent && entries != std::filesystem::directory_iterator();
}

void expect_all_gone(Lab &lab, const std::vector<DeviceState> &original) {
    CHECK_FALSE(lab.ns().exists("bond0"));
    CHECK_FALSE(has_pins(lab.daemon()));
    CHECK(state_of(lab.ns(), "e0") == original.at(0));
    CHECK(state_of(lab.ns(), "e1") == original.at(1));
    CHECK(lab.ns().ip_json("link show").size() == 3); // lo, e0, e1: no other end of a pair is left
}

} // namespace

TEST_CASE("lifecycle: link del restores the slaves and leaves nothing") {
    Lab lab(Kind::wires, 2);
    const auto original = mark_slaves(lab.ns());
    lab.make_bond("mode active-backup");
    REQUIRE(has_pins(lab.daemon()));
    REQUIRE_FALSE(state_of(lab.ns(), "e1") == original.at(1));
    lab.cli().ok("link del bond0");
    expect_all_gone(lab, original);
    CHECK(lab.daemon().running());
}

TEST_CASE("lifecycle: a controller goes on from the state files of earlier revisions, and replaces them") {
    Lab lab(Kind::wires, 2);
    const auto original = mark_slaves(lab.ns());
    lab.make_bond("mode 802.3ad");
    REQUIRE(lab.daemon().stop() == 0);
    const auto dir = lab.daemon().state_dir();
    const auto file = nlohmann::json::parse(std::ifstream(dir / "bonds/bond0.json"));
    std::filesystem::remove_all(dir / "bonds");
    auto lacp = file.at("lacp");
    lacp["version"] = 1;
    std::ofstream(dir / "lacp-bond0.json") << lacp;
    std::ofstream(dir / "state.json") << nlohmann::json{
        {"version", 3}, {"boot_id", file.at("boot_id")}, {"bonds", nlohmann::json::array({file.at("bond")})}};
    lab.daemon().start();
    CHECK(lab.status().slaves.size() == 2);
    CHECK_FALSE(std::filesystem::exists(dir / "state.json"));
    CHECK_FALSE(std::filesystem::exists(dir / "lacp-bond0.json"));
    const auto again = nlohmann::json::parse(std::ifstream(dir / "bonds/bond0.json"));
    CHECK(again.at("bond").at("originals") == file.at("bond").at("originals"));
    CHECK(again.at("lacp").at("last_aggregator") == file.at("lacp").at("last_aggregator"));
    lab.cli().ok("link del bond0");
    expect_all_gone(lab, original);
    CHECK_FALSE(std::filesystem::exists(dir / "bonds/bond0.json"));
}

TEST_CASE("lifecycle: --teardown after a SIGTERM restores the slaves and leaves nothing") {
    Lab lab(Kind::wires, 2);
    const auto original = mark_slaves(lab.ns());
    lab.make_bond("mode balance-rr");
    REQUIRE(lab.daemon().stop() == 0);
    CHECK(forwards(lab));
    const auto teardown = lab.daemon().run_to_end({"--teardown"});
    INFO(teardown.err);
    CHECK(teardown.ok());
    expect_all_gone(lab, original);
}

TEST_CASE("lifecycle: --teardown after a crash restores the slaves and leaves nothing") {
    Lab lab(Kind::wires, 2);
    const auto original = mark_slaves(lab.ns());
    lab.make_bond("mode balance-rr xdp native");
    lab.daemon().kill9();
    CHECK(forwards(lab));
    const auto teardown = lab.daemon().run_to_end({"--teardown"});
    INFO(teardown.err);
    CHECK(teardown.ok());
    expect_all_gone(lab, original);
}

TEST_CASE("lifecycle: a controller started after a crash still knows what to give back") {
    Lab lab(Kind::wires, 2);
    const auto original = mark_slaves(lab.ns());
    lab.make_bond("mode active-backup");
    const std::string before = lab.status_without_times();
    lab.daemon().kill9();
    lab.daemon().start();
    CHECK(lab.status_without_times() == before);
    lab.cli().ok("link del bond0");
    expect_all_gone(lab, original);
}

TEST_CASE("lifecycle: a carrier lost while no controller ran is acted on by the next") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    lab.daemon().kill9();
    lab.host().cut(0);
    lab.daemon().start();
    CHECK(lab.wait_active("e1"));
    CHECK(lab.wait_link("e0", "down"));
}

TEST_CASE("lifecycle: a second daemon in the namespace refuses and harms nothing") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    const std::string before = lab.status_without_times();
    const auto same_socket = lab.daemon().run_to_end({});
    CHECK_FALSE(same_socket.ok());
    CHECK_FALSE(same_socket.err.empty());
    const Daemon other(lab.ns()); // a socket, state and pins of its own, the same namespace
    Process process({program("xbondd"), "--socket", other.socket(), "--state-dir", other.state_dir(), "--bpffs",
                     other.pin_dir().parent_path().parent_path()},
                    lab.ns().fd());
    const auto exit_code = process.wait(10s);
    INFO(process.err());
    REQUIRE(exit_code.has_value());
    CHECK(*exit_code != 0);
    CHECK(lab.status_without_times() == before);
    CHECK(forwards(lab));
}

TEST_CASE("lifecycle: --teardown refuses while a daemon runs") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    CHECK_FALSE(lab.daemon().run_to_end({"--teardown"}).ok());
    CHECK(lab.daemon().running());
    CHECK(forwards(lab));
}

TEST_CASE("lifecycle: a deleted slave device leaves the bond, which goes on") {
    Lab lab(Kind::wires, 3);
    lab.make_bond("mode active-backup");
    REQUIRE(lab.status().active_slave == "e0");
    lab.ns().ip("link del e0");
    CHECK(wait_until([&] { return lab.status().slaves.size() == 2; }));
    CHECK(lab.wait_active("e1"));
    const Sniffer wire(lab.switch_ns(), "s1");
    Injector(lab.ns(), "bond0").send(udp_frame(0));
    CHECK(wire.wait_count(numbered_udp(), 1));
    lab.host().add_slave(0); // the same name and index again: nothing of the old one sticks
    lab.enslave(0);
    CHECK(lab.wait_link("e0", "up"));
    CHECK(lab.status().slaves.back().name == "e0");
}

TEST_CASE("lifecycle: bonds from a config file; started again it changes nothing") {
    Lab lab(Kind::wires, 2);
    REQUIRE(lab.daemon().stop() == 0);
    const auto file = lab.daemon().dir() / "config.json";
    const std::string config =
        R"({"bonds":{"bond0":{"mode":"active-backup","miimon":50,"primary":"e1","slaves":["e0","e1"]}}})";
    REQUIRE(run({"tee", file}, -1, config).ok());
    lab.daemon().start({"--config", file});
    CHECK(lab.wait_active("e1"));
    CHECK(lab.wait_link("e0", "up"));
    const std::string before = lab.status_without_times();
    REQUIRE(lab.daemon().stop() == 0);
    lab.daemon().start({"--config", file});
    CHECK(lab.status_without_times() == before);
}

TEST_CASE("lifecycle: without options xbond finds the daemon of its namespace") {
    const Switch sw(Kind::wires);
    const Host host(sw, 1);
    const BpfFs bpffs;
    Process daemon({program("xbondd"), "--bpffs", bpffs.path()}, host.ns().fd()); // /run is the sandbox's own
    const auto status = [&] { return host.ns().run({program("xbond"), "status", "-j"}); };
    CHECK(wait_until([&] { return status().ok(); }, 20s));
    CHECK_FALSE(sw.ns().run({program("xbond"), "status", "-j"}).ok());
    const auto from_outside = sw.ns().run({program("xbond"), "-n", host.ns().path(), "status", "-j"});
    INFO(from_outside.err);
    CHECK(from_outside.ok());
    daemon.signal(SIGTERM);
    CHECK(daemon.wait(10s) == 0);
}

TEST_CASE("lifecycle: the control socket serves many clients in turn and many requests of one") {
    const Switch sw(Kind::wires);
    const Host host(sw, 0);
    Daemon daemon(host.ns());
    daemon.start();
    ControlClient patient(daemon.socket());
    for (int n = 0; n < 200; ++n) {
        REQUIRE(patient.exchange("{\"v\":1,\"cmd\":\"status\"}\n").has_value());
        REQUIRE(ControlClient(daemon.socket()).exchange("{\"v\":1,\"cmd\":\"status\"}\n").has_value());
    }
}
