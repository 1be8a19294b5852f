// SPDX-License-Identifier: MIT
// One row an option, in the order in which the kernel applies the attributes of one request (6.3). xbond's own options
// come last. A new option is a row here and a member of Options.
#include "user/core/options/option_table.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "user/core/modes/registry.h"
#include "user/core/options/targets.h"
#include "user/core/options/text.h"
#include "user/core/options/values_text.h"

namespace xbond::core {
namespace {

constexpr std::uint32_t int_max = 2147483647;

constexpr ModeSet arp_modes = modes_where(&ModeTraits::arp_alone);
constexpr ModeSet lacp_modes = modes_where(&ModeTraits::lacp);
constexpr ModeSet balance_modes = modes_where(&ModeTraits::balances_load);
constexpr ModeSet primary_modes = modes_where(&ModeTraits::has_primary);
constexpr ModeSet turn_modes = modes_where(&ModeTraits::takes_turns);

constexpr std::array mode_keywords = [] {
    std::array<Keyword, mode_table.size()> words{};
    std::ranges::transform(mode_table, words.begin(), [](const ModeTraits &row) {
        return Keyword{row.keyword, number_of(row.mode)};
    });
    return words;
}();
constexpr std::array policy_keywords{
#define XB_KEYWORD(number, constant, name, keyword, function) Keyword{keyword, number},
    XB_POLICIES(XB_KEYWORD)
#undef XB_KEYWORD
};
constexpr std::array reselect_keywords{Keyword{"always", 0}, Keyword{"better", 1}, Keyword{"failure", 2}};
constexpr std::array fail_over_mac_keywords{Keyword{"none", 0}, Keyword{"active", 1}, Keyword{"follow", 2}};
constexpr std::array arp_validate_keywords{
    Keyword{"none", 0},   Keyword{"active", 1},        Keyword{"backup", 2},       Keyword{"all", 3},
    Keyword{"filter", 4}, Keyword{"filter_active", 5}, Keyword{"filter_backup", 6}};
constexpr std::array arp_all_targets_keywords{Keyword{"any", 0}, Keyword{"all", 1}};
constexpr std::array monitors_keywords{Keyword{"exclusive", 0}, Keyword{"any", 1}, Keyword{"all", 2}};
constexpr std::array xdp_keywords{Keyword{"auto", 0}, Keyword{"native", 1}, Keyword{"generic", 2}, Keyword{"off", 3}};
constexpr std::array visibility_keywords{Keyword{"auto", 0}, Keyword{"fast", 1}, Keyword{"full", 2}};
constexpr std::array lacp_rate_keywords{Keyword{"slow", 0}, Keyword{"fast", 1}};
constexpr std::array ad_select_keywords{Keyword{"stable", 0}, Keyword{"bandwidth", 1}, Keyword{"count", 2},
                                        Keyword{"actor_port_prio", 3}};
constexpr std::array hold_word{Keyword{"hold", 0}};
constexpr std::array off_word{Keyword{"off", 0}};
constexpr std::array off_on_words{Keyword{"off", 0}, Keyword{"on", 1}};
constexpr std::array on_word{Keyword{"on", 1}};

template <auto Member> std::uint32_t load(const Options &options) {
    return static_cast<std::uint32_t>(options.*Member);
}

template <auto Member> Result<void> store(Options &options, std::uint32_t value, Warnings &) {
    options.*Member = static_cast<std::remove_reference_t<decltype(options.*Member)>>(value);
    return {};
}

Result<void> store_mode(Options &options, std::uint32_t value, Warnings &) {
    const Mode mode = static_cast<Mode>(value);
    if (find_mode_policy(mode) == nullptr) {
        return fail(EOPNOTSUPP, std::string(mode_name(mode)) + " is not in this version of xbond; take another mode");
    }
    options.mode = mode;
    options.arp_validate = ArpValidate::none;
    options.broadcast_neighbor = false;
    options.tlb_dynamic_lb = options.tlb_dynamic_lb || traits(mode).starts_dynamic_lb;
    if (!traits(mode).arp_alone) {
        options.arp_interval_ms = options.monitors == Monitors::exclusive ? 0 : options.arp_interval_ms;
        options.miimon_ms = options.miimon_ms == 0 ? Options{}.miimon_ms : options.miimon_ms;
    }
    return {};
}

// 4.8: unless the monitors share, the one that is set ends the other.
Result<void> store_miimon(Options &options, std::uint32_t value, Warnings &) {
    options.miimon_ms = value;
    if (value > 0 && options.arp_interval_ms > 0 && options.monitors == Monitors::exclusive) {
        options.arp_interval_ms = 0;
        options.arp_validate = ArpValidate::none;
    }
    return {};
}

Result<void> store_arp_interval(Options &options, std::uint32_t value, Warnings &) {
    options.arp_interval_ms = value;
    if (value > 0 && options.monitors == Monitors::exclusive) {
        options.miimon_ms = 0;
    }
    return {};
}

Result<void> store_monitors(Options &options, std::uint32_t value, Warnings &) {
    const auto monitors = static_cast<Monitors>(value);
    if (monitors == Monitors::exclusive && options.arp_interval_ms > 0) {
        if (options.miimon_ms > 0) {
            return fail(EINVAL,
                        "bad value \"exclusive\": miimon and arp_interval are both on; set one of them to 0 first");
        }
        if (!traits(options.mode).arp_alone) {
            return fail(EINVAL, "bad value \"exclusive\": arp_interval is on, which mode " +
                                    std::string(mode_name(options.mode)) +
                                    " has with any or all only; set arp_interval to 0 first");
        }
    }
    options.monitors = monitors;
    return {};
}

// Delays are kept as tick counts, so they scale when miimon changes later (3.1).
template <auto Member> Result<void> store_delay(Options &options, std::uint32_t value, Warnings &warnings) {
    if (options.miimon_ms == 0) {
        return fail(EPERM, "delays are counted in ticks of the MII monitor, which is off: set miimon above 0 first, or "
                           "in the same request");
    }
    options.*Member = value / options.miimon_ms;
    if (value % options.miimon_ms != 0) {
        warnings.push_back(std::to_string(value) + " ms is no multiple of miimon (" +
                           std::to_string(options.miimon_ms) + " ms): rounded down to " +
                           std::to_string(value - value % options.miimon_ms) + " ms");
    }
    return {};
}

Result<void> keep_use_carrier(Options &, std::uint32_t, Warnings &) { return {}; }
std::uint32_t use_carrier(const Options &) { return 1; }

Result<void> store_primary(Options &options, std::string_view text) {
    constexpr std::size_t longest = 15; // IFNAMSIZ - 1
    const std::string_view name = without_newline(text);
    const bool printable = std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~' && c != '/'; });
    if (name.size() > longest || !printable) {
        return fail(EINVAL, "bad value " + quoted(text) +
                                ": expected an interface name (at most 15 characters, no blanks, no '/'), or nothing");
    }
    options.primary = name;
    return {};
}
std::string primary_name(const Options &options) { return options.primary; }

Result<void> store_actor_system(Options &options, std::string_view text) {
    const auto mac = first_word(text) == "default" ? std::optional(MacAddr{}) : MacAddr::parse(without_newline(text));
    if (!mac || mac->is_multicast()) {
        return fail(EINVAL, "bad value " + quoted(text) +
                                ": expected a MAC address aa:bb:cc:dd:ee:ff that is not multicast; all zeroes: the "
                                "bond's");
    }
    options.ad_actor_system = *mac;
    return {};
}
std::string actor_system_text(const Options &options) { return options.ad_actor_system.str(); }

// name, alias, values, fallback, modes, needs_no_slaves, needs_down, help
constexpr OptionRule rules[] = {
    {{"mode", "", numbered<mode_keywords>, "balance-rr", all_modes, true, true,
      "how a slave is chosen for each packet"},
     mode_keywords,
     {},
     store_mode,
     load<&Options::mode>},
    {{"monitors", "", one_of<monitors_keywords>, "exclusive", all_modes, false, false,
      "whether miimon and arp_interval can both be on, in every mode; then a slave is up if any or all of them say so"},
     monitors_keywords,
     {},
     store_monitors,
     load<&Options::monitors>},
    {{"active_slave", "", "name of a slave, or empty", "", primary_modes, false, false,
      "make this slave the active one now; empty: choose anew"},
     {},
     {}},
    {{"miimon", "", "0..2147483647 ms, off", "100", all_modes, false, false,
      "interval of the MII monitor; 0: no monitor"},
     off_word,
     {0, int_max},
     store_miimon,
     load<&Options::miimon_ms>},
    {{"updelay", "", "0..2147483647 ms", "0", all_modes, false, false, "wait before a link that came back is used"},
     off_word,
     {0, int_max},
     store_delay<&Options::updelay_ticks>,
     [](const Options &o) { return o.updelay_ms(); }},
    {{"downdelay", "", "0..2147483647 ms", "0", all_modes, false, false,
      "wait before a link without carrier counts as down"},
     off_word,
     {0, int_max},
     store_delay<&Options::downdelay_ticks>,
     [](const Options &o) { return o.downdelay_ms(); }},
    {{"peer_notify_delay", "peer_notif_delay", "0..300000 ms", "0", all_modes, false, false,
      "distance between two announcements after a failover"},
     off_word,
     {0, 300000},
     store_delay<&Options::peer_notif_delay_ticks>,
     [](const Options &o) { return o.peer_notif_delay_ms(); }},
    {{"use_carrier", "", "1, on", "1", all_modes, false, false, "kept for compatibility: the carrier is always used"},
     on_word,
     {},
     keep_use_carrier,
     use_carrier},
    {{"arp_interval", "", "0..2147483647 ms, off; works down to 5 ms", "0", arp_modes, false, false,
      "interval of the ARP/NS monitor, which takes the place of the MII monitor; 0: no monitor"},
     off_word,
     {0, int_max},
     store_arp_interval,
     load<&Options::arp_interval_ms>,
     nullptr,
     nullptr,
     true},
    {{"arp_ip_target", "", "up to 16 IPv4 addresses a.b.c.d,...; +a.b.c.d adds one, -a.b.c.d removes one", "",
      all_modes, false, false, "hosts whose answers to ARP requests keep a slave up"},
     {},
     {},
     nullptr,
     nullptr,
     set_arp_targets,
     arp_targets_text},
    {{"ns_ip6_target", "", "up to 16 IPv6 addresses, separated by commas", "", all_modes, false, false,
      "hosts whose answers to neighbour solicitations keep a slave up"},
     {},
     {},
     nullptr,
     nullptr,
     set_ns_targets,
     ns_targets_text},
    {{"arp_validate", "", numbered<arp_validate_keywords>, "none", arp_modes, false, false,
      "on which slaves only answers of the targets count, not any frame; filter: any ARP or IPv6 frame"},
     arp_validate_keywords,
     {},
     store<&Options::arp_validate>,
     load<&Options::arp_validate>,
     nullptr,
     nullptr,
     true},
    {{"arp_all_targets", "", numbered<arp_all_targets_keywords>, "any", all_modes, false, false,
      "active-backup: whether one target that answers is enough"},
     arp_all_targets_keywords,
     {},
     store<&Options::arp_all_targets_all>,
     load<&Options::arp_all_targets_all>},
    {{"primary", "", "interface name, or empty", "", primary_modes, false, false,
      "slave that is active whenever it can be; the name may belong to a slave of the future"},
     {},
     {},
     nullptr,
     nullptr,
     store_primary,
     primary_name},
    {{"primary_reselect", "", numbered<reselect_keywords>, "always", all_modes, false, false,
      "when a primary that came back takes over again"},
     reselect_keywords,
     {},
     store<&Options::primary_reselect>,
     load<&Options::primary_reselect>},
    {{"fail_over_mac", "", numbered<fail_over_mac_keywords>, "none", all_modes, true, false,
      "active-backup: who has which MAC address"},
     fail_over_mac_keywords,
     {},
     store<&Options::fail_over_mac>,
     load<&Options::fail_over_mac>},
    {{"xmit_hash_policy", "", numbered<policy_keywords>, "layer2", all_modes, false, false,
      "what of a packet decides on its slave in balance-xor"},
     policy_keywords,
     {},
     store<&Options::xmit_hash_policy>,
     load<&Options::xmit_hash_policy>},
    {{"resend_igmp", "", "0..255", "1", all_modes, false, false, "IGMP membership reports repeated after a failover"},
     off_word,
     {0, 255},
     store<&Options::resend_igmp>,
     load<&Options::resend_igmp>},
    {{"num_grat_arp", "num_unsol_na num_peer_notif", "0..255", "1", all_modes, false, false,
      "gratuitous ARPs and unsolicited NAs after a failover of active-backup"},
     off_word,
     {0, 255},
     store<&Options::num_peer_notif>,
     load<&Options::num_peer_notif>},
    {{"all_slaves_active", "", "0, 1, off, on", "0", all_modes, false, false,
      "1: frames that arrive on backup slaves are taken in too"},
     off_on_words,
     {},
     store<&Options::all_slaves_active>,
     load<&Options::all_slaves_active>},
    {{"min_links", "", "0..2147483647", "0", all_modes, false, false,
      "802.3ad: links that the active aggregator must have for the bond to have carrier; 0 counts as 1"},
     off_word,
     {0, int_max},
     store<&Options::min_links>,
     load<&Options::min_links>},
    {{"lp_interval", "", "1..2147483647 s", "1", all_modes, false, false,
      "balance-tlb, balance-alb: how often each slave shows its address to the switch"},
     {},
     {1, int_max},
     store<&Options::lp_interval_s>,
     load<&Options::lp_interval_s>},
    {{"packets_per_slave", "", "0..65535", "1", turn_modes, false, false,
      "balance-rr: packets in a row on one slave; 0: a random slave for each"},
     {},
     {0, 65535},
     store<&Options::packets_per_slave>,
     load<&Options::packets_per_slave>},
    {{"lacp_active", "", "on|off (1, 0)", "on", lacp_modes, false, false, "off: wait for the partner to speak first"},
     off_on_words,
     {},
     store<&Options::lacp_active>,
     load<&Options::lacp_active>},
    {{"lacp_rate", "", numbered<lacp_rate_keywords>, "slow", lacp_modes, false, false,
      "how often the partner is to send: every 30 s or every second; it counts as lost after three times that"},
     lacp_rate_keywords,
     {},
     store<&Options::lacp_fast>,
     load<&Options::lacp_fast>},
    {{"ad_select", "", numbered<ad_select_keywords>, "stable", all_modes, false, true,
      "802.3ad: which aggregator carries the traffic if there are several"},
     ad_select_keywords,
     {},
     store<&Options::ad_select>,
     load<&Options::ad_select>},
    {{"ad_actor_sys_prio", "", "1..65535", "65535", lacp_modes, false, false, "priority of the system in LACPDUs"},
     {},
     {1, 65535},
     store<&Options::ad_actor_sys_prio>,
     load<&Options::ad_actor_sys_prio>},
    {{"ad_user_port_key", "", "0..1023", "0", lacp_modes, false, true, "upper ten bits of the port key in LACPDUs"},
     {},
     {0, 1023},
     store<&Options::ad_user_port_key>,
     load<&Options::ad_user_port_key>},
    {{"ad_actor_system", "", "MAC address, not multicast", "00:00:00:00:00:00", lacp_modes, false, false,
      "address of the system in LACPDUs; all zeroes: that of the bond"},
     {},
     {},
     nullptr,
     nullptr,
     store_actor_system,
     actor_system_text},
    {{"tlb_dynamic_lb", "", "0, 1, off, on", "1", balance_modes, false, true,
      "flows go where load is least, anew every 10 s; 0: where xmit_hash_policy says"},
     off_on_words,
     {},
     store<&Options::tlb_dynamic_lb>,
     load<&Options::tlb_dynamic_lb>},
    {{"arp_missed_max", "missed_max", "1..255", "2", arp_modes, false, false,
      "intervals without an answer, and a half, after which a slave is down"},
     {},
     {1, 255},
     store<&Options::arp_missed_max>,
     load<&Options::arp_missed_max>,
     nullptr,
     nullptr,
     true},
    {{"coupled_control", "", "on|off (1, 0)", "on", lacp_modes, false, true,
      "off: a port collects before its partner does (independent mux machine)"},
     off_on_words,
     {},
     store<&Options::coupled_control>,
     load<&Options::coupled_control>},
    {{"broadcast_neighbor", "", numbered<off_on_words>, "off", lacp_modes, false, false,
      "ARP and neighbour discovery that leave the bond go to every port, and each port that joins announces the bond"},
     off_on_words,
     {},
     store<&Options::broadcast_neighbor>,
     load<&Options::broadcast_neighbor>},
    {{"lacp_strict", "", numbered<off_on_words>, "off", lacp_modes, false, false,
      "on: without a port that LACP has negotiated the bond has no carrier"},
     off_on_words,
     {},
     store<&Options::lacp_strict>,
     load<&Options::lacp_strict>},
    {{"max_ports", "", "0..32", "0", lacp_modes, false, false,
      "ports of one aggregator that may be used, the others stand by; 0: all"},
     {},
     {0, XB_MAX_SLAVES},
     store<&Options::max_ports>,
     load<&Options::max_ports>},
    {{"controller_lease", "", "hold, or 100..2147483647 ms", "hold", lacp_modes, false, false,
      "how long the data path goes on sending when xbondd is dead or stuck; hold (0): for ever"},
     hold_word,
     {100, int_max},
     store<&Options::controller_lease_ms>,
     load<&Options::controller_lease_ms>},
    {{"queue_id", "", "SLAVE:0..16", "", all_modes, false, false,
      "packets with this queue mapping leave on that slave (acts in modes 0 and 1)"},
     {},
     {}},
    {{"xdp", "", one_of<xdp_keywords>, "auto", all_modes, false, false, "where the early receive filter runs"},
     xdp_keywords,
     {},
     store<&Options::xdp>,
     load<&Options::xdp>},
    {{"visibility", "", one_of<visibility_keywords>, "auto", all_modes, false, false,
      "full: counters of and captures on the bond device see every packet"},
     visibility_keywords,
     {},
     store<&Options::visibility>,
     load<&Options::visibility>},
    {{"carrier_watch", "", "0..1000 ms, off", "1", all_modes, false, false,
      "how often the data path itself looks at the carrier; 0: never"},
     off_word,
     {0, 1000},
     store<&Options::carrier_watch_ms>,
     load<&Options::carrier_watch_ms>},
};

} // namespace

std::span<const OptionRule> option_rules() { return rules; }
std::span<const Keyword> mode_words() { return mode_keywords; }
std::span<const Keyword> policy_words() { return policy_keywords; }
std::span<const Keyword> primary_reselect_words() { return reselect_keywords; }
std::span<const Keyword> fail_over_mac_words() { return fail_over_mac_keywords; }
std::span<const Keyword> arp_validate_words() { return arp_validate_keywords; }
std::span<const Keyword> monitors_words() { return monitors_keywords; }
std::span<const Keyword> xdp_words() { return xdp_keywords; }
std::span<const Keyword> visibility_words() { return visibility_keywords; }

} // namespace xbond::core
