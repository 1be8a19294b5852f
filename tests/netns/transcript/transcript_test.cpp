// SPDX-License-Identifier: MIT
// Every `ip` command that the kernel's bonding selftests and iproute2's pages say about a bond or a slave of one, with
// xbond for ip: what has to be done is done, what is printed has what their scripts look for. What concerns no bond
// (the veths, bridges and addresses around it) is ip's.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/netns/lab.h"
#include "tests/netns/transcript/play.h"

using namespace xbond::harness;
using Kind = Switch::Kind;
using nlohmann::json;

namespace {

void play(const Lab &lab, const std::string &script) { play(lab.ns(), lab.cli(), script); }
json info_data(const Lab &lab, const std::string &bond) { return info_data(lab.cli(), bond); }
json slave_data(const Lab &lab, const std::string &slave) { return slave_data(lab.cli(), slave); }

} // namespace

TEST_CASE("transcript: bond_options, option_prio: prio of slaves and the active slave") {
    Lab lab(Kind::bridge, 3);
    const auto mode = GENERATE(as<std::string>{}, "active-backup", "balance-tlb", "balance-alb");
    play(lab, "link add bond0 type bond mode " + mode + " miimon 100 primary e1 primary_reselect 0\n" + R"(
link set bond0 up
link set e0 master bond0
link set e1 master bond0
link set e2 master bond0
link set bond0 type bond active_slave e1
link set e0 type bond_slave prio 0
link set e1 type bond_slave prio 10
link set e2 type bond_slave prio 11
-d link show e1 | prio 10
link set e0 type bond_slave prio 1000000
link set e2 type bond_slave prio -50
-d link show e0 | prio 1000000
-d link show e2 | prio -50
link add bond1 type bond ns_ip6_target 2001:db8::254
-d link show bond1 | ns_ip6_target 2001:db8::254
link del bond1
)");
    CHECK(slave_data(lab, "e1").at("prio") == 10);
    CHECK(info_data(lab, "bond0").at("active_slave") == "e1");
    play(lab, "link set e1 down\n");
    CHECK(wait_until([&] { return info_data(lab, "bond0").at("active_slave") != "e1"; }));
    play(lab, "link set e1 up\n");
    CHECK(wait_until([&] { return info_data(lab, "bond0").at("active_slave") == "e1"; }));
    CHECK(wait_until([&] { return slave_data(lab, "e2").at("mii_status") == "UP"; }));
}

TEST_CASE("transcript: bond-arp-interval-causes-panic: down and up in one line, another mode on the way") {
    Lab lab(Kind::bridge, 1);
    play(lab, R"(
link add dev bond0 down type bond mode 1 miimon 100 all_slaves_active 1
link set dev e0 down master bond0
link set dev bond0 up
ip addr add 192.168.1.198/24 dev bond0
link set dev e0 down nomaster
link set dev bond0 down
link set dev bond0 type bond mode 0 arp_interval 1000 arp_ip_target 192.168.1.254
link set dev e0 down master bond0
link set dev bond0 up
-d link show bond0 | mode balance-rr
)");
    CHECK(lab.ns().is_up("bond0"));
}

TEST_CASE("transcript: lag_lib, dev_addr_lists: a bond that is up from the start, over devices that ip has made") {
    Lab lab(Kind::bridge, 2);
    for (const char *mode :
         {"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"}) {
        play(lab, "link add bond1 up type bond mode " + std::string(mode) + R"(
link set dev e0 master bond1
link set dev e1 master bond1
link show bond1 | UP
link set dev bond1 down
link del bond1
)");
        CHECK_FALSE(lab.ns().exists("bond1"));
    }
}

