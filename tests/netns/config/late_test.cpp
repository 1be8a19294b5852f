// SPDX-License-Identifier: MIT
// Slaves by what they are; those that are missing, late, or come back.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;

namespace {

std::string write_config(Lab &lab, const json &bonds) {
    const auto path = lab.daemon().dir() / "config.json";
    std::ofstream(path) << json{{"bonds", bonds}}.dump();
    return path;
}

std::vector<std::string> slaves_of(Lab &lab, const std::string &bond = "bond0") {
    std::vector<std::string> names;
    const auto status = lab.cli().json("status");
    for (const auto &one : status.at("bonds")) {
        for (const auto &slave : one.at("name") == bond ? one.at("slaves") : json::array()) {
            names.push_back(slave.at("name"));
        }
    }
    return names;
}

void start_with(Lab &lab, const std::string &config) {
    REQUIRE(lab.daemon().stop() == 0);
    lab.daemon().start({"--config", config});
}

bool wait_slaves(Lab &lab, const std::vector<std::string> &wanted, const std::string &bond = "bond0") {
    return wait_until([&] { return slaves_of(lab, bond) == wanted; }, 10s);
}

} // namespace

TEST_CASE("config: slaves by MAC, glob, driver and alternative name; a moved name does not move the bond") {
    Lab lab(Kind::wires, 4);
    lab.ns().ip("link set e0 address 52:54:00:00:00:10\nlink set e1 address 52:54:00:00:00:11\n"
                "link property add dev e2 altname uplink-two\n"
                "link set e0 name tmp\nlink set e1 name e0\nlink set tmp name e1");
    const auto path =
        write_config(lab, {{"bond0", {{"slaves", {{{"name", "e0"}, {"mac", "52:54:00:00:00:10"}}, "uplink-two"}}}},
                           {"bond1", {{"slaves", {{{"match", "e*"}, {"driver", "veth"}}}}}}});
    lab.cli().ok("apply " + path);
    CHECK(slaves_of(lab) == std::vector<std::string>{"e1", "e2"}); // e1 has the address
    CHECK(slaves_of(lab, "bond1") == std::vector<std::string>{"e0", "e3"});
    CHECK(lab.cli().ok("apply " + path) == "nothing to change\n");
}

TEST_CASE("config: a slave that is not there is waited for and taken in when it appears, and after each replug") {
    Lab lab(Kind::wires, 2);
    const auto path = write_config(
        lab, {{"bond0", {{"mode", "active-backup"}, {"slaves", {"e0", {{"name", "late0"}, {"prio", 9}}}}}}});
    CHECK(lab.cli()("apply " + path).err.find("late0 does not exist (ENODEV)") != std::string::npos); // a mistake?
    start_with(lab, path);
    CHECK(lab.daemon().log().find("bond0: waits for late0, which is not there") != std::string::npos);
    CHECK(lab.cli().ok("apply " + path) ==
          "nothing to change\nnote: bond0: waits for late0, which is not there\n"); // known by now
    CHECK(slaves_of(lab) == std::vector<std::string>{"e0"});
    lab.ns().ip("link add late0 type veth peer name peer0\nlink set peer0 up");
    CHECK(wait_slaves(lab, {"e0", "late0"}));
    CHECK(lab.wait_active("late0")); // with its prio
    lab.ns().ip("link del late0");
    CHECK(wait_slaves(lab, {"e0"}));
    lab.ns().ip("link add other0 type veth peer name peer0\nlink set peer0 up\nlink set other0 name late0");
    CHECK(wait_slaves(lab, {"e0", "late0"}));

    SECTION("also when the controller has been started again while it was gone") {
        lab.ns().ip("link del late0");
        CHECK(wait_slaves(lab, {"e0"}));
        lab.daemon().kill9();
        lab.daemon().start();
        lab.ns().ip("link add late0 type veth peer name peer0\nlink set peer0 up");
        CHECK(wait_slaves(lab, {"e0", "late0"}));
    }
    SECTION("one that was released by hand is left alone") {
        lab.cli().ok("link set late0 nomaster");
        lab.ns().ip("link set late0 mtu 1400\nlink set late0 mtu 1500");
        CHECK(holds_for([&] { return slaves_of(lab) == std::vector<std::string>{"e0"}; }, 500ms));
        lab.cli().ok("apply " + path);
        CHECK(slaves_of(lab) == std::vector<std::string>{"e0", "late0"});
    }
}

TEST_CASE("config: a file that names a running slave by its alternative name changes nothing, and costs no packet") {
    Lab lab(Kind::bridge, 2);
    const Server server(lab.network(), "10.99.0.2/24");
    lab.ns().ip("link property add dev e0 altname enp3s0");
    lab.make_bond("mode active-backup primary e0"); // by their own names
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    const auto path = write_config(
        lab, {{"bond0", {{"mode", "active-backup"}, {"primary", "enp3s0"}, {"slaves", {"enp3s0", "e1"}}}}});
    UdpEcho echo(lab.ns(), server.ns(), "10.99.0.2", 500);
    for (int n = 0; n < 3; ++n) {
        CHECK(lab.cli().ok("apply " + path) == "nothing to change\n");
        CHECK(slaves_of(lab) == std::vector<std::string>{"e0", "e1"});
    }
    CHECK(echo.finish().outbound.lost == 0);
    CHECK(lab.status().slave("e0").failures == 0);
    CHECK(lab.status().primary == "e0");
}

TEST_CASE("config: a slave by its MAC comes back under any name") {
    Lab lab(Kind::wires, 1);
    start_with(lab, write_config(lab, {{"bond0", {{"slaves", {"e0", {{"mac", "52:54:00:00:00:77"}}}}}}}));
    lab.ns().ip("link add usb7 address 52:54:00:00:00:77 type veth peer name peer0\nlink set peer0 up");
    CHECK(wait_slaves(lab, {"e0", "usb7"}));
    lab.ns().ip("link del usb7");
    CHECK(wait_slaves(lab, {"e0"}));
    lab.ns().ip("link add usb8 address 52:54:00:00:00:77 type veth peer name peer0\nlink set peer0 up");
    CHECK(wait_slaves(lab, {"e0", "usb8"}));
}

TEST_CASE("config at start: what can be made is made, what is missing is waited for, what is refused is tried again") {
    Lab lab(Kind::wires, 2);
    lab.ns().ip("link add bond1 type veth peer name b1\nlink add br0 type bridge\nlink set e1 master br0");
    const auto path = write_config(lab, {{"bond0", {{"slaves", {"e0", "nothere0"}}}},
                                         {"bond1", {{"slaves", json::array()}}},
                                         {"bond2", {{"slaves", {"e1"}}}}});
    start_with(lab, path);
    CHECK(slaves_of(lab) == std::vector<std::string>{"e0"});
    CHECK(lab.daemon().log().find("waits for nothere0") != std::string::npos);
    CHECK(lab.daemon().log().find("bond1") != std::string::npos);
    lab.ns().ip("link del bond1\nlink set e1 nomaster\nlink add nothere0 type veth peer name peer0\nlink set peer0 up");
    CHECK(wait_slaves(lab, {"e0", "nothere0"}));
    CHECK(wait_slaves(lab, {"e1"}, "bond2"));
    CHECK(wait_until([&] { return lab.cli()("status bond1 -j").ok(); }, 15s));
}
