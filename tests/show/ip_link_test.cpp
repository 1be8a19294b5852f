// SPDX-License-Identifier: MIT
// What `ip link show` printed of a kernel bond in the VM lab (6.12.117, iproute2 6.1), plus the two keys that newer
// iproute2 prints (coupled_control, broadcast_neighbor), minus what only the kernel knows of a device (queues, GSO).
#include <catch2/catch.hpp>
#include <linux/if.h>
#include <nlohmann/json.hpp>

#include "tests/core/options/extended_table.h"
#include "tests/show/view_builder.h"
#include "user/show/ip_options.h"
#include "user/show/render.h"

using namespace xbond;
using show::ip_link_json;
using show::ip_link_text;

namespace {

const std::string bond_golden =
    R"([{"ifindex":7,"ifname":"bond0","flags":["BROADCAST","MULTICAST","MASTER","UP","LOWER_UP"],"mtu":1500,)"
    R"("qdisc":"noqueue","operstate":"UP","linkmode":"DEFAULT","group":"default","txqlen":1000,"link_type":"ether",)"
    R"("address":"76:89:eb:1a:df:d7","broadcast":"ff:ff:ff:ff:ff:ff","promiscuity":0,"allmulti":0,"min_mtu":68,)"
    R"("max_mtu":65535,"linkinfo":{"info_kind":"bond","info_data":{"mode":"active-backup","active_slave":"v0",)"
    R"("miimon":100,"updelay":0,"downdelay":0,"peer_notify_delay":0,"use_carrier":1,"arp_interval":0,)"
    R"("arp_missed_max":2,"arp_validate":null,"arp_all_targets":"any","primary":"v0","primary_reselect":"always",)"
    R"("fail_over_mac":"none","xmit_hash_policy":"layer2","resend_igmp":1,"num_peer_notif":1,"all_slaves_active":0,)"
    R"("min_links":0,"lp_interval":1,"packets_per_slave":1,"ad_lacp_active":"on","ad_lacp_rate":"slow",)"
    R"("coupled_control":true,"broadcast_neighbor":false,"ad_select":"stable","tlb_dynamic_lb":1}}}])";

const std::string slave_golden =
    R"([{"ifindex":4,"ifname":"v0","flags":["BROADCAST","MULTICAST","SLAVE","UP","LOWER_UP"],"mtu":1500,)"
    R"("qdisc":"noqueue","master":"bond0","operstate":"UP","linkmode":"DEFAULT","group":"default","txqlen":1000,)"
    R"("link_type":"ether","address":"76:89:eb:1a:df:d7","broadcast":"ff:ff:ff:ff:ff:ff","promiscuity":0,)"
    R"("allmulti":0,"min_mtu":68,"max_mtu":65535,"linkinfo":{"info_kind":"veth","info_slave_kind":"bond",)"
    R"("info_slave_data":{"state":"ACTIVE","mii_status":"UP","link_failure_count":0,)"
    R"("perm_hwaddr":"76:89:eb:1a:df:d7","queue_id":0,"prio":0}}}])";

show::Snapshot snapshot(Mode mode = Mode::active_backup) { return test::snapshot_of(test::bond_view(mode)); }

} // namespace

TEST_CASE("ip link: JSON of bond and slave with -d, keys in ip's order") {
    CHECK(ip_link_json(snapshot(), "bond0", true, false).dump() == bond_golden);
    CHECK(ip_link_json(snapshot(), "v0", true, false).dump() == slave_golden);
}

TEST_CASE("ip link: all devices by ifindex, none for a stranger") {
    const auto all = ip_link_json(snapshot(), std::nullopt, false, false);
    REQUIRE(all.size() == 3);
    CHECK(all[0]["ifname"] == "v0");
    CHECK(all[1]["ifname"] == "v1");
    CHECK(all[2]["ifname"] == "bond0");
    CHECK_FALSE(all[2].contains("linkinfo"));
    CHECK(ip_link_json(snapshot(), "eth9", true, true).empty());
}