TEST_CASE("transcript: bond-break-lacpdu-tx: a bond is a port of a bridge, and has the address that it is given") {
    Lab lab(Kind::bridge, 2);
    play(lab, R"(
ip link add fab-br0 address 52:54:00:3B:7C:A6 mtu 1500 type bridge forward_delay 15
link add fbond type bond mode 4 miimon 200 xmit_hash_policy 1 ad_actor_sys_prio 65535 lacp_rate fast
link set fbond address 52:54:00:3B:7C:A6
link set fbond up
link set fbond type bond ad_actor_sys_prio 65535
link set fbond master fab-br0
link set e0 down master fbond
link set e1 down master fbond
ip link set fab-br0 up
link set fbond up
link show fbond | master fab-br0
link show master fab-br0 | fbond
link show master fbond | e1
link set fbond nomaster
link del fbond
)");
    CHECK_FALSE(lab.ns().exists("fbond"));
}

TEST_CASE("transcript: bond_lacp_prio, bond_lacp_strict: options of ports and of LACP") {
    Lab lab(Kind::bridge, 2);
    play(lab, R"(
link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast ad_select actor_port_prio min_links 1
link set e0 master bond0
link set e1 master bond0
link set bond0 up
link set e0 type bond_slave actor_port_prio 1000
-d link show e0 | actor_port_prio 1000
link set dev bond0 type bond lacp_strict on
link set dev bond0 type bond lacp_strict off
)");
    CHECK(slave_data(lab, "e0").at("actor_port_prio") == 1000);
    CHECK(info_data(lab, "bond0").at("ad_select") == "actor_port_prio");
}

TEST_CASE("transcript: bond_topo, bond_options: a bond is made anew with each set of options") {
    const Lab lab(Kind::bridge, 2);
    std::vector<std::string> sets{"mode balance-tlb", "mode balance-alb",
                                  "mode active-backup miimon 100 num_grat_arp 50 peer_notify_delay 1000"};
    for (const std::string validate : {"0", "1", "2", "3", "4", "5", "6"}) {
        for (const std::string target : {"arp_ip_target 192.0.2.254", "ns_ip6_target 2001:db8::254"}) {
            sets.push_back("mode active-backup arp_interval 100 " + target + " arp_validate " + validate);
        }
    }
    for (const auto &options : sets) {
        play(lab, "link add bond0 type bond " + options + R"(
link set e0 master bond0
link set e1 master bond0
link set bond0 up
ip addr add 192.0.2.1/24 dev bond0
-br link show | e1
link set bond0 down
link del bond0
)");
        CHECK_FALSE(lab.ns().exists("bond0"));
    }
}

TEST_CASE("transcript: bond-lladdr-target, bond_passive_lacp, netcons_over_bonding: made, up and deleted as there") {
    const Lab lab(Kind::bridge, 2);
    play(lab, R"(
link add bond0 type bond mode 1 ns_ip6_target fe80::beef arp_validate 3 arp_interval 1000
link set bond0 up
link set e0 master bond0
link set e1 master bond0
-d link show bond0 | ns_ip6_target fe80::beef
-d link show bond0 | arp_validate all
link set bond0 type bond clear_active_slave
link delete bond0 type bond
link add bond0 type bond mode 802.3ad lacp_active off lacp_rate fast
link set e0 master bond0
link set e1 master bond0
link set bond0 up
-d link show bond0 | lacp_active off
link delete bond0 type bond
link add bond_tx_7 type bond mode balance-rr
link set e0 down
link set e1 down
link set e0 master bond_tx_7
link set e1 master bond_tx_7
link set bond_tx_7 up
link delete bond_tx_7 type bond
)");
}

TEST_CASE("transcript: mode-1-recovery-updelay, mode-2-recovery-updelay: the last link is used at once") {
    Lab lab(Kind::bridge, 2);
    const Server server(lab.network(), "172.20.2.2/24");
    const auto mode = GENERATE(1, 2);
    const auto updelay = GENERATE(0, 10000);
    play(lab, "link set e0 down\nlink set e1 down\nlink add bond0 type bond mode " + std::to_string(mode) +
                  " miimon 100 updelay " + std::to_string(updelay) + R"(
link set e0 master bond0
link set e1 master bond0
link set bond0 up
ip addr add 172.20.2.1/24 dev bond0
)");
    const auto pings = [&] { return lab.ns().run(split("ping -c1 -W1 172.20.2.2")).ok(); };
    REQUIRE(wait_until(pings, 10s));
    lab.host().cut(0);
    CHECK(lab.wait_link("e0", "down"));
    CHECK(wait_until(pings, 5s));
    lab.host().join(0);
    lab.host().cut(1);
    CHECK(wait_until(pings, 5s));
}

