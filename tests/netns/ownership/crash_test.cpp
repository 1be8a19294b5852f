// SPDX-License-Identifier: MIT
// What a controller that was killed in the middle of something leaves is mended by the next, before anything else. And
// whose devices may become slaves.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;
namespace fs = std::filesystem;

namespace {

void change_state(Lab &lab, const std::function<void(json &bond)> &change) {
    const auto path = lab.daemon().state_dir() / "bonds/bond0.json";
    auto file = json::parse(std::ifstream(path));
    change(file["bond"]);
    std::ofstream(path) << file;
}

void forget_slave(json &bond, const std::string &name) {
    auto &slaves = bond["slaves"];
    for (auto slave = slaves.begin(); slave != slaves.end(); ++slave) {
        if (slave->at("name") == name) {
            slaves.erase(slave);
            break;
        }
    }
    bond["active"] = slaves.empty() ? json(255) : slaves.at(0).at("slot");
}

json &original(json &bond, const std::string &name) {
    for (auto &o : bond["originals"]) {
        if (o.at("name") == name) {
            return o;
        }
    }
    throw std::runtime_error("no original of " + name);
}

} // namespace

TEST_CASE("crash: a slave half taken in or half let go is given back and hears again") {
    Lab lab(Kind::bridge, 2);
    const auto mac = lab.ns().mac("e1");
    lab.make_bond("mode active-backup");
    const Server server(lab.network(), "10.99.0.2/24");
    lab.daemon().kill9();
    const bool was_up = GENERATE(true, false);
    change_state(lab, [&](json &bond) { // as it is on disk at that moment: the device on record, the slave not
        forget_slave(bond, "e1");
        original(bond, "e1")["up"] = was_up;
    });
    REQUIRE(fs::exists(lab.daemon().pin_dir() / "bond0/rx_1"));
    lab.daemon().start();
    CHECK(lab.status().slaves.size() == 1);
    CHECK_FALSE(fs::exists(lab.daemon().pin_dir() / "bond0/rx_1"));
    CHECK(lab.ns().mac("e1") == mac);
    CHECK(lab.ns().is_up("e1") == was_up);
    lab.ns().ip("link set e1 up\naddr add 10.99.0.1/24 dev e1");
    CHECK(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    lab.ns().ip("link set e1 down\naddr del 10.99.0.1/24 dev e1");
    lab.enslave(1);
    CHECK(lab.wait_link("e1", "up"));
}

TEST_CASE("crash: a device that has come in a half taken in slave's place is left as it is") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    lab.daemon().kill9();
    const auto ifindex = lab.ns().ifindex("e1");
    change_state(lab, [&](json &bond) { forget_slave(bond, "e1"); });
    lab.ns().ip("link del e1\nlink add name other index " + std::to_string(ifindex) +
                " address 02:00:00:00:77:77 type veth peer name another\nlink set other up");
    lab.daemon().start();
    CHECK(lab.status().slaves.size() == 1);
    CHECK(lab.ns().is_up("other"));
    CHECK(lab.ns().mac("other").str() == "02:00:00:00:77:77");
    CHECK_FALSE(fs::exists(lab.daemon().pin_dir() / "bond0/rx_1"));
}

TEST_CASE("crash: the same where every slave was half taken in and the state forgot them all") {
    Lab lab(Kind::wires, 2);
    const auto mac = lab.ns().mac("e0");
    lab.make_bond("mode balance-rr");
    lab.daemon().kill9();
    change_state(lab, [&](json &bond) {
        forget_slave(bond, "e0");
        forget_slave(bond, "e1");
    });
    lab.daemon().start();
    CHECK(lab.status().slaves.empty());
    CHECK(lab.ns().mac("e0") == mac);
    lab.enslave(0);
    lab.enslave(1);
    CHECK(lab.wait_link("e1", "up"));
    const Wires wires(lab, 2);
    Injector(lab.ns(), "bond0").send(udp_frame(0));
    CHECK(wires.wait_total(numbered_udp(), 1));
}

TEST_CASE("crash: a port half made or half ended is whole or none, and hears what it heard before") {
    Lab lab(Kind::wires, 1);
    lab.ns().ip("link add d0 type bridge\nlink set d0 up");
    lab.make_bond("mode active-backup");
    lab.cli().ok("port add bond0 d0");
    const auto hears_all = [&] { return lab.ns().link("d0").at("flags").dump().find("PROMISC") != std::string::npos; };
    const auto is_port = [&] { return lab.cli().json("status").at("bonds").at(0).contains("ports"); };
    REQUIRE(hears_all());
    lab.daemon().kill9();
    SECTION("on record, and not yet done") {
        lab.ns().ip("link set d0 promisc off");
        lab.daemon().start();
        CHECK(wait_until([&] { return hears_all() && is_port(); }));
    }
    SECTION("about to end") {
        change_state(lab, [](json &bond) { bond["ports"][0]["ending"] = true; });
        lab.daemon().start();
        CHECK(wait_until([&] { return !hears_all(); }));
        CHECK_FALSE(is_port());
        lab.cli().ok("port add bond0 d0");
        CHECK(hears_all());
    }
    SECTION("of a bond that goes with its device") {
        lab.ns().ip("link del bond0");
        lab.daemon().start();
        CHECK(wait_until([&] { return !hears_all(); }));
    }
}

TEST_CASE("ownership: what stands on the bond is refused as its slave, at any depth") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    if (!lab.ns().run(split("ip link add link bond0 name mv1 type macvlan mode bridge")).ok()) {
        std::cout << "SKIPPED: this kernel has no macvlan devices\n";
        return;
    }
    lab.ns().ip("link add link mv1 name mv2 type macvlan mode bridge\n"
                "link add br0 type bridge\nlink set mv2 master br0\n"
                "link add link br0 name mv3 type macvlan mode bridge");
    lab.cli().ok("link add bond1 type bond mode active-backup");
    for (const auto &name : {"mv1", "mv2", "br0", "mv3"}) {
        const auto refused = lab.cli()("link set " + std::string(name) + " master bond0");
        INFO(name << ": " << refused.err);
        CHECK_FALSE(refused.ok());
        CHECK(refused.err.find("stands on the bond itself") != std::string::npos);
    }
    CHECK(lab.refusal(R"({"v":1,"cmd":"link.set","name":"mv1","master":"bond0"})") == "ELOOP");
    lab.cli().ok("link set mv3 master bond1"); // another bond may stand on it
    lab.ns().ip("link add link bond1 name mv5 type macvlan mode bridge");
    CHECK(lab.refusal(R"({"v":1,"cmd":"link.set","name":"mv5","master":"bond1"})") == "ELOOP");
    CHECK(lab.refusal(R"({"v":1,"cmd":"link.set","name":"mv5","master":"bond0"})") == "ELOOP"); // through bond1
    CHECK(lab.status().slaves.size() == 2);
}

TEST_CASE("ownership: a slave of a bond that is not under control is nobody else's") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    REQUIRE(lab.daemon().stop() == 0);
    std::ofstream(lab.daemon().state_dir() / "bonds/bond0.json") << "{";
    lab.daemon().start();
    lab.cli().ok("link add bond1 type bond");
    lab.ns().ip("link set e1 down");
    for (const auto &name : {"e1", "bond0", "bond0p"}) {
        const json request{{"v", 1}, {"cmd", "link.set"}, {"name", name}, {"master", "bond1"}};
        CHECK(lab.refusal(request.dump()) == "EBUSY");
    }
}
