// SPDX-License-Identifier: MIT
// Options of which no member has its default.
#pragma once

#include "user/core/options/options.h"

namespace xbond::test {

inline core::Options changed_options() {
    return {.mode = Mode::ieee8023ad,
            .miimon_ms = 50,
            .updelay_ticks = 4,
            .downdelay_ticks = 6,
            .peer_notif_delay_ticks = 8,
            .xmit_hash_policy = HashPolicy::vlan_srcmac,
            .packets_per_slave = 3,
            .primary = "v1",
            .primary_reselect = core::PrimaryReselect::failure,
            .fail_over_mac = core::FailOverMac::follow,
            .all_slaves_active = true,
            .num_peer_notif = 9,
            .resend_igmp = 10,
            .min_links = 2,
            .arp_interval_ms = 500,
            .arp_ip_targets = {{192, 0, 2, 1}, {192, 0, 2, 2}},
            .ns_ip6_targets = {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
            .arp_validate = core::ArpValidate::filter_backup,
            .arp_all_targets_all = true,
            .arp_missed_max = 255,
            .lp_interval_s = 7,
            .tlb_dynamic_lb = false,
            .lacp_fast = true,
            .lacp_active = false,
            .lacp_strict = true,
            .ad_select = lacp::AdSelect::actor_port_prio,
            .ad_actor_sys_prio = 4711,
            .ad_user_port_key = 1023,
            .ad_actor_system = {{2, 0, 0, 0, 0x0a, 1}},
            .coupled_control = false,
            .broadcast_neighbor = true,
            .max_ports = 5,
            .controller_lease_ms = 300,
            .monitors = core::Monitors::all,
            .xdp = XdpPolicy::off,
            .visibility = Visibility::full,
            .carrier_watch_ms = 0,
            .lacp_channel = core::LacpChannel::af_packet,
            .xsk_allow = "group quant match udp dst 4789",
            .receive = core::ReceivePath::xdp};
}

} // namespace xbond::test
