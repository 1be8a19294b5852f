// SPDX-License-Identifier: MIT
// Ports in a config file: what it describes is what runs.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/netns/lab.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;

namespace {

// Devices p0, p1, ... for ports, their other ends g0, g1, ...
class PortConfigs {
public:
    explicit PortConfigs(int slaves = 2) : lab(Kind::wires, slaves) {}

    void add_device(const std::string &name) const {
        lab.ns().ip("link add " + name + " type veth peer name g" + name + "\nlink set g" + name + " up\nlink set " +
                    name + " up");
    }
    std::string file(const json &bonds) {
        const auto path = lab.daemon().dir() / "config.json";
        std::ofstream(path) << json{{"bonds", bonds}}.dump();
        return path;
    }
    // A dry run prints what is then done, and a second time there is nothing to do.
    std::string apply(const json &bonds) {
        const auto path = file(bonds);
        auto would = lab.cli().ok("apply " + path + " --dry-run");
        for (std::size_t at = 0; (at = would.find("would: ")) != std::string::npos;) {
            would.erase(at, 7);
        }
        const auto did = lab.cli().ok("apply " + path);
        CHECK(would == did);
        CHECK(lab.cli().ok("apply " + path).starts_with("nothing to change\n"));
        return did;
    }
    // "p0 p1/20": the ports of a bond and their VLANs.
    std::string ports(const std::string &bond = "bond0") const {
        std::vector<std::string> names;
        const auto shown = lab.cli().json("port show " + bond); // lives as long as the loop
        for (const auto &port : shown.at(0).at("ports")) {
            names.push_back(port.at("name").get<std::string>() +
                            (port.at("vlan").is_null() ? "" : "/" + port.at("vlan").dump()));
        }
        std::ranges::sort(names);
        std::string out;
        for (const auto &name : names) {
            out += (out.empty() ? "" : " ") + name;
        }
        return out;
    }
    std::size_t slaves(const std::string &bond = "bond0") const {
        return lab.cli().json("status " + bond).at("bonds").at(0).at("slaves").size();
    }
    void start_with(const std::string &config) {
        REQUIRE(lab.daemon().stop() == 0);
        lab.daemon().start({"--config", config});
    }

    Lab lab;
};

} // namespace

TEST_CASE("apply: a file's ports are made, changed and taken away with it") {
    PortConfigs files;
    for (const char *name : {"p0", "p1", "p2"}) {
        files.add_device(name);
    }
    CHECK(files
              .apply({{"bond0",
                       {{"mode", "active-backup"},
                        {"slaves", {"e0", "e1"}},
                        {"ports", {"p0", {{"name", "p1"}, {"vlan", 20}, {"mac", "02:00:00:00:00:08"}}}}}}})
              .ends_with("bond0: up\nbond0: port add p0\nbond0: port add p1 mac 02:00:00:00:00:08 vlan 20\n"));
    CHECK(files.ports() == "p0 p1/20");
    CHECK(files.apply({{"bond0",
                        {{"mode", "active-backup"},
                         {"slaves", {"e0", "e1"}},
                         {"ports", {{{"name", "p1"}, {"vlan", 30}}, "p2"}}}}}) ==
          "bond0: port del p0\nbond0: port add p1 vlan 30\nbond0: port add p2\n");
    CHECK(files.ports() == "p1/30 p2");

    SECTION("a file that names none takes those away that the one before had named, and none made by hand") {
        files.add_device("p3");
        files.lab.cli().ok("port add bond0 p3");
        CHECK(files.apply({{"bond0", {{"mode", "active-backup"}, {"slaves", {"e0", "e1"}}}}}) ==
              "bond0: port del p1\nbond0: port del p2\n");
        CHECK(files.ports() == "p3");
        CHECK(
            files.apply({{"bond0", {{"mode", "active-backup"}, {"slaves", {"e0", "e1"}}, {"ports", json::array()}}}}) ==
            "bond0: port del p3\n");
        CHECK(files.ports() == "");
    }
    SECTION("they stay when the mode changes, and are known to the next controller") {
        files.apply({{"bond0", {{"mode", "balance-rr"}, {"slaves", {"e0"}}, {"ports", {"p2"}}}}});
        CHECK(files.ports() == "p2");
        files.lab.daemon().kill9();
        files.lab.daemon().start();
        CHECK(files.ports() == "p2");
        CHECK(files.apply({{"bond0", {{"mode", "balance-rr"}, {"slaves", {"e0"}}}}}) == "bond0: port del p2\n");
    }
}

TEST_CASE("apply: a device changes from slave to port, from port to slave, and from one bond's port to another's") {
    PortConfigs files;
    files.add_device("p0");
    files.apply({{"bond0", {{"slaves", {"e0", "e1"}}, {"ports", {"p0"}}}}, {"bond1", json::object()}});
    files.apply({{"bond0", {{"slaves", {"e0", "p0"}}, {"ports", {"e1"}}}}, {"bond1", json::object()}});
    CHECK(files.ports() == "e1");
    CHECK(files.slaves() == 2);
    files.apply({{"bond0", {{"slaves", {"e0"}}}}, {"bond1", {{"ports", {"e1", "p0"}}}}});
    CHECK(files.ports() == "");
    CHECK(files.ports("bond1") == "e1 p0");
    files.apply({{"bond0", {{"slaves", {"e0"}}, {"ports", {"e1"}}}}}); // bond1 ends
    CHECK(files.ports() == "e1");
    CHECK_FALSE(files.lab.ns().exists("bond1"));
}

