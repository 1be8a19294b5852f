// SPDX-License-Identifier: MIT
#include "user/daemon/saved/saved_state.h"

#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>

#include "common/fd.h"
#include "user/daemon/saved/bond_rows.h"

namespace xbond::daemon {
namespace {

using saved::json;

constexpr int state_version = 3;
constexpr const char *file_name = "state.json";

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

MacAddr mac_of(const json &j) {
    auto mac = MacAddr::parse(j.get_ref<const std::string &>());
    if (!mac) {
        throw std::invalid_argument("not a MAC address: " + j.dump());
    }
    return *mac;
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

Error io_error(const std::filesystem::path &path, const char *what) {
    const int code = errno;
    return {code, std::string(what) + " " + path.string() + ": " + std::strerror(code)};
}

} // namespace

json saved::Codec<core::Options>::write(const core::Options &o) { return to_json(o); }

core::Options saved::Codec<core::Options>::read(const json &j) { return options_of(j); }

std::string boot_id() {
    std::ifstream in("/proc/sys/kernel/random/boot_id");
    std::string id;
    in >> id;
    return id;
}

Result<void> save_state(const std::filesystem::path &dir, const SavedState &state) {
    std::error_code ec;
    std::filesystem::create_directories(dir, ec);
    json all = saved::write(state);
    all["version"] = state_version;
    const std::string text = all.dump(1);
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
            return fail(EPROTO, path.string() + ": state version " + saved::describe(j.at("version")) +
                                    ", this xbondd knows " + std::to_string(state_version));
        }
        return saved::read<SavedState>(j);
    } catch (const std::exception &e) {
        return fail(EINVAL, path.string() + ": " + e.what());
    }
}

} // namespace xbond::daemon
