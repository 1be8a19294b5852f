// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "tests/api/mutate.h"
#include "user/api/protocol.h"
#include "user/core/options/option_table.h"

using namespace xbond;
using namespace xbond::api;

namespace {

const std::string good = R"({
  "group": "netadmin",
  "bonds": {
    "bond0": {
      "updelay": 200, "mode": "active-backup", "miimon": 50, "primary": "eth1", "all_slaves_active": true,
      "address": "52:54:00:aa:bb:01", "mtu": 9000,
      "slaves": ["eth0", {"name": "eth1", "prio": -10, "queue_id": 2}],
      "ports": ["veth7", {"name": "veth8", "mac": "02:00:00:00:00:08", "vlan": 20, "xdp": "off"}]
    },
    "bond1": {"mode": 2, "xmit_hash_policy": "layer3+4", "up": false}
  }
})";

struct Bad {
    std::string text, says;
    int code = EINVAL;
};

std::string bond(const std::string &members) { return R"({"bonds":{"bond0":{)" + members + "}}}"; }

void check_refused(const Bad &bad) {
    INFO(bad.text.substr(0, 200));
    const auto c = parse_config(bad.text, "/etc/x.json");
    REQUIRE_FALSE(c);
    INFO(c.error().message);
    CHECK(c.error().message.starts_with("/etc/x.json: "));
    CHECK(c.error().message.find(bad.says) != std::string::npos);
    CHECK(c.error().code == bad.code);
}

} // namespace

TEST_CASE("config: a full file") {
    const auto c = parse_config(good, "f");
    REQUIRE(c);
    CHECK(c->group == "netadmin");
    REQUIRE(c->bonds.size() == 2);
    const auto &b = c->bonds[0];
    CHECK(b.name == "bond0");
    CHECK(b.up);
    CHECK(b.mtu == 9000U);
    CHECK(b.address->str() == "52:54:00:aa:bb:01");
    std::string options;
    for (const auto &o : b.options) {
        options += o.name + "=" + o.value + " ";
    }
    CHECK(options == "mode=active-backup miimon=50 updelay=200 primary=eth1 all_slaves_active=1 "); // by table
    REQUIRE(b.slaves.size() == 2);
    CHECK(b.slaves[0].name == "eth0");
    CHECK(b.slaves[1].options.size() == 2);
    CHECK(b.slaves[1].options[0].value == "-10");
    CHECK_FALSE(c->bonds[1].up);
    CHECK(parse_config("{}", "f")->bonds.empty());
}

