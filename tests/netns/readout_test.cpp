// SPDX-License-Identifier: MIT
// What scripts read: /proc text and the JSON of `ip -d -j link show`.
#include <catch2/catch.hpp>
#include <sys/utsname.h>

#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

std::string kernel_release() {
    utsname name{};
    uname(&name);
    return name.release;
}

void set_macs(const Lab &lab) {
    lab.ns().ip("link set e0 address 02:00:00:00:0e:00\nlink set e1 address 02:00:00:00:0e:01");
}

std::string golden(const std::string &bond_lines) {
    std::string text = "Ethernet Channel Bonding Driver: v" + kernel_release() + "\n\n" + bond_lines +
                       "MII Status: up\n"
                       "MII Polling Interval (ms): 100\n"
                       "Up Delay (ms): 0\n"
                       "Down Delay (ms): 200\n"
                       "Peer Notification Delay (ms): 0\n";
    for (const char *n : {"0", "1"}) {
        text += std::string("\nSlave Interface: e") + n +
                "\n"
                "MII Status: up\n"
                "Speed: 10000 Mbps\n"
                "Duplex: full\n"
                "Link Failure Count: 0\n"
                "Permanent HW addr: 02:00:00:00:0e:0" +
                n +
                "\n"
                "Slave queue ID: 0\n";
    }
    return text;
}

} // namespace

TEST_CASE("xbond proc prints /proc/net/bonding's text for modes 0 to 3") {
    struct Case {
        const char *options, *lines;
    };
    const Case c = GENERATE(Case{"mode balance-rr", "Bonding Mode: load balancing (round-robin)\n"},
                            Case{"mode active-backup", "Bonding Mode: fault-tolerance (active-backup)\n"
                                                       "Primary Slave: None\nCurrently Active Slave: e0\n"},
                            Case{"mode active-backup primary e1 primary_reselect better fail_over_mac follow",
                                 "Bonding Mode: fault-tolerance (active-backup) (fail_over_mac follow)\n"
                                 "Primary Slave: e1 (primary_reselect better)\nCurrently Active Slave: e1\n"},
                            Case{"mode balance-xor xmit_hash_policy layer3+4",
                                 "Bonding Mode: load balancing (xor)\nTransmit Hash Policy: layer3+4 (1)\n"},
                            Case{"mode broadcast", "Bonding Mode: fault-tolerance (broadcast)\n"});
    DYNAMIC_SECTION(c.options) {
        Lab lab(Kind::wires, 2);
        set_macs(lab);
        lab.make_bond(std::string(c.options) + " miimon 100 downdelay 200");
        CHECK(lab.cli().ok("proc bond0") == golden(c.lines));
    }
}

TEST_CASE("xbond proc tells a lost slave") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100");
    lab.host().cut(0);
    REQUIRE(lab.wait_link("e0", "down"));
    const std::string text = lab.cli().ok("proc bond0");
    CHECK(text.find("Currently Active Slave: e1\n") != std::string::npos);
    CHECK(text.find("Slave Interface: e0\nMII Status: down\n") != std::string::npos);
    CHECK(text.find("Link Failure Count: 1\n") != std::string::npos);
}

TEST_CASE("a script written for `ip -d -j link show` reads the bond and its slaves") {
    Lab lab(Kind::wires, 2);
    set_macs(lab);
    lab.make_bond("mode active-backup miimon 100 downdelay 200 primary e1 num_grat_arp 2");
    lab.cli().ok("link set e0 type bond_slave prio 7");
    REQUIRE(wait_until(
        [&] { return lab.ns().run(split("ip link show bond0")).out.find("state UP") != std::string::npos; }));
    std::string all = "[";
    for (const char *name : {"bond0", "e0", "e1"}) {
        const std::string one = lab.cli().ok(std::string("-d -j link show ") + name);
        const auto open = one.find('['), close = one.rfind(']');
        REQUIRE(close != std::string::npos);
        all += (all.size() > 1 ? "," : "") + one.substr(open + 1, close - open - 1);
    }
    const auto script = run({"python3", XBOND_TEST_SCRIPTS "/read_like_ip.py"}, -1, all + "]");
    INFO(script.err);
    CHECK(script.ok());
    CHECK(script.out == "bond0 active-backup active=e1 primary=e1 miimon=100 downdelay=200 notify=2 up\n"
                        "  e0 BACKUP UP failures=0 perm=02:00:00:00:0e:00 queue=0 prio=7\n"
                        "  e1 ACTIVE UP failures=0 perm=02:00:00:00:0e:01 queue=0 prio=0\n");
}