TEST_CASE("O15 primary and active_slave are there only when there is one") {
    auto s = snapshot(Mode::balance_xor);
    s.bonds[0].active = 0; // nothing in the mode makes it the active slave
    auto data = ip_link_json(s, "bond0", true, false)[0]["linkinfo"]["info_data"];
    CHECK_FALSE(data.contains("active_slave"));
    CHECK_FALSE(data.contains("primary"));
    s = snapshot();
    s.bonds[0].primary = no_slot;
    CHECK_FALSE(ip_link_json(s, "bond0", true, false)[0]["linkinfo"]["info_data"].contains("primary"));
}

TEST_CASE("ip link: the ARP monitor's options as ip prints them") {
    auto shown = snapshot();
    auto &o = shown.bonds[0].options;
    o.miimon_ms = 0;
    o.arp_interval_ms = 500;
    o.arp_ip_targets = {{192, 0, 2, 1}, {192, 0, 2, 2}};
    o.arp_validate = core::ArpValidate::filter_active;
    o.arp_all_targets_all = true;
    const auto links = ip_link_json(shown, "bond0", true, false);
    const auto info = links[0]["linkinfo"]["info_data"];
    CHECK(info["arp_interval"] == 500);
    CHECK(info["arp_ip_target"].dump() == R"(["192.0.2.1","192.0.2.2"])");
    CHECK_FALSE(info.contains("ns_ip6_target"));
    CHECK(info["arp_validate"] == "filter_active");
    CHECK(info["arp_all_targets"] == "all");
    CHECK(ip_link_text(links, true, false)
              .find("arp_interval 500 arp_missed_max 2 arp_ip_target 192.0.2.1,192.0.2.2 "
                    "arp_validate filter_active arp_all_targets all ") != std::string::npos);
}

TEST_CASE("ip link: slave states in ip's words") {
    auto s = snapshot();
    auto &slave = s.bonds[0].slaves[1].slave;
    const auto data = [&] { return ip_link_json(s, "v1", true, false)[0]["linkinfo"]["info_slave_data"]; };
    CHECK(data()["state"] == "BACKUP");
    slave.link = core::Link::fail;
    CHECK(data()["mii_status"] == "GOING_DOWN");
    slave.link = core::Link::down;
    CHECK(data()["mii_status"] == "DOWN");
    slave.link = core::Link::back;
    CHECK(data()["mii_status"] == "GOING_BACK");
    slave.prio = -5;
    CHECK(data()["prio"] == -5);
}

TEST_CASE("ip link: a bond without carrier looks like a kernel bond, not like a veth") {
    auto s = snapshot();
    s.bonds[0].device.flags = IFF_BROADCAST | IFF_MULTICAST | IFF_UP;
    s.bonds[0].device.operstate = "LOWERLAYERDOWN";
    const auto bond = ip_link_json(s, "bond0", false, false)[0];
    CHECK(bond["flags"].dump() == R"(["NO-CARRIER","BROADCAST","MULTICAST","MASTER","UP"])");
    CHECK(bond["operstate"] == "DOWN");
    s.bonds[0].slaves[0].device.operstate = "LOWERLAYERDOWN"; // of a slave it is the truth
    CHECK(ip_link_json(s, "v0", false, false)[0]["operstate"] == "LOWERLAYERDOWN");
}

TEST_CASE("ip link: statistics of the bond are the sums over its slaves") {
    auto s = snapshot();
    s.bonds[0].counters.tx_dropped = 9;
    s.bonds[0].slaves[0].counters = {.tx_packets = 3, .tx_bytes = 300, .rx_packets = 1, .rx_bytes = 100};
    s.bonds[0].slaves[1].counters = {.tx_packets = 4, .tx_bytes = 400, .rx_suppressed = 5};
    CHECK(ip_link_json(s, "bond0", false, true)[0]["stats64"].dump() ==
          R"({"rx":{"bytes":100,"packets":1,"errors":0,"dropped":0,"over_errors":0,"multicast":0},)"
          R"("tx":{"bytes":700,"packets":7,"errors":0,"dropped":9,"carrier_errors":0,"collisions":0}})");
    CHECK(ip_link_json(s, "v1", false, true)[0]["stats64"]["rx"]["dropped"] == 5);
}

