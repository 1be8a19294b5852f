// SPDX-License-Identifier: MIT
#include "user/daemon/saved/saved_state.h"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

#include "common/fd.h"

namespace xbond::daemon {
namespace {

using json = nlohmann::json;

constexpr int state_version = 3;
constexpr const char *file_name = "state.json";

template <std::size_t n> json list_of(const std::array<Time, n> &times) {
    json list = json::array();
    for (const Time t : times) {
        list.push_back(t.count());
    }
    return list;
}

template <typename Addr> json bytes_of(const std::vector<Addr> &addresses) {
    json list = json::array();
    for (const auto &address : addresses) {
        list.push_back(json(address)); // its bytes
    }
    return list;
}

template <typename Addr> std::vector<Addr> addresses_of(const json &list) {
    std::vector<Addr> addresses;
    for (const auto &bytes : list) {
        addresses.push_back(bytes.get<Addr>());
    }
    if (addresses.size() > XB_MAX_TARGETS) {
        throw std::invalid_argument("too many targets: " + list.dump());
    }
    return addresses;
}

json to_json(const core::Slave &s) {
    return {{"slot", s.slot},
            {"ifindex", s.ifindex},
            {"name", s.name},
            {"perm_mac", s.perm_mac.str()},
            {"mac", s.mac.str()},
            {"running", s.running},
            {"carrier", s.carrier},
            {"speed", s.speed},
            {"duplex", s.duplex},
            {"link", static_cast<int>(s.link)},
            {"mii", static_cast<int>(s.mii)},
            {"arp", static_cast<int>(s.arp)},
            {"reason", s.reason},
            {"last_rx", s.last_rx.count()},
            {"last_tx", s.last_tx.count()},
            {"target_rx", list_of(s.target_rx)},
            {"delay", s.delay},
            {"failures", s.failures},
            {"backup", s.backup},
            {"inactive", s.inactive},
            {"prio", s.prio},
            {"queue_id", s.queue_id},
            {"actor_port_prio", s.actor_port_prio},
            {"last_link_up", s.last_link_up.count()}};
}

MacAddr mac_of(const json &j) {
    auto mac = MacAddr::parse(j.get_ref<const std::string &>());
    if (!mac) {
        throw std::invalid_argument("not a MAC address: " + j.dump());
    }
    return *mac;
}

SlotId slot_of(const json &j) {
    const auto slot = j.get<unsigned>();
    if (slot >= XB_MAX_SLAVES && slot != no_slot) {
        throw std::invalid_argument("not a slot: " + j.dump());
    }
    return static_cast<SlotId>(slot);
}

Time time_of(const json &j) { return Time(j.get<std::int64_t>()); }

core::Link link_of(const json &j) { return static_cast<core::Link>(j.get<unsigned>() & 3U); }

core::Slave slave_of(const json &j) {
    core::Slave s;
    s.slot = slot_of(j.at("slot"));
    s.ifindex = j.at("ifindex");
    s.name = j.at("name");
    s.perm_mac = mac_of(j.at("perm_mac"));
    s.mac = mac_of(j.at("mac"));
    s.running = j.at("running");
    s.carrier = j.at("carrier");
    s.speed = j.at("speed");
    s.duplex = j.at("duplex");
    s.link = link_of(j.at("link"));
    s.mii = link_of(j.at("mii"));
    s.arp = link_of(j.at("arp"));
    s.reason = j.at("reason");
    s.last_rx = time_of(j.at("last_rx"));
    s.last_tx = time_of(j.at("last_tx"));
    std::ranges::transform(j.at("target_rx").get<std::array<std::int64_t, XB_MAX_TARGETS>>(), s.target_rx.begin(),
                           [](std::int64_t ns) { return Time(ns); });
    s.delay = j.at("delay");
    s.failures = j.at("failures");
    s.backup = j.at("backup");
    s.inactive = j.at("inactive");
    s.prio = j.at("prio");
    s.queue_id = j.at("queue_id");
    s.actor_port_prio = j.at("actor_port_prio");
    s.last_link_up = time_of(j.at("last_link_up"));
    return s;
}

// The fields as they are, not as option text: a value may be one that the present mode would refuse (packets_per_slave
// kept from mode 0), and delays are ticks that no longer show in milliseconds when miimon is 0.
json to_json(const core::Options &o) {
    return {{"mode", o.mode},
            {"miimon_ms", o.miimon_ms},
            {"updelay_ticks", o.updelay_ticks},
            {"downdelay_ticks", o.downdelay_ticks},
            {"peer_notif_delay_ticks", o.peer_notif_delay_ticks},
            {"xmit_hash_policy", o.xmit_hash_policy},
            {"packets_per_slave", o.packets_per_slave},
            {"lp_interval_s", o.lp_interval_s},
            {"tlb_dynamic_lb", o.tlb_dynamic_lb},
            {"primary", o.primary},
            {"primary_reselect", o.primary_reselect},
            {"fail_over_mac", o.fail_over_mac},
            {"all_slaves_active", o.all_slaves_active},
            {"num_peer_notif", o.num_peer_notif},
            {"resend_igmp", o.resend_igmp},
            {"min_links", o.min_links},
            {"arp_interval_ms", o.arp_interval_ms},
            {"arp_ip_targets", bytes_of(o.arp_ip_targets)},
            {"ns_ip6_targets", bytes_of(o.ns_ip6_targets)},
            {"arp_validate", o.arp_validate},
            {"arp_all_targets_all", o.arp_all_targets_all},
            {"arp_missed_max", o.arp_missed_max},
            {"lacp_fast", o.lacp_fast},
            {"lacp_active", o.lacp_active},
            {"lacp_strict", o.lacp_strict},
            {"ad_select", o.ad_select},
            {"ad_actor_sys_prio", o.ad_actor_sys_prio},
            {"ad_user_port_key", o.ad_user_port_key},
            {"ad_actor_system", o.ad_actor_system.str()},
            {"coupled_control", o.coupled_control},
            {"broadcast_neighbor", o.broadcast_neighbor},
            {"max_ports", o.max_ports},
            {"controller_lease_ms", o.controller_lease_ms},
            {"monitors", o.monitors},
            {"xdp", o.xdp},
            {"visibility", o.visibility},
            {"carrier_watch_ms", o.carrier_watch_ms}};
}

template <typename E> E enum_of(const json &j, E last) {
    const auto value = j.get<unsigned>();
    if (value > static_cast<unsigned>(last)) {
        throw std::invalid_argument("out of range: " + j.dump());
    }
    return static_cast<E>(value);
}

core::Options options_of(const json &j) {
    core::Options o;
    o.mode = enum_of(j.at("mode"), Mode::balance_alb);
    o.miimon_ms = j.at("miimon_ms");
    o.updelay_ticks = j.at("updelay_ticks");
    o.downdelay_ticks = j.at("downdelay_ticks");
    o.peer_notif_delay_ticks = j.at("peer_notif_delay_ticks");
    o.xmit_hash_policy = enum_of(j.at("xmit_hash_policy"), HashPolicy{XB_N_POLICIES - 1});
    o.packets_per_slave = j.at("packets_per_slave");
    o.lp_interval_s = j.at("lp_interval_s");
    o.tlb_dynamic_lb = j.at("tlb_dynamic_lb");
    o.primary = j.at("primary");
    o.primary_reselect = enum_of(j.at("primary_reselect"), core::PrimaryReselect::failure);
    o.fail_over_mac = enum_of(j.at("fail_over_mac"), core::FailOverMac::follow);
    o.all_slaves_active = j.at("all_slaves_active");
    o.num_peer_notif = j.at("num_peer_notif");
    o.resend_igmp = j.at("resend_igmp");
    o.min_links = j.at("min_links");
    o.arp_interval_ms = j.at("arp_interval_ms");
    o.arp_ip_targets = addresses_of<Ipv4Addr>(j.at("arp_ip_targets"));
    o.ns_ip6_targets = addresses_of<Ipv6Addr>(j.at("ns_ip6_targets"));
    o.arp_validate = enum_of(j.at("arp_validate"), core::ArpValidate::filter_backup);
    o.arp_all_targets_all = j.at("arp_all_targets_all");
    o.arp_missed_max = j.at("arp_missed_max");
    o.lacp_fast = j.at("lacp_fast");
    o.lacp_active = j.at("lacp_active");
    o.lacp_strict = j.at("lacp_strict");
    o.ad_select = enum_of(j.at("ad_select"), lacp::AdSelect::actor_port_prio);
    o.ad_actor_sys_prio = j.at("ad_actor_sys_prio");
    o.ad_user_port_key = j.at("ad_user_port_key");
    o.ad_actor_system = mac_of(j.at("ad_actor_system"));
    o.coupled_control = j.at("coupled_control");
    o.broadcast_neighbor = j.at("broadcast_neighbor");
    o.max_ports = j.at("max_ports");
    o.controller_lease_ms = j.at("controller_lease_ms");
    o.monitors = enum_of(j.at("monitors"), core::Monitors::all);
    o.xdp = enum_of(j.at("xdp"), XdpPolicy::off);
    o.visibility = enum_of(j.at("visibility"), Visibility::full);
    o.carrier_watch_ms = j.at("carrier_watch_ms");
    return o;
}

json to_json(const SlaveOriginal &o) {
    json multicast = json::array();
    for (const auto &mac : o.multicast) {
        multicast.push_back(mac.str());
    }
    return {{"name", o.name},      {"ifindex", o.ifindex}, {"mac", o.mac.str()},     {"mtu", o.mtu},
            {"up", o.up},          {"promisc", o.promisc}, {"allmulti", o.allmulti}, {"multicast", multicast},
            {"sysctls", o.sysctls}};
}

SlaveOriginal original_of(const json &j) {
    SlaveOriginal o;
    o.name = j.at("name");
    o.ifindex = j.at("ifindex");
    o.mac = mac_of(j.at("mac"));
    o.mtu = j.at("mtu");
    o.up = j.at("up");
    o.promisc = j.at("promisc");
    o.allmulti = j.at("allmulti");
    for (const auto &mac : j.at("multicast")) {
        o.multicast.push_back(mac_of(mac));
    }
    o.sysctls = j.at("sysctls");
    return o;
}

json to_json(const SavedController &bond) {
    json slaves = json::array(), originals = json::array();
    for (const auto &slave : bond.core.slaves) {
        slaves.push_back(to_json(slave));
    }
    for (const auto &original : bond.originals) {
        originals.push_back(to_json(original));
    }
    return {{"name", bond.core.name},
            {"ifindex", bond.ifindex},
            {"peer", bond.peer},
            {"mtu", bond.mtu},
            {"options", to_json(bond.core.options)},
            {"mac", bond.core.mac.str()},
            {"mac_is_random", bond.core.mac_is_random},
            {"admin_up", bond.core.admin_up},
            {"active", bond.core.active},
            {"primary", bond.core.primary},
            {"force_primary", bond.core.force_primary},
            {"pending_notif", bond.core.pending_notif},
            {"pending_rejoin", bond.core.pending_rejoin},
            {"candidate", bond.core.candidate},
            {"aggregation_carrier", bond.core.aggregation_carrier},
            {"slaves", slaves},
            {"originals", originals}};
}

SavedController controller_of(const json &j) {
    SavedController bond;
    bond.core.name = j.at("name");
    bond.ifindex = j.at("ifindex");
    bond.peer = j.at("peer");
    bond.mtu = j.at("mtu");
    bond.core.options = options_of(j.at("options"));
    bond.core.mac = mac_of(j.at("mac"));
    bond.core.mac_is_random = j.at("mac_is_random");
    bond.core.admin_up = j.at("admin_up");
    bond.core.active = slot_of(j.at("active"));
    bond.core.primary = slot_of(j.at("primary"));
    bond.core.force_primary = j.at("force_primary");
    bond.core.pending_notif = j.at("pending_notif");
    bond.core.pending_rejoin = j.at("pending_rejoin");
    bond.core.candidate = slot_of(j.at("candidate"));
    bond.core.aggregation_carrier = j.at("aggregation_carrier");
    for (const auto &slave : j.at("slaves")) {
        bond.core.slaves.push_back(slave_of(slave));
    }
    for (const auto &original : j.at("originals")) {
        bond.originals.push_back(original_of(original));
    }
    return bond;
}

Error io_error(const std::filesystem::path &path, const char *what) {
    const int code = errno;
    return {code, std::string(what) + " " + path.string() + ": " + std::strerror(code)};
}

} // namespace

std::string boot_id() {
    std::ifstream in("/proc/sys/kernel/random/boot_id");
    std::string id;
    in >> id;
    return id;
}

Result<void> save_state(const std::filesystem::path &dir, const SavedState &state) {
    std::error_code ec;
    std::filesystem::create_directories(dir, ec);
    json bonds = json::array();
    for (const auto &bond : state.bonds) {
        bonds.push_back(to_json(bond));
    }
    const std::string text = json{{"version", state_version}, {"boot_id", state.boot_id}, {"bonds", bonds}}.dump(1);
    const auto path = dir / file_name;
    auto fresh = path;
    fresh += ".new";
    Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd) {
        return tl::unexpected(io_error(fresh, "cannot write"));
    }
    for (std::size_t done = 0; done < text.size();) {
        const auto n = ::write(fd.get(), text.data() + done, text.size() - done);
        if (n < 0) {
            return tl::unexpected(io_error(fresh, "cannot write"));
        }
        done += static_cast<std::size_t>(n);
    }
    if (::fsync(fd.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) {
        return tl::unexpected(io_error(path, "cannot replace"));
    }
    return {};
}

void forget_state(const std::filesystem::path &dir) {
    std::error_code ec;
    std::filesystem::remove(dir / file_name, ec);
    std::filesystem::remove(dir, ec);
}

Result<SavedState> load_state(const std::filesystem::path &dir) {
    SavedState state;
    state.boot_id = boot_id();
    const auto path = dir / file_name;
    std::ifstream in(path);
    if (!in) {
        return state;
    }
    try {
        const auto j = json::parse(in);
        if (j.at("boot_id") != state.boot_id) {
            return state;
        }
        if (j.at("version") != state_version) {
            return fail(EPROTO, path.string() + ": state version " + j.at("version").dump() + ", this xbondd knows " +
                                    std::to_string(state_version));
        }
        for (const auto &bond : j.at("bonds")) {
            state.bonds.push_back(controller_of(bond));
        }
    } catch (const std::exception &e) {
        return fail(EINVAL, path.string() + ": " + e.what());
    }
    return state;
}

} // namespace xbond::daemon
