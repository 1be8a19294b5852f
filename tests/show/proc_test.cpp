// SPDX-License-Identifier: MIT
// /proc/net/bonding/bond0 (`text.proc`): texts captured from bonding.ko 6.12.117 in the VM lab.
#include <catch2/catch.hpp>

#include "tests/show/view_builder.h"
#include "user/show/render.h"

using namespace xbond;
using show::proc_text;

namespace {

const std::string kernel = "6.12.117+deb12-amd64";

const std::string slaves = R"(
Slave Interface: v0
MII Status: up
Speed: 10000 Mbps
Duplex: full
Link Failure Count: 0
Permanent HW addr: 76:89:eb:1a:df:d7
Slave queue ID: 0

Slave Interface: v1
MII Status: up
Speed: 10000 Mbps
Duplex: full
Link Failure Count: 0
Permanent HW addr: 6e:48:df:81:54:d5
Slave queue ID: 0
)";

std::string golden(const std::string &mode_and_selection, const std::string &rest = slaves) {
    return "Ethernet Channel Bonding Driver: v6.12.117+deb12-amd64\n\nBonding Mode: " + mode_and_selection +
           "MII Status: up\nMII Polling Interval (ms): 100\nUp Delay (ms): 0\nDown Delay (ms): 0\n"
           "Peer Notification Delay (ms): 0\n" +
           rest;
}

} // namespace

TEST_CASE("O12 proc text of balance-rr and broadcast, two slaves") {
    CHECK(proc_text(test::bond_view(Mode::round_robin), kernel) == golden("load balancing (round-robin)\n"));
    CHECK(proc_text(test::bond_view(Mode::broadcast), kernel) == golden("fault-tolerance (broadcast)\n"));
}

TEST_CASE("O12 proc text of balance-xor names the hash policy and its number") {
    auto bond = test::bond_view(Mode::balance_xor);
    CHECK(proc_text(bond, kernel) == golden("load balancing (xor)\nTransmit Hash Policy: layer2 (0)\n"));
    bond.options.xmit_hash_policy = HashPolicy::vlan_srcmac;
    CHECK(proc_text(bond, kernel) == golden("load balancing (xor)\nTransmit Hash Policy: vlan+srcmac (5)\n"));
}

TEST_CASE("O12 proc text of active-backup: primary, active, fail_over_mac") {
    auto bond = test::bond_view(Mode::active_backup);
    CHECK(proc_text(bond, kernel) ==
          golden("fault-tolerance (active-backup)\nPrimary Slave: v0 (primary_reselect always)\n"
                 "Currently Active Slave: v0\n"));
    bond.options.fail_over_mac = core::FailOverMac::follow;
    bond.options.primary_reselect = core::PrimaryReselect::failure;
    CHECK(proc_text(bond, kernel) ==
          golden("fault-tolerance (active-backup) (fail_over_mac follow)\n"
                 "Primary Slave: v0 (primary_reselect failure)\nCurrently Active Slave: v0\n"));
    bond.primary = bond.active = no_slot; // the option still names v0, which is not enslaved then
    bond.slaves.clear();
    CHECK(proc_text(bond, kernel) == golden("fault-tolerance (active-backup) (fail_over_mac follow)\n"
                                            "Primary Slave: None\nCurrently Active Slave: None\n",
                                            ""));
}

TEST_CASE("O12 fail_over_mac shows in active-backup only") {
    auto bond = test::bond_view(Mode::round_robin);
    bond.options.fail_over_mac = core::FailOverMac::active;
    CHECK(proc_text(bond, kernel) == golden("load balancing (round-robin)\n"));
}

TEST_CASE("O12 proc text of a slave in trouble, and delays as multiples of miimon") {
    auto bond = test::bond_view(Mode::broadcast);
    bond.carrier = false;
    bond.options.updelay_ticks = 2;
    bond.options.downdelay_ticks = 3;
    bond.options.peer_notif_delay_ticks = 1;
    bond.slaves.resize(1);
    auto &s = bond.slaves[0].slave;
    s.link = core::Link::fail;
    s.speed = core::speed_unknown;
    s.duplex = core::duplex_unknown;
    s.failures = 3;
    s.queue_id = 2;
    CHECK(proc_text(bond, kernel) == R"(Ethernet Channel Bonding Driver: v6.12.117+deb12-amd64

Bonding Mode: fault-tolerance (broadcast)
MII Status: down
MII Polling Interval (ms): 100
Up Delay (ms): 200
Down Delay (ms): 300
Peer Notification Delay (ms): 100

Slave Interface: v0
MII Status: going down
Speed: Unknown
Duplex: Unknown
Link Failure Count: 3
Permanent HW addr: 76:89:eb:1a:df:d7
Slave queue ID: 2
)");
    s.duplex = core::duplex_half;
    s.link = core::Link::back;
    const auto text = proc_text(bond, kernel);
    CHECK(text.find("MII Status: going back\n") != std::string::npos);
    CHECK(text.find("Duplex: half\n") != std::string::npos);
}

TEST_CASE("O12 proc text of the ARP monitor: targets in order, the line of NS targets even when empty") {
    auto bond = test::bond_view(Mode::round_robin);
    bond.options.miimon_ms = 0;
    bond.options.arp_interval_ms = 500;
    bond.options.arp_missed_max = 3;
    bond.options.arp_ip_targets = {{192, 0, 2, 1}, {192, 0, 2, 2}};
    const auto text = proc_text(bond, kernel);
    CHECK(text.find("Peer Notification Delay (ms): 0\nARP Polling Interval (ms): 500\nARP Missed Max: 3\n"
                    "ARP IP target/s (n.n.n.n form): 192.0.2.1, 192.0.2.2\nNS IPv6 target/s (xx::xx form):\n\n"
                    "Slave Interface: v0\n") != std::string::npos);
    bond.options.ns_ip6_targets = {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    CHECK(proc_text(bond, kernel).find("NS IPv6 target/s (xx::xx form): fd00::1\n") != std::string::npos);
}