TEST_CASE("transcript: bond-eth-type-change: abbreviations, flags, and what a bond cannot be here") {
    Lab lab(Kind::bridge, 0);
    play(lab, R"(
link add name test-bond0 type bond
link set dev test-bond0 type bond mode active-backup
link add name test-bond1 type bond
-d l sh dev test-bond0 | MASTER
! link set dev test-bond0 master test-bond1 | it cannot be a slave of a bond here
link del dev test-bond0
link del dev test-bond1
)");
}

TEST_CASE("transcript: ip-link(8): lists of bonds and of slaves, in each form") {
    Lab lab(Kind::bridge, 2);
    play(lab, R"(
link add bond0 type bond mode active-backup miimon 100
link set e0 master bond0
link set e1 master bond0
link set bond0 up
link show type bond_slave | e1: <
link show type bond | bond0: <
link show up | e0: <
link show up type bond_slave master bond0 | e1: <
-o link show dev e0 | master bond0
-br link show type bond | bond0            
link help | Usage
link help bond | Usage
link add type bond help | arp_validate
link set type bond_slave help | queue_id
link set e0 type bond_slave queue_id 2 prio 7
-d link show e0 | queue_id 2
)");
    const auto slaves = lab.cli().ok("link show type bond_slave");
    CHECK(slaves.find("bond0: <") == std::string::npos);
    CHECK(slaves.find("e0: <") != std::string::npos);
    const auto line = lab.cli().ok("-o -d link show bond0");
    CHECK(std::count(line.begin(), line.end(), '\n') == 1);
    CHECK(line.find("\\    link/ether ") != std::string::npos);
    const auto brief = json::parse(lab.cli().ok("-br -j link show e0")).at(0);
    CHECK(brief.size() == 4);
    CHECK(brief.at("ifname") == "e0");
    CHECK(brief.at("flags").is_array());
}

TEST_CASE("transcript: ip-link(8): lists by what links are, statistics of LACP, files of commands") {
    Lab lab(Kind::wires, 2);
    play(lab, R"(
link add bond0 type bond mode 802.3ad lacp_rate fast
link add bond1 type bond mode 1 arp_interval 100 arp_ip_target +192.168.1.254
link set e0 mast bond0
link set bond0 up
link show down | bond1: <
link show nomaster up | bond0: <
link show group default novf | bond1: <
-d link show bond1 | arp_ip_target 192.168.1.254
link set bond1 type bond arp_interval 0 arp_ip_target
link set e0 nomast
link set e0 master bond0
link xstats type bond | LACPDU Tx
link xstats type bond 802.3ad dev bond0 | Marker response Tx 0
link xstats type bond_slave dev e0 | LACPDU Unknown type Rx 0
! link xstats type bond dev nosuch | Cannot find device
link xstats type bond help | xstats
link help bond_slave | queue_id
! link set bond1 netns somewhere | cannot open network namespace somewhere
)");
    CHECK(lab.cli().ok("-d link show bond1").find("arp_ip_target") == std::string::npos);
    CHECK(lab.cli().ok("link show nomaster").find("e0: <") == std::string::npos);
    CHECK(lab.cli().ok("link show down").find("bond0: <") == std::string::npos);
    const auto counted = [&] {
        return lab.cli().json("link xstats type bond").at(0).at("802.3ad").at("lacpdu_tx").get<unsigned>();
    };
    CHECK(wait_until([&] { return counted() >= 2; }));
    const std::string file = "# as for ip -batch\n"
                             "link add bond2 type bond mode balance-xor\n"
                             "link set bond2 alias 'to the \\\n switch' up\n"
                             "link set nosuch up\n"
                             "link del bond1\n";
    const auto stops = lab.cli().run({"-batch", "-"}, file);
    CHECK(stops.exit_code == 1);
    CHECK(stops.err.find("Command failed -:5") != std::string::npos);
    CHECK(lab.ns().link("bond2").at("ifalias") == "to the   switch");
    CHECK(lab.ns().is_up("bond2"));
    CHECK(lab.ns().exists("bond1"));
    const auto goes_on = lab.cli().run({"-force", "-b", "-"}, file);
    CHECK(goes_on.exit_code == 1);
    CHECK_FALSE(lab.ns().exists("bond1"));
    CHECK(lab.cli().run({"-j", "-b", "-"}, "link show bond2\n").out.starts_with("[{"));
}