TEST_CASE("ip link: text as ip prints it") {
    const auto links = ip_link_json(snapshot(), "bond0", false, false);
    CHECK(ip_link_text(links, false, false) ==
          "7: bond0: <BROADCAST,MULTICAST,MASTER,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group "
          "default qlen 1000\n    link/ether 76:89:eb:1a:df:d7 brd ff:ff:ff:ff:ff:ff\n");
    const auto detailed = ip_link_text(ip_link_json(snapshot(), "bond0", true, false), true, false);
    CHECK(detailed.find("brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \n    bond mode "
                        "active-backup active_slave v0 miimon 100 updelay 0 downdelay 0 peer_notify_delay 0 "
                        "use_carrier 1 arp_interval 0 arp_missed_max 2 arp_validate none arp_all_targets any primary "
                        "v0 primary_reselect always fail_over_mac none xmit_hash_policy layer2 resend_igmp 1 "
                        "num_grat_arp 1 all_slaves_active 0 min_links 0 lp_interval 1 packets_per_slave 1 lacp_active "
                        "on lacp_rate slow coupled_control on broadcast_neighbor off ad_select stable "
                        "tlb_dynamic_lb 1 \n") != std::string::npos);
}

TEST_CASE("ip link: text of a slave with details and statistics") {
    auto s = snapshot();
    s.bonds[0].slaves[0].counters = {.tx_packets = 1, .tx_bytes = 86, .rx_packets = 3, .rx_bytes = 266};
    CHECK(ip_link_text(ip_link_json(s, "v0", true, true), true, true) ==
          "4: v0: <BROADCAST,MULTICAST,SLAVE,UP,LOWER_UP> mtu 1500 qdisc noqueue master bond0 state UP mode DEFAULT "
          "group default qlen 1000\n"
          "    link/ether 76:89:eb:1a:df:d7 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \n"
          "    veth \n"
          "    bond_slave state ACTIVE mii_status UP link_failure_count 0 perm_hwaddr 76:89:eb:1a:df:d7 queue_id 0 "
          "prio 0 \n"
          "    RX:  bytes packets errors dropped  missed   mcast           \n"
          "           266       3      0       0       0       0 \n"
          "    TX:  bytes packets errors dropped carrier collsns           \n"
          "            86       1      0       0       0       0 \n");
}

TEST_CASE(
    "ip link: with details and statistics a bond tells its slaves' speed and duplex, which no device of it does") {
    const auto bond = ip_link_json(snapshot(), "bond0", true, true);
    CHECK(bond[0]["speed"] == 10000);
    CHECK(bond[0]["duplex"] == "full");
    CHECK(ip_link_text(bond, true, true).ends_with("\n    speed 10000Mb/s duplex full\n"));
    const auto both = ip_link_json(snapshot(Mode::balance_xor), "bond0", true, true);
    CHECK(both[0]["speed"] == 20000);
    auto s = snapshot();
    for (auto &slave : s.bonds[0].slaves) {
        slave.slave.speed = core::speed_unknown;
        slave.slave.duplex = core::duplex_unknown;
    }
    const auto unknown = ip_link_json(s, "bond0", true, true);
    CHECK(unknown[0]["speed"].is_null());
    CHECK(ip_link_text(unknown, true, true).ends_with("\n    speed unknown duplex unknown\n"));
    CHECK_FALSE(ip_link_json(snapshot(), "bond0", true, false)[0].contains("speed"));
}

TEST_CASE("ip link: a new row of the option table is printed, where it says and under its own word") {
    const auto table = test::extended_table();
    auto bond = test::bond_view(Mode::active_backup);
    bond.options.min_links = 2;
    const auto json = show::ip_options(bond, table).dump();
    CHECK(json.find(R"("miimon":100,"ad_spare":2,"updelay":0,)") != std::string::npos);
    CHECK(show::ip_text_word("ad_spare", table) == "spare");
    CHECK(show::ip_text_word("ad_spare") == "ad_spare");
}
