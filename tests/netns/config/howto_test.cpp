// SPDX-License-Identifier: MIT
// The procedure of old how-tos, from its files on disk to a bond that runs: modprobe.d, ifcfg files, udev rules, a line
// with ifenslave in rc.local; a look at /proc's text and at equal addresses; the restart by hand.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/import/tree.h"
#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;

namespace {

// A host with eth0 and eth1 as the how-to's udev rules name them, wires to a switch with the ARP target on it.
class Machine {
public:
    explicit Machine(const std::string &how_to)
        : files_(test::read_case(XB_TEST_DATA "/import/" + how_to + ".case")),
          sw_(Kind::bridge),
          host_(sw_, 0),
          daemon_(host_.ns()) {
        const auto rules = how_to == "howto-arp" ? "20" : "10";
        for (int n = 0; n < 2; ++n) {
            const auto name = "eth" + std::to_string(n), port = "s" + std::to_string(n);
            host_.ns().veth(name, sw_.ns(), port);
            host_.ns().ip("link set " + name + " address 00:00:5e:00:53:" + std::to_string(std::stoi(rules) + n));
            sw_.add_port(port);
        }
        sw_.ns().ip("addr add 192.168.101.254/24 dev br0\nlink set br0 up");
        daemon_.start();
    }
    const NetNs &ns() const { return host_.ns(); }
    const std::filesystem::path &root() const { return files_.root(); }
    Cli cli() const { return daemon_.cli(); }
    const Switch &network() const { return sw_; }
    bool proc_says(const std::string &text) const {
        return wait_until([&] { return cli().ok("proc bond0").find(text) != std::string::npos; }, 10s);
    }
    void import_and_apply() const {
        const auto config = daemon_.dir() / "bonds.json";
        const auto imported = cli().run({"import", "--root", root()});
        INFO(imported.err);
        REQUIRE(imported.ok());
        std::ofstream(config) << imported.out;
        cli().ok("apply " + config.string());
    }
    CommandResult ifenslave(const std::string &arguments) const {
        Argv argv{"ifenslave", "--root", root()};
        const auto more = split(arguments);
        argv.insert(argv.end(), more.begin(), more.end());
        return cli().run(argv);
    }

private:
    test::Tree files_;
    Switch sw_;
    Host host_;
    harness::Daemon daemon_;
};

void check_equal_addresses(const Machine &machine) {
    CHECK(machine.ns().mac("eth0") == machine.ns().mac("bond0"));
    CHECK(machine.ns().mac("eth1") == machine.ns().mac("bond0"));
}

} // namespace

TEST_CASE("how-to, miimon=100 mode=1: its files imported and applied make the bond it describes") {
    const Machine machine("howto-mii");
    machine.import_and_apply();
    CHECK(machine.proc_says("Bonding Mode: fault-tolerance (active-backup)\n"));
    CHECK(machine.proc_says("MII Polling Interval (ms): 100\n"));
    CHECK(machine.proc_says("Currently Active Slave: eth0\nMII Status: up\n"));
    CHECK(machine.proc_says("Permanent HW addr: 00:00:5e:00:53:11\n"));
    check_equal_addresses(machine);
}

TEST_CASE("how-to, arp_interval=500 with a target: its files imported and applied make a bond with the ARP monitor") {
    const Machine machine("howto-arp");
    machine.import_and_apply();
    machine.ns().ip("addr add 192.168.101.10/24 dev bond0");
    CHECK(machine.proc_says("ARP Polling Interval (ms): 500\n"));
    CHECK(machine.proc_says("ARP IP target/s (n.n.n.n form): 192.168.101.254\n"));
    CHECK(machine.proc_says(
        "Primary Slave: eth0 (primary_reselect always)\nCurrently Active Slave: eth0\nMII Status: up\n"));
    check_equal_addresses(machine);
    machine.network().cut("s0"); // and the monitor does its work
    CHECK(machine.proc_says("Currently Active Slave: eth1\n"));
}

TEST_CASE("how-to: ifenslave makes the bond with the module's options, enslaves, and serves the restart by hand") {
    const auto how_to = GENERATE(as<std::string>{}, "howto-mii", "howto-arp");
    DYNAMIC_SECTION(how_to) {
        const Machine machine(how_to);
        const auto made = machine.ifenslave("bond0 eth0 eth1");
        INFO(made.err);
        REQUIRE(made.ok());
        machine.ns().ip("addr add 192.168.101.10/24 dev bond0");
        CHECK(machine.proc_says("fault-tolerance (active-backup)"));
        CHECK(machine.proc_says(how_to == "howto-mii" ? "MII Polling Interval (ms): 100\n"
                                                      : "ARP Polling Interval (ms): 500\n"));
        CHECK(machine.proc_says("Currently Active Slave: eth0\nMII Status: up\n"));
        check_equal_addresses(machine);

        machine.ns().ip("link set bond0 down\nlink set eth0 down\nlink set eth1 down"); // in one go
        CHECK(wait_until([&] { return !machine.ns().is_up("eth1"); }));
        REQUIRE(machine.ifenslave("bond0 eth0").ok());
        REQUIRE(machine.ifenslave("bond0 eth1").ok());
        machine.ns().ip("link set bond0 up");
        CHECK(machine.proc_says("Currently Active Slave: eth0\nMII Status: up\n"));
        check_equal_addresses(machine);
    }
}

TEST_CASE("ifenslave: -c changes the active slave, -d releases, -a shows, and mistakes are told") {
    const Machine machine("howto-mii");
    REQUIRE(machine.ifenslave("-v bond0 eth0 eth1").err.find("bond0: eth1 is a slave\n") != std::string::npos);
    REQUIRE(machine.proc_says("Currently Active Slave: eth0\nMII Status: up\n"));
    CHECK(wait_until([&] { return machine.ifenslave("-c bond0 eth1").ok(); }));
    CHECK(machine.proc_says("Currently Active Slave: eth1\n"));
    CHECK(machine.ifenslave("-d bond0 eth1").ok());
    CHECK(machine.cli().ok("proc bond0").find("eth1") == std::string::npos);
    CHECK(machine.ns().mac("eth1").str() == "00:00:5e:00:53:11");
    CHECK(machine.ifenslave("-a").out.find("bond0: <") != std::string::npos);
    CHECK(machine.ifenslave("-d bond0 eth1").exit_code == 1);
    CHECK(machine.ifenslave("bond0 nothere").exit_code == 1);
    CHECK(machine.ifenslave("-x bond0").exit_code == 2);
    CHECK(machine.ns().run({program("ifenslave"), "--help"}).out.starts_with("Usage: ifenslave"));
}