TEST_CASE("config: errors name file, key and reason") {
    for (const Bad &bad : std::vector<Bad>{
             {"{\n  \"bonds\": {\n    oops\n", "not valid JSON at line 3, column 5"},
             {"[]", "expected a JSON object"},
             {R"({"bond":{}})", "unknown key \"bond\"; known here: group, bonds"},
             {R"({"bonds":[]})", "bonds: expected an object"},
             {R"({"bonds":{"bond0":1}})", "bonds.bond0: expected a JSON object"},
             {R"({"group":5})", "group: expected a string"},
             {R"({"bonds":{"a/b":{}}})", "bonds: \"a/b\" is no interface name"},
             {R"({"bonds":{"abcdefghijklmno":{}}})", "at most 14"},
             {R"({"bonds":{"b":{},"b":{}}})", "key \"b\" is given twice"},
             {bond(R"("mimon":100)"), "bonds.bond0.mimon: "},
             {bond(R"("miimon":-1)"), "bonds.bond0.miimon: "},
             {bond(R"("miimon":1.5)"), "bonds.bond0.miimon: expected a string, a whole number"},
             {bond(R"("miimon":null)"), "bonds.bond0.miimon: expected"},
             {bond(R"("miimon":99999999999)"), "bonds.bond0.miimon: "},
             {bond(R"("mode":"turbo")"), "bonds.bond0.mode: "},
             {bond(R"("mode":"balance-rr","primary":"eth0")"), "bonds.bond0.primary: ", EACCES},
             {bond(R"("miimon":0,"updelay":100)"), "bonds.bond0.updelay: ", EPERM},
             {bond(R"("active_slave":"eth0")"), "bonds.bond0.active_slave: chooses a slave once"},
             {bond(R"("mtu":10)"), "bonds.bond0.mtu: expected a number 68..65535, got 10"},
             {bond(R"("address":"ff:ff:ff:ff:ff:ff")"), "no unicast address", EADDRNOTAVAIL},
             {bond(R"("up":"yes")"), "bonds.bond0.up: expected true or false"},
             {bond(R"("slaves":"eth0")"), "bonds.bond0.slaves: expected a list"},
             {bond(R"("slaves":[1])"), "bonds.bond0.slaves[0]: expected a JSON object"},
             {bond(R"("slaves":["a b"])"), "bonds.bond0.slaves[0]: "},
             {bond(R"("slaves":[{"prio":1}])"), "bonds.bond0.slaves[0].name: missing"},
             {bond(R"("slaves":[{"name":"e","prio":2147483648}])"), "slaves[0].prio: expected a number"},
             {bond(R"("slaves":[{"name":"e","queue_id":17}])"), "slaves[0].queue_id: expected a number 0..16"},
             {bond(R"("slaves":[{"name":"e","queue_id":true}])"), "slaves[0].queue_id: expected a number"},
             {bond(R"("slaves":[{"name":"e","speed":1}])"), "slaves[0]: unknown key \"speed\""},
             {bond(R"("slaves":[{"name":"a","queue_id":3},{"name":"b","queue_id":3}])"),
              "slaves[1]: queue_id 3 is already that of a"},
             {bond(R"("slaves":["eth0","eth0"])"), "eth0 is a slave of bond0 and also a slave of bond0"},
             {bond(R"("slaves":["bond0"])"), "bond0 is a slave of bond0 and also a bond"},
             {bond(R"("slaves":["bond0p"])"), "also the other end of bond0's pair"},
             {R"({"bonds":{"a":{"slaves":["e"]},"b":{"slaves":["e"]}}})", "e is a slave of b and also a slave of a"},
             {R"({"bonds":{"a":{},"ap":{}}})", "ap is a bond and also the other end"}}) {
        check_refused(bad);
    }
}