TEST_CASE("transcript: ip-link(8): what is set on any device is set on a bond and on a slave") {
    Lab lab(Kind::bridge, 1);
    play(lab, R"(
link add dev bond0 txqueuelen 500 up type bond miimon 100
link set bond0 alias uplink
link set bond0 promisc on
link set bond0 allmulticast on
link set bond0 arp off
link set bond0 group 7
link set bond0 mtu 1400
link set e0 master bond0
link set e0 txqueuelen 200 alias left
ip link show bond0 | qlen 500
ip link show bond0 | alias uplink
ip link show bond0 | NOARP
ip link show bond0 | PROMISC
ip link show e0 | qlen 200
link show e0 | alias left
link set bond0 promisc off arp on
! link set bond0 promisc maybe | expected on|off
! link set bond0 master nosuch | Cannot find device
! link set bond0 type bond mimon 100 | did you mean miimon?
! link set e0 type bond_slave pri0 3 | did you mean prio?
! --jsn link show | did you mean -json?
! lnk show | did you mean link?
)");
    CHECK(lab.ns().link("bond0").at("flags").dump().find("PROMISC") == std::string::npos);
}

TEST_CASE("transcript: ip-link(8): a bond is renamed, by xbond and by ip, and goes on under its new name") {
    Lab lab(Kind::bridge, 2);
    const Server server(lab.network(), "10.99.0.2/24");
    lab.make_bond("mode active-backup miimon 100");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    const auto pings = [&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); };
    REQUIRE(wait_until(pings, 10s));
    if (!lab.ns().run(split("ip link set e0 name tmp")).ok()) {
        std::cout << "SKIPPED: this kernel renames no device that is up\n";
        return;
    }
    play(lab, "ip link set tmp name e0\nlink set bond0 name lan0\n");
    CHECK(lab.ns().exists("lan0"));
    CHECK(lab.ns().exists("lan0p"));
    CHECK_FALSE(lab.ns().exists("bond0"));
    CHECK(pings());
    play(lab, R"(
! status bond0 | is not a bond
status lan0 | lan0: active-backup
link set lan0 type bond primary e1
-d link show lan0 | primary e1
! link set lan0 name e1 | exists already
)");
    lab.daemon().kill9();
    CHECK(pings());
    lab.daemon().start();
    play(lab, "status lan0 | lan0: active-backup\nip link set lan0 name wan0\n");
    CHECK(wait_until([&] { return lab.cli()("status wan0").ok(); }));
    CHECK(wait_until([&] { return lab.ns().exists("wan0p"); }));
    CHECK(pings());
    play(lab, "link set e1 nomaster\nlink del wan0\n");
    CHECK_FALSE(lab.ns().exists("wan0"));
    for (const char *name : {"bond0", "lan0", "wan0"}) {
        CHECK_FALSE(std::filesystem::exists(lab.daemon().state_dir() / "bonds" / (std::string(name) + ".json")));
    }
    CHECK_FALSE(std::filesystem::exists(lab.daemon().pin_dir() / "wan0"));
}
