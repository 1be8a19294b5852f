// SPDX-License-Identifier: MIT
// The options of a bond as values. What each is called, takes and means: option_table.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "user/core/lacp/state.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::core {

enum class PrimaryReselect : std::uint8_t { always = 0, better = 1, failure = 2 };
enum class FailOverMac : std::uint8_t { none = 0, active = 1, follow = 2 };
// A set of bits (`arp.validate`): 1 validate on slaves in state active, 2 on those in state backup, 4 filter.
enum class ArpValidate : std::uint8_t {
    none = 0,
    active = 1,
    backup = 2,
    all = 3,
    filter = 4,
    filter_active = 5,
    filter_backup = 6,
};
// Whether MII and ARP/NS watch together, and then whether one of them is enough for a slave to be up.
enum class Monitors : std::uint8_t { exclusive, any, all };

// How LACPDUs of the slaves come in. auto: by AF_PACKET, which leaves the slaves' queues to applications.
enum class LacpChannel : std::uint8_t { automatic, af_xdp, af_packet };

// How frames for the bond come from a slave. auto: by TC.
enum class ReceivePath : std::uint8_t { automatic, tc, xdp };

// Values as a user reads them back. Delays are kept as tick counts like the kernel does: ms = ticks * miimon.
struct Options {
    Mode mode = Mode::round_robin;
    std::uint32_t miimon_ms = 100; // not set means 100, unlike the kernel's 0; 0 is honoured
    std::uint32_t updelay_ticks = 0;
    std::uint32_t downdelay_ticks = 0;
    std::uint32_t peer_notif_delay_ticks = 0;
    HashPolicy xmit_hash_policy = HashPolicy::layer2;
    std::uint32_t packets_per_slave = 1;
    std::string primary; // name; remembered while not enslaved (`active.primary`)
    PrimaryReselect primary_reselect = PrimaryReselect::always;
    FailOverMac fail_over_mac = FailOverMac::none;
    bool all_slaves_active = false;
    std::uint32_t num_peer_notif = 1; // num_grat_arp = num_unsol_na
    std::uint32_t resend_igmp = 1;
    std::uint32_t min_links = 0; // acts in mode 4
    std::uint32_t arp_interval_ms = 0;
    std::vector<Ipv4Addr> arp_ip_targets; // at most XB_MAX_TARGETS, as of the next
    std::vector<Ipv6Addr> ns_ip6_targets;
    ArpValidate arp_validate = ArpValidate::none;
    bool arp_all_targets_all = false; // arp_all_targets: any, all
    std::uint32_t arp_missed_max = 2;
    std::uint32_t lp_interval_s = 1; // of modes 5 and 6, as the next
    bool tlb_dynamic_lb = true;
    // of mode 4
    bool lacp_fast = false; // lacp_rate: slow, fast
    bool lacp_active = true;
    bool lacp_strict = false;
    lacp::AdSelect ad_select = lacp::AdSelect::stable;
    std::uint16_t ad_actor_sys_prio = 65535;
    std::uint16_t ad_user_port_key = 0;
    MacAddr ad_actor_system; // zero: the bond's
    bool coupled_control = true;
    bool broadcast_neighbor = false;
    // xbond's own
    std::uint32_t max_ports = 0;           // of an aggregator, 0 is no limit
    std::uint32_t controller_lease_ms = 0; // 0: hold
    Monitors monitors = Monitors::exclusive;
    XdpPolicy xdp = XdpPolicy::automatic;
    Visibility visibility = Visibility::automatic;
    std::uint32_t carrier_watch_ms = 1;
    LacpChannel lacp_channel = LacpChannel::automatic; // of mode 4
    std::string xsk_allow;                             // as xsk_rules.h writes them
    ReceivePath receive = ReceivePath::automatic;

    std::uint32_t updelay_ms() const { return updelay_ticks * miimon_ms; }
    std::uint32_t downdelay_ms() const { return downdelay_ticks * miimon_ms; }
    std::uint32_t peer_notif_delay_ms() const { return peer_notif_delay_ticks * miimon_ms; }
    bool operator==(const Options &) const = default;
};

struct OptionValue { // as typed
    std::string name;
    std::string value;
    bool operator==(const OptionValue &) const = default;
};

// What an option's checks need to know of the bond.
struct OptionContext {
    bool has_slaves = false;
    bool is_up = false;
};

std::string_view mode_name(Mode);         // "balance-rr"
std::string_view policy_name(HashPolicy); // "layer3+4"
std::string_view name(PrimaryReselect);
std::string_view name(FailOverMac);
std::string_view name(ArpValidate);
std::string_view name(Monitors);
std::string_view name(XdpPolicy);
std::string_view name(Visibility);
std::string_view name(LacpChannel);
std::string_view name(ReceivePath);
std::optional<Mode> parse_mode(std::string_view); // word or number
std::optional<HashPolicy> parse_policy(std::string_view);

} // namespace xbond::core
