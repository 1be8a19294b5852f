// SPDX-License-Identifier: MIT
// The rows, in the order in which the kernel applies the attributes of one request; xbond's own come last.
#include "user/core/options/option_table.h"

#include <limits>
#include <type_traits>

#include "user/core/modes/registry.h"
#include "user/core/options/targets.h"
#include "user/core/options/text.h"
#include "user/core/options/values_text.h"
#include "user/core/options/xsk_rules.h"

namespace xbond::core {
namespace {

constexpr std::uint32_t int_max = 2147483647;

// ---- the parts of a row ----

struct Names {
    constexpr Names(const char *keyword, const char *aliases = "", const char *abbreviated_behind = "")
        : name(keyword), alias(aliases), typed_behind(abbreviated_behind) {}
    std::string_view name, alias, typed_behind;
};

struct Takes { // text; words and their numbers; numbers, where one of them may have a word
    constexpr Takes(const char *for_people) : values(for_people) {}
    constexpr Takes(std::string_view for_people, std::span<const Keyword> keywords)
        : values(for_people), words(keywords) {}
    constexpr Takes(std::string_view for_people, std::uint32_t first, std::uint32_t last,
                    std::span<const Keyword> keywords = {})
        : values(for_people), range{first, last}, words(keywords) {}
    std::string_view values;
    NumberRange range;
    std::span<const Keyword> words;
};

struct When {
    ModeSet modes = all_modes;
    bool any_mode_with_monitors = false, needs_no_slaves = false, needs_down = false;
};
constexpr When always, no_slaves{.needs_no_slaves = true}, fresh{.needs_no_slaves = true, .needs_down = true};
constexpr When in(ModeSet modes) { return {.modes = modes}; }
constexpr When in_or_shared(ModeSet modes) { return {.modes = modes, .any_mode_with_monitors = true}; }
constexpr When while_down(ModeSet modes) { return {.modes = modes, .needs_down = true}; }

template <typename> struct ValueOf;
template <typename Value> struct ValueOf<Value Options::*> { using type = Value; };

// In that member of Options, under that key in the saved state.
template <auto Member> constexpr OptionStorage kept(std::string_view saved) {
    using Value = typename ValueOf<decltype(Member)>::type;
    if constexpr (std::is_enum_v<Value> || (std::is_integral_v<Value> && !std::is_same_v<Value, bool>)) {
        NumberMember number{.get = [](const Options &o) { return static_cast<std::uint32_t>(o.*Member); },
                            .set = [](Options &o, std::uint32_t value) { o.*Member = static_cast<Value>(value); },
                            .is_enum = std::is_enum_v<Value>};
        if constexpr (!std::is_enum_v<Value>) {
            number.last = std::numeric_limits<Value>::max();
        }
        return {.member = number, .saved = saved};
    } else {
        return {.member = Member, .saved = saved};
    }
}
template <auto Member> constexpr OptionStorage kept(std::string_view saved, SetNumber set) {
    OptionStorage storage = kept<Member>(saved);
    storage.set = set;
    return storage;
}
template <auto Member> constexpr OptionStorage kept(std::string_view saved, SetText set) {
    OptionStorage storage = kept<Member>(saved);
    storage.set_text = set;
    return storage;
}

constexpr OptionStorage younger(OptionStorage storage) {
    storage.younger = true;
    return storage;
}

constexpr IpOutput with_lacp(IpForm form) { return {.form = form, .with_lacp = true}; }

constexpr OptionRow row(Names names, Takes takes, std::string_view fallback, When when, OptionStorage storage,
                        IpOutput ip, std::string_view help) {
    return {.name = names.name,
            .alias = names.alias,
            .values = takes.values,
            .fallback = fallback,
            .modes = when.modes,
            .any_mode_with_monitors = when.any_mode_with_monitors,
            .needs_no_slaves = when.needs_no_slaves,
            .needs_down = when.needs_down,
            .words = takes.words,
            .range = takes.range,
            .storage = storage,
            .typed_behind = names.typed_behind,
            .ip = ip,
            .help = help};
}

// ---- rules of those that are more than a value ----

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

// Unless the monitors share, the one that is set ends the other.
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

// Delays are kept as tick counts, so they scale when miimon changes later.
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

template <auto Member> constexpr OptionStorage delay(std::string_view saved) {
    OptionStorage storage = kept<Member>(saved, store_delay<Member>);
    storage.get = [](const Options &o) { return o.*Member * o.miimon_ms; };
    return storage;
}

constexpr OptionStorage use_carrier{.set = [](Options &, std::uint32_t, Warnings &) { return Result<void>{}; },
                                    .get = [](const Options &) { return std::uint32_t{1}; }};

Result<void> store_primary(Options &options, std::string_view text) {
    constexpr std::size_t longest = 127; // ALTIFNAMSIZ - 1
    const std::string_view name = without_newline(text);
    const bool printable = std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~' && c != '/'; });
    if (name.size() > longest || !printable) {
        return fail(EINVAL, "bad value " + core::quoted(text) +
                                ": expected an interface name (at most 127 characters, no blanks, no '/'), or nothing");
    }
    options.primary = name;
    return {};
}

Result<void> store_actor_system(Options &options, std::string_view text) {
    const auto mac = first_word(text) == "default" ? std::optional(MacAddr{}) : MacAddr::parse(without_newline(text));
    if (!mac || mac->is_multicast()) {
        return fail(EINVAL, "bad value " + core::quoted(text) +
                                ": expected a MAC address aa:bb:cc:dd:ee:ff that is not multicast; all zeroes: the "
                                "bond's");
    }
    options.ad_actor_system = *mac;
    return {};
}

// ---- the rows ----

// Names, what they take, the default, when it may change, where it is kept, how ip prints it, what it does.
constexpr OptionRow rows[] = {
    row("mode", {numbered<mode_keywords>, mode_keywords}, "balance-rr", fresh, kept<&Options::mode>("mode", store_mode),
        {IpForm::text}, "how a slave is chosen for each packet"),
    row("monitors", {one_of<monitors_keywords>, monitors_keywords}, "exclusive", always,
        kept<&Options::monitors>("monitors", store_monitors), {},
        "whether miimon and arp_interval can both be on, in every mode; then a slave is up if any or all of them "
        "say so"),
    row("active_slave", "name of a slave, or empty", "", in(primary_modes), {}, {IpForm::active_slave},
        "make this slave the active one now; empty: choose anew"),
    row("miimon", {"0..2147483647 ms, off", 0, int_max, off_word}, "100", always,
        kept<&Options::miimon_ms>("miimon_ms", store_miimon), {IpForm::number},
        "interval of the MII monitor; 0: no monitor"),
    row("updelay", {"0..2147483647 ms", 0, int_max, off_word}, "0", always,
        delay<&Options::updelay_ticks>("updelay_ticks"), {IpForm::number}, "wait before a link that came back is used"),
    row("downdelay", {"0..2147483647 ms", 0, int_max, off_word}, "0", always,
        delay<&Options::downdelay_ticks>("downdelay_ticks"), {IpForm::number},
        "wait before a link without carrier counts as down"),
    row({"peer_notify_delay", "peer_notif_delay"}, {"0..300000 ms", 0, 300000, off_word}, "0", always,
        delay<&Options::peer_notif_delay_ticks>("peer_notif_delay_ticks"), {IpForm::number},
        "distance between two announcements after a failover"),
    row("use_carrier", {"1, on", on_word}, "1", always, use_carrier, {IpForm::number},
        "kept for compatibility: the carrier is always used"),
    row("arp_interval", {"0..2147483647 ms, off; works down to 5 ms", 0, int_max, off_word}, "0",
        in_or_shared(arp_modes), kept<&Options::arp_interval_ms>("arp_interval_ms", store_arp_interval),
        {IpForm::number}, "interval of the ARP/NS monitor, which takes the place of the MII monitor; 0: no monitor"),
    row("arp_ip_target", "up to 16 IPv4 addresses a.b.c.d,...; +a.b.c.d adds one, -a.b.c.d removes one", "", always,
        kept<&Options::arp_ip_targets>("arp_ip_targets", set_arp_targets), {IpForm::list},
        "hosts whose answers to ARP requests keep a slave up"),
    row("ns_ip6_target", "up to 16 IPv6 addresses, separated by commas", "", always,
        kept<&Options::ns_ip6_targets>("ns_ip6_targets", set_ns_targets), {IpForm::list},
        "hosts whose answers to neighbour solicitations keep a slave up"),
    row("arp_validate", {numbered<arp_validate_keywords>, arp_validate_keywords}, "none", in_or_shared(arp_modes),
        kept<&Options::arp_validate>("arp_validate"), {IpForm::text_or_null},
        "on which slaves only answers of the targets count, not any frame; filter: any ARP or IPv6 frame"),
    row("arp_all_targets", {numbered<arp_all_targets_keywords>, arp_all_targets_keywords}, "any", always,
        kept<&Options::arp_all_targets_all>("arp_all_targets_all"), {IpForm::text},
        "active-backup: whether one target that answers is enough"),
    row("primary", "interface name, or empty", "", in(primary_modes), kept<&Options::primary>("primary", store_primary),
        {IpForm::primary_slave},
        "slave that is active whenever it can be; the name may belong to a slave of the future"),
    row("primary_reselect", {numbered<reselect_keywords>, reselect_keywords}, "always", always,
        kept<&Options::primary_reselect>("primary_reselect"), {IpForm::text},
        "when a primary that came back takes over again"),
    row("fail_over_mac", {numbered<fail_over_mac_keywords>, fail_over_mac_keywords}, "none", no_slaves,
        kept<&Options::fail_over_mac>("fail_over_mac"), {IpForm::text}, "active-backup: who has which MAC address"),
    row("xmit_hash_policy", {numbered<policy_keywords>, policy_keywords}, "layer2", always,
        kept<&Options::xmit_hash_policy>("xmit_hash_policy"), {IpForm::text},
        "what of a packet decides on its slave in balance-xor"),
    row("resend_igmp", {"0..255", 0, 255, off_word}, "1", always, kept<&Options::resend_igmp>("resend_igmp"),
        {IpForm::number}, "IGMP and MLD membership reports repeated after a failover"),
    row({"num_grat_arp", "num_unsol_na num_peer_notif"}, {"0..255", 0, 255, off_word}, "1", always,
        kept<&Options::num_peer_notif>("num_peer_notif"), {IpForm::number, "num_peer_notif"},
        "gratuitous ARPs and unsolicited NAs after a failover of active-backup"),
    row("all_slaves_active", {"0, 1, off, on", off_on_words}, "0", always,
        kept<&Options::all_slaves_active>("all_slaves_active"), {IpForm::number},
        "1: frames that arrive on backup slaves are taken in too"),
    row("min_links", {"0..2147483647", 0, int_max, off_word}, "0", always, kept<&Options::min_links>("min_links"),
        {IpForm::number},
        "802.3ad: links that the active aggregator must have for the bond to have carrier; 0 counts as 1"),
    row("lp_interval", {"1..2147483647 s", 1, int_max}, "1", always, kept<&Options::lp_interval_s>("lp_interval_s"),
        {IpForm::number}, "balance-tlb, balance-alb: how often each slave shows its address to the switch"),
    row("packets_per_slave", {"0..65535", 0, 65535}, "1", in(turn_modes),
        kept<&Options::packets_per_slave>("packets_per_slave"), {IpForm::number},
        "balance-rr: packets in a row on one slave; 0: a random slave for each"),
    row({"lacp_active", "", "lacp_rate"}, {"on|off (1, 0)", off_on_words}, "on", in(lacp_modes),
        kept<&Options::lacp_active>("lacp_active"), {IpForm::text, "ad_lacp_active"},
        "off: wait for the partner to speak first"),
    row("lacp_rate", {numbered<lacp_rate_keywords>, lacp_rate_keywords}, "slow", in(lacp_modes),
        kept<&Options::lacp_fast>("lacp_fast"), {IpForm::text, "ad_lacp_rate"},
        "how often the partner is to send: every 30 s or every second; it counts as lost after three times that"),
    row("ad_select", {numbered<ad_select_keywords>, ad_select_keywords}, "stable", while_down(all_modes),
        kept<&Options::ad_select>("ad_select"), {IpForm::text},
        "802.3ad: which aggregator carries the traffic if there are several"),
    row("ad_actor_sys_prio", {"1..65535", 1, 65535}, "65535", in(lacp_modes),
        kept<&Options::ad_actor_sys_prio>("ad_actor_sys_prio"), with_lacp(IpForm::number),
        "priority of the system in LACPDUs"),
    row("ad_user_port_key", {"0..1023", 0, 1023}, "0", while_down(lacp_modes),
        kept<&Options::ad_user_port_key>("ad_user_port_key"), with_lacp(IpForm::number),
        "upper ten bits of the port key in LACPDUs"),
    row("ad_actor_system", "MAC address, not multicast", "00:00:00:00:00:00", in(lacp_modes),
        kept<&Options::ad_actor_system>("ad_actor_system", store_actor_system), with_lacp(IpForm::text),
        "address of the system in LACPDUs; all zeroes: that of the bond"),
    row("tlb_dynamic_lb", {"0, 1, off, on", off_on_words}, "1", while_down(balance_modes),
        kept<&Options::tlb_dynamic_lb>("tlb_dynamic_lb"), {IpForm::number},
        "flows go where load is least, anew every 10 s; 0: where xmit_hash_policy says"),
    row({"arp_missed_max", "missed_max"}, {"1..255", 1, 255}, "2", in_or_shared(arp_modes),
        kept<&Options::arp_missed_max>("arp_missed_max"), {IpForm::number, "", "arp_interval"},
        "intervals without an answer, and a half, after which a slave is down"),
    row("coupled_control", {"on|off (1, 0)", off_on_words}, "on", while_down(lacp_modes),
        kept<&Options::coupled_control>("coupled_control"), {IpForm::yes_no, "", "ad_lacp_rate"},
        "off: a port collects before its partner does (independent mux machine)"),
    row("broadcast_neighbor", {"off|on (0..1)", off_on_words}, "off", in(lacp_modes),
        kept<&Options::broadcast_neighbor>("broadcast_neighbor"), {IpForm::yes_no, "", "coupled_control"},
        "ARP and neighbour discovery that leave the bond go to every port, and each port that joins announces the "
        "bond"),
    row("lacp_strict", {"off|on (0..1)", off_on_words}, "off", in(lacp_modes),
        kept<&Options::lacp_strict>("lacp_strict"), {},
        "on: without a port that LACP has negotiated the bond has no carrier"),
    row("max_ports", {"0..32", 0, XB_MAX_SLAVES}, "0", in(lacp_modes), kept<&Options::max_ports>("max_ports"), {},
        "ports of one aggregator that may be used, the others stand by; 0: all"),
    row("controller_lease", {"hold, or 100..2147483647 ms", 100, int_max, hold_word}, "hold", in(lacp_modes),
        kept<&Options::controller_lease_ms>("controller_lease_ms"), {},
        "how long the data path goes on sending when xbondd is dead or stuck; hold (0): for ever"),
    row("queue_id", "SLAVE:0..16", "", always, {}, {},
        "packets with this queue mapping leave on that slave (acts in modes 0 and 1)"),
    row("xdp", {one_of<xdp_keywords>, xdp_keywords}, "auto", always, kept<&Options::xdp>("xdp"), {},
        "where the early receive filter runs"),
    row("visibility", {one_of<visibility_keywords>, visibility_keywords}, "auto", always,
        kept<&Options::visibility>("visibility"), {},
        "full: counters of and captures on the bond device see every packet"),
    row("carrier_watch", {"0..1000 ms, off", 0, 1000, off_word}, "1", always,
        kept<&Options::carrier_watch_ms>("carrier_watch_ms"), {},
        "how often the data path itself looks at the carrier; 0: never"),
    row("lacp_channel", {one_of<lacp_channel_keywords>, lacp_channel_keywords}, "auto", in(lacp_modes),
        younger(kept<&Options::lacp_channel>("lacp_channel")), {},
        "how LACPDUs come in; auto: by AF_PACKET, so that applications find the slaves' queues free"),
    row("xsk_allow", "rules `group GROUP match WORDS`, separated by `;`; +RULE adds one, -RULE removes one", "", always,
        younger(kept<&Options::xsk_allow>("xsk_allow", set_xsk_rules)), {},
        "which frames members of a group may take by AF_XDP sockets on the bond: see `xbond help xsk`"),
    row("receive", {one_of<receive_keywords>, receive_keywords}, "auto", always,
        younger(kept<&Options::receive>("receive")), {},
        "how frames come from the slaves to the bond; xdp: what is for it is redirected by slaves with native XDP, "
        "which "
        "pays for small packets; auto: tc"),
};

} // namespace

std::span<const OptionRow> option_table() { return rows; }

} // namespace xbond::core