TEST_CASE("apply: a port that is refused leaves everything as it was") {
    PortConfigs files;
    for (const char *name : {"p0", "p1", "p2"}) {
        files.add_device(name);
    }
    const json before{{"bond0", {{"slaves", {"e0"}}, {"ports", {{{"name", "p0"}, {"vlan", 20}}, "p1"}}}},
                      {"bond1", json::object()}};
    files.apply(before);
    const auto refused = [&](const json &bonds, const std::string &says) {
        const auto done = files.lab.cli()("apply " + files.file(bonds));
        INFO(done.err);
        CHECK_FALSE(done.ok());
        CHECK(done.err.find(says) != std::string::npos);
        CHECK(files.ports() == "p0/20 p1");
        CHECK(files.ports("bond1") == "");
        CHECK(files.slaves() == 1);
    };
    // Found out while it is done: the slave's address.
    const auto taken = files.lab.ns().mac("e0").str();
    refused(
        {{"bond0", {{"slaves", {"e0", "p1"}}, {"ports", {"p0"}}}},
         {"bond1", {{"ports", {"e1", {{"name", "p2"}, {"mac", "02:00:00:00:00:08"}}}}}},
         {"bond2", {{"slaves", json::array()}, {"address", "02:00:00:00:00:07"}, {"ports", {{{"name", "nothere"}}}}}}},
        "bonds.bond2.ports: interface nothere does not exist");
    refused({{"bond0", {{"slaves", {"e0"}}, {"ports", {{{"name", "p2"}, {"mac", taken}}}}}},
             {"bond1", {{"ports", {"p1"}}}}},
            "has it");
    refused({{"bond1", {{"ports", {"p1", "e1"}}}},
             {"bond0",
              {{"slaves", {"e0"}}, {"ports", {{{"name", "p0"}, {"vlan", 30}}, {{"name", "p2"}, {"mac", taken}}}}}}},
            "has it");
    files.lab.ns().ip("link add br0 type bridge\nlink set p2 master br0");
    refused({{"bond0", {{"slaves", {"e0"}}, {"ports", {"p2"}}}}, {"bond1", json::object()}}, "p2 is a port of br0");
    refused({{"bond0", {{"slaves", {"e0"}}, {"ports", {"lo"}}}}, {"bond1", json::object()}}, "lo cannot be a port");
    CHECK(files.lab.cli().ok("apply " + files.file(before)).starts_with("nothing to change\n"));
}

TEST_CASE("config: a port that is not there is waited for and made when it appears, and each time that it comes back") {
    PortConfigs files;
    const auto path = files.file({{"bond0", {{"slaves", {"e0"}}, {"ports", {{{"name", "late0"}, {"vlan", 20}}}}}}});
    CHECK(files.lab.cli()("apply " + path).err.find("late0 does not exist (ENODEV)") != std::string::npos);
    files.start_with(path);
    CHECK(files.lab.daemon().log().find("bond0: waits for port late0, which is not there") != std::string::npos);
    CHECK(files.lab.cli().ok("apply " + path) ==
          "nothing to change\nnote: bond0: waits for port late0, which is not there\n");
    const auto wait_ports = [&](const std::string &wanted) {
        return wait_until([&] { return files.ports() == wanted; }, 10s);
    };
    files.add_device("late0");
    CHECK(wait_ports("late0/20"));
    files.lab.ns().ip("link del late0");
    CHECK(wait_ports(""));
    files.add_device("late0");
    CHECK(wait_ports("late0/20"));

    SECTION("also when the controller has been started again while it was gone") {
        files.lab.ns().ip("link del late0");
        CHECK(wait_ports(""));
        files.lab.daemon().kill9();
        files.lab.daemon().start();
        files.add_device("late0");
        CHECK(wait_ports("late0/20"));
    }
    SECTION("one that was taken away by hand is left alone until the next apply") {
        files.lab.cli().ok("port del bond0 late0");
        files.lab.ns().ip("link set late0 mtu 1400\nlink set late0 mtu 1500");
        CHECK(holds_for([&] { return files.ports() == ""; }, 500ms));
        files.lab.cli().ok("apply " + path);
        CHECK(files.ports() == "late0/20");
    }
    SECTION("one that was changed by hand stays so until the next apply") {
        files.lab.cli().ok("port add bond0 late0 vlan 30");
        files.lab.ns().ip("link set late0 mtu 1400\nlink set late0 mtu 1500");
        CHECK(holds_for([&] { return files.ports() == "late0/30"; }, 500ms));
        CHECK(files.lab.cli().ok("apply " + path) == "bond0: port add late0 vlan 20\n");
    }
}

TEST_CASE("config at start: a port that is refused keeps nothing else from being made, and is tried again") {
    PortConfigs files;
    files.add_device("p0");
    files.add_device("p1");
    files.lab.ns().ip("link add br0 type bridge\nlink set p0 master br0");
    files.start_with(files.file({{"bond0", {{"slaves", {"e0"}}, {"ports", {"p0", "p1"}}}}}));
    CHECK(files.ports() == "p1");
    CHECK(files.slaves() == 1);
    CHECK(files.lab.daemon().log().find("p0 is a port of br0") != std::string::npos);
    files.lab.ns().ip("link set p0 nomaster");
    CHECK(wait_until([&] { return files.ports() == "p0 p1"; }, 15s));
}
