// SPDX-License-Identifier: MIT
// Mode 802.3ad in every output: /proc's lines, ip's fields, the JSON, the capture.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/core/options/changed_options.h"
#include "tests/show/view_builder.h"
#include "user/show/lacp_render.h"
#include "user/show/render.h"

using namespace xbond;
using namespace xbond::show;

namespace {

constexpr MacAddr own{{2, 0, 0, 0, 0x0a, 1}}, partner{{0, 0x1c, 0x73, 0, 0, 1}};

lacp::Port port(SlotId slot, std::uint16_t number) {
    lacp::Port p;
    p.slot = slot;
    p.link = {true, true, 10000};
    p.rx = lacp::RxState::current;
    p.mux = lacp::MuxState::collecting_distributing;
    p.actor_churn = p.partner_churn = lacp::ChurnState::no_churn;
    p.selected = lacp::Selected::selected;
    p.actor = {65535, own, 15, 255, number, 61};
    p.partner = {32768, partner, 10, 32768, static_cast<std::uint16_t>(260 + number), 61};
    p.aggregator = 1;
    p.own_aggregator = number;
    return p;
}

BondView lacp_view() {
    auto bond = test::bond_view(Mode::ieee8023ad);
    LacpView view;
    view.state.options.bond_mac = own;
    view.state.aggregators = {{1, false, 15, 32768, 10, partner}, {2}};
    view.state.active = 1;
    view.state.ports = {port(bond.slaves.at(0).slave.slot, 1), port(bond.slaves.at(1).slave.slot, 2)};
    bond.lacp = view;
    return bond;
}

constexpr const char *block = R"(
802.3ad info
LACP active: on
LACP rate: slow
Min links: 0
Aggregator selection policy (ad_select): stable
System priority: 65535
System MAC address: 02:00:00:00:0a:01
Active Aggregator Info:
	Aggregator ID: 1
	Number of ports: 2
	Actor Key: 15
	Partner Key: 10
	Partner Mac Address: 00:1c:73:00:00:01

Slave Interface: v0
)";

constexpr const char *first_port = R"(Slave queue ID: 0
Aggregator ID: 1
Actor Churn State: none
Partner Churn State: none
Actor Churned Count: 0
Partner Churned Count: 0
details actor lacp pdu:
    system priority: 65535
    system mac address: 02:00:00:00:0a:01
    port key: 15
    port priority: 255
    port number: 1
    port state: 61
details partner lacp pdu:
    system priority: 32768
    system mac address: 00:1c:73:00:00:01
    oper key: 10
    port priority: 32768
    port number: 261
    port state: 61

Slave Interface: v1
)";

} // namespace

TEST_CASE("802.3ad proc text: the bond's block and each port's") {
    const auto text = proc_text(lacp_view(), "6.12");
    CHECK(text.find(block) != std::string::npos);
    CHECK(text.find(first_port) != std::string::npos);
}

TEST_CASE("802.3ad proc text without an active aggregator, and of a slave without a port") {
    auto bond = lacp_view();
    bond.lacp->state.active = 0;
    bond.lacp->state.ports.pop_back();
    const auto text = proc_text(bond, "6.12");
    CHECK(text.find("02:00:00:00:0a:01\nbond bond0 has no active aggregator\n") != std::string::npos);
    CHECK(text.ends_with("Slave queue ID: 0\nAggregator ID: N/A\n"));
}

TEST_CASE("802.3ad ip's JSON: ad_info and the states of the ports") {
    const auto links = ip_link_json(test::snapshot_of(lacp_view()), std::nullopt, true, false);
    bool bond_seen = false;
    for (const auto &link : links) {
        const auto &info = link.at("linkinfo");
        if (link.at("ifname") == "bond0") {
            bond_seen = true;
            CHECK(
                info.at("info_data").at("ad_info").dump() ==
                R"({"aggregator":1,"num_ports":2,"actor_key":15,"partner_key":10,"partner_mac":"00:1c:73:00:00:01"})");
            CHECK(info.at("info_data").at("ad_actor_sys_prio") == 65535);
        } else {
            const auto &data = info.at("info_slave_data");
            CHECK(data.at("ad_aggregator_id") == 1);
            CHECK(data.at("ad_actor_oper_port_state") == 61);
            CHECK(data.at("ad_partner_oper_port_state_str").dump() ==
                  R"(["active","aggregating","in_sync","collecting","distributing"])");
            CHECK(data.at("churn_actor_state") == "NO_CHURN");
        }
    }
    CHECK(bond_seen);
}