TEST_CASE("config: at most 32 slaves, and queue_id 0 for all of them") {
    std::string slaves;
    for (int i = 0; i < 33; ++i) {
        slaves += (i ? "," : "") + std::string(R"({"name":"e)") + std::to_string(i) + R"(","queue_id":0})";
        if (i == 31) {
            CHECK(parse_config(bond("\"slaves\":[" + slaves + "]"), "f"));
        }
    }
    check_refused({bond("\"slaves\":[" + slaves + "]"), "at most 32 slaves"});
}

TEST_CASE("config: ports with the words of port add; none named is not the same as none wanted") {
    const auto c = parse_config(good, "f");
    REQUIRE(c);
    REQUIRE(c->bonds[0].ports);
    CHECK(c->bonds[0].ports->at(0) == PortConfig{.name = "veth7"});
    CHECK(c->bonds[0].ports->at(1).words() == "veth8 mac 02:00:00:00:00:08 vlan 20 xdp off");
    CHECK_FALSE(c->bonds[1].ports);
    CHECK(parse_config(bond(R"("ports":[])"), "f")->bonds[0].ports->empty());
    std::string many;
    for (int i = 0; i < 65; ++i) {
        many += (i ? ",\"v" : "\"v") + std::to_string(i) + "\"";
    }
    for (const Bad &bad : std::vector<Bad>{
             {bond(R"("ports":"v")"), "bonds.bond0.ports: expected a list of at most 64 ports"},
             {bond("\"ports\":[" + many + "]"), "expected a list of at most 64 ports"},
             {bond(R"("ports":[7])"), "bonds.bond0.ports[0]: expected a JSON object"},
             {bond(R"("ports":[{"vlan":7}])"), "bonds.bond0.ports[0].name: missing"},
             {bond(R"("ports":[{"name":"v","vlan":4095}])"), "ports[0].vlan: expected a number 1..4094"},
             {bond(R"("ports":[{"name":"v","xdp":"fast"}])"), "ports[0].xdp: expected auto, native, generic or off"},
             {bond(R"("ports":[{"name":"v","mac":"01:00:5e:00:00:01"}])"), "no unicast address", EADDRNOTAVAIL},
             {bond(R"("ports":[{"name":"v","prio":1}])"), "unknown key \"prio\"; known here: name, mac, vlan, xdp"},
             {bond(R"("ports":["a b"])"), "bonds.bond0.ports[0]: "},
             {bond(R"("ports":["v","v"])"), "v is a port of bond0 and also a port of bond0"},
             {bond(R"("slaves":["v"],"ports":["v"])"), "v is a port of bond0 and also a slave of bond0"},
             {bond(R"("ports":["bond0p"])"), "also the other end of bond0's pair"},
             {bond(R"("ports":[{"name":"v","mac":"02:00:00:00:00:08"},{"name":"w","mac":"02:00:00:00:00:08"}])"),
              "ports[1]: mac 02:00:00:00:00:08 is already that of v"},
             {bond(R"("address":"02:00:00:00:00:08","ports":[{"name":"v","mac":"02:00:00:00:00:08"}])"),
              "ports[0]: mac 02:00:00:00:00:08 is already that of the bond"}}) {
        check_refused(bad);
    }
}

TEST_CASE("config: 3,000 broken files each give an error or a config that is sound") {
    test::Mutator mutator(2);
    int accepted = 0, refused = 0;
    for (int i = 0; i < 3'000; ++i) {
        const auto c = parse_config(i % 50 == 0 ? mutator.noise(mutator.below(300)) : mutator.mutate(good), "f.json");
        if (!c) {
            ++refused;
            REQUIRE(c.error().message.starts_with("f.json: "));
            continue;
        }
        ++accepted;
        for (const auto &b : c->bonds) {
            REQUIRE(check_bond_name(b.name));
            REQUIRE(b.slaves.size() <= XB_MAX_SLAVES);
            core::Options options;
            for (const auto &o : b.options) {
                REQUIRE(core::set_option(options, {}, o, nullptr));
            }
        }
    }
    CHECK(refused > 1'500);
    CHECK(accepted > 20);
}

TEST_CASE("config: slaves by what they are") {
    const auto c = parse_config(
        bond(
            R"("slaves":[{"mac":"52:54:00:aa:bb:02","prio":3},{"name":"e0","mac":"52:54:00:aa:bb:03"},{"match":"en*","driver":"ix*"},{"path":"pci-0000:03:00.0"}])"),
        "f");
    REQUIRE(c);
    const auto &slaves = c->bonds[0].slaves;
    CHECK(slaves[0].text() == "mac 52:54:00:aa:bb:02");
    CHECK(slaves[2].text() == "match en* driver ix*");
    const Nic nic{"en0", {"uplink"}, *MacAddr::parse("52:54:00:aa:bb:03"), "ixgbe", "pci-0000:03:00.0", false};
    CHECK_FALSE(fits(slaves[0], nic));
    CHECK(fits(slaves[1], nic)); // under another name
    CHECK(fits(slaves[2], nic));
    CHECK(fits(slaves[3], nic));
    SlaveConfig by_name;
    by_name.name = "uplink";
    CHECK(fits(by_name, nic));
    Nic vlan = nic;
    vlan.virtual_above = true; // has its parent's address
    CHECK_FALSE(fits(slaves[1], vlan));
    CHECK(fits(by_name, vlan));

    for (const auto *bad :
         {R"("slaves":[{}])", R"("slaves":[{"mac":"no"}])", R"("slaves":[{"mac":"01:00:5e:00:00:01"}])",
          R"("slaves":[{"match":""}])", R"("slaves":[{"prio":1}])", R"("slaves":[{"colour":"red"}])",
          R"("slaves":[{"mac":"52:54:00:aa:bb:02"},{"mac":"52:54:00:aa:bb:02"}])"}) {
        INFO(bad);
        CHECK_FALSE(parse_config(bond(bad), "f"));
    }
}

TEST_CASE("config: globs") {
    CHECK(glob_fits("e*0", "enp0"));
    CHECK_FALSE(glob_fits("e*0", "enp1"));
    CHECK(glob_fits("en[a-p]?[!3]", "enp02"));
    CHECK_FALSE(glob_fits("en[a-p]?[!3]", "enp03"));
    CHECK(glob_fits("[", "["));
    CHECK(glob_fits("*", ""));
    CHECK_FALSE(glob_fits("", "x"));
    CHECK_FALSE(glob_fits(std::string(2000, '*') + "x", std::string(2000, 'a')));
}