TEST_CASE("802.3ad status: states spelled out, both ports usable") {
    const auto all = lacp_json(lacp_view());
    CHECK(all.at("aggregators").at(0).at("usable_ports") == 2);
    CHECK(all.at("lacp").at("active_aggregator") == 1);
    const auto &first = all.at("slaves").at(0);
    CHECK(first.at("fsm").at("mux") == "COLLECTING_DISTRIBUTING");
    CHECK(first.at("distributing") == true);
    CHECK(first.at("actor").at("flags").size() == 5);
    CHECK(lacp_text(all).find("CURRENT COLLECTING_DISTRIBUTING SELECTED") != std::string::npos);
}

TEST_CASE("802.3ad the history as a capture: header, time of the wall clock, frames") {
    LacpHistory history(1);
    history[0].slave = "v0";
    history[0].record.when = Ms(1500);
    history[0].record.bytes = {1, 2, 3};
    history[0].record.wire_octets = 124;
    const auto pcap = lacp_history_pcap(lacp_history_json(history), 10'000'000'000);
    REQUIRE(pcap.size() == 24 + 16 + 3);
    CHECK(pcap[0] == 0x4d); // little-endian, nanoseconds
    CHECK(pcap[24] == 11);  // seconds
    CHECK(pcap[32] == 3);   // kept
    CHECK(pcap[36] == 124); // on the wire
    CHECK(pcap.back() == 3);
    CHECK(lacp_history_text(lacp_history_json({})) == "no frame yet\n");
}

TEST_CASE("ip link: every option with another value than its default, in mode 802.3ad") {
    auto bond = lacp_view();
    bond.options = test::changed_options();
    bond.primary = bond.slaves[1].slave.slot;
    const auto links = ip_link_json(test::snapshot_of(std::move(bond)), "bond0", true, false);
    CHECK(links[0]["linkinfo"]["info_data"].dump() ==
          R"({"mode":"802.3ad","miimon":50,"updelay":200,"downdelay":300,"peer_notify_delay":400,"use_carrier":1,)"
          R"("arp_interval":500,"arp_missed_max":255,"arp_ip_target":["192.0.2.1","192.0.2.2"],)"
          R"("ns_ip6_target":["fe80::1"],"arp_validate":"filter_backup","arp_all_targets":"all","primary":"v1",)"
          R"("primary_reselect":"failure","fail_over_mac":"follow","xmit_hash_policy":"vlan+srcmac","resend_igmp":10,)"
          R"("num_peer_notif":9,"all_slaves_active":1,"min_links":2,"lp_interval":7,"packets_per_slave":3,)"
          R"("ad_lacp_active":"off","ad_lacp_rate":"fast","coupled_control":false,"broadcast_neighbor":true,)"
          R"("ad_select":"actor_port_prio","ad_info":{"aggregator":1,"num_ports":2,"actor_key":15,"partner_key":10,)"
          R"("partner_mac":"00:1c:73:00:00:01"},"ad_actor_sys_prio":4711,"ad_user_port_key":1023,)"
          R"("ad_actor_system":"02:00:00:00:0a:01","tlb_dynamic_lb":0})");
    CHECK_THAT(ip_link_text(links, true, false),
               Catch::EndsWith(
                   "    bond mode 802.3ad miimon 50 updelay 200 downdelay 300 peer_notify_delay 400 use_carrier 1 "
                   "arp_interval 500 arp_missed_max 255 arp_ip_target 192.0.2.1,192.0.2.2 ns_ip6_target fe80::1 "
                   "arp_validate filter_backup arp_all_targets all primary v1 primary_reselect failure fail_over_mac "
                   "follow xmit_hash_policy vlan+srcmac resend_igmp 10 num_grat_arp 9 all_slaves_active 1 min_links 2 "
                   "lp_interval 7 packets_per_slave 3 lacp_active off lacp_rate fast coupled_control off "
                   "broadcast_neighbor on ad_select actor_port_prio ad_aggregator 1 ad_num_ports 2 ad_actor_key 15 "
                   "ad_partner_key 10 ad_partner_mac 00:1c:73:00:00:01 ad_actor_sys_prio 4711 ad_user_port_key 1023 "
                   "ad_actor_system 02:00:00:00:0a:01 tlb_dynamic_lb 0 \n"));
}
