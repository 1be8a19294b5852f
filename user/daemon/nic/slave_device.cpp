// SPDX-License-Identifier: MIT
#include "user/daemon/nic/slave_device.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include "user/sys/device/filter.h"
#include "user/sys/device/name.h"
#include "user/sys/sysctl.h"

namespace xbond::daemon {
namespace {

struct QuietSysctl {
    const char *path; // % stands for the interface name
    const char *value;
};

// A slave never answers for the bond: no ARP replies, no IPv6 of its own. Whoever switches IPv6 on for all devices does
// so for slaves, too: without a way to make up an address they stay silent until it is switched off again.
constexpr std::array<QuietSysctl, 3> quiet_sysctls{{
    {"ipv4/conf/%/arp_ignore", "8"},
    {"ipv6/conf/%/addr_gen_mode", "1"},
    {"ipv6/conf/%/disable_ipv6", "1"},
}};

// A container may have its /proc/sys for reading only.
bool is_closed(const Error &error) { return error.code == EROFS || error.code == EACCES || error.code == EPERM; }

Result<void> set_by_netlink(sys::Netlink &netlink, std::uint32_t ifindex, std::string_view path,
                            const std::string &value) {
    if (path.ends_with("/arp_ignore")) {
        return netlink.set_arp_ignore(ifindex, static_cast<std::uint32_t>(std::atoi(value.c_str())));
    }
    if (path.ends_with("/addr_gen_mode")) {
        return netlink.set_addrgenmode(ifindex, static_cast<std::uint8_t>(std::atoi(value.c_str())));
    }
    return fail(EROFS, "/proc/sys cannot be written");
}

std::string for_interface(std::string path, const std::string &name) {
    if (auto at = path.find('%'); at != std::string::npos) {
        path.replace(at, 1, name);
    }
    return path;
}

void keep_first(Result<void> &first, Result<void> next) {
    if (first && !next) {
        first = std::move(next);
    }
}

// Nobody comes back to a device that was half looked at or half given back: what failed is tried once more, memory or a
// descriptor may be there a moment later.
template <typename Call> auto twice(Call call) {
    auto done = call();
    return done ? done : call();
}

} // namespace

std::string keep_quiet(sys::Netlink &netlink, std::uint32_t ifindex) {
    const std::string name = sys::name_now(ifindex);
    std::string open;
    if (name.empty()) {
        return open;
    }
    for (const auto &sysctl : quiet_sysctls) {
        const auto path = for_interface(sysctl.path, name);
        const auto now = sys::read_sysctl(path);
        if (!now || *now == sysctl.value) { // not there: no IPv6 in this kernel
            continue;
        }
        auto done = sys::write_sysctl(path, sysctl.value);
        if (!done && is_closed(done.error())) {
            done = set_by_netlink(netlink, ifindex, sysctl.path, sysctl.value);
        }
        if (!done && done.error().code != ENOENT && done.error().code != ENODEV) {
            open += (open.empty() ? "" : ", ") + path + " stays " + *now + ": " + done.error().message;
        }
    }
    return open;
}

SlaveOriginal capture(const sys::LinkInfo &link) {
    SlaveOriginal original;
    original.name = link.name;
    original.ifindex = link.ifindex;
    original.mac = link.mac;
    original.mtu = link.mtu;
    original.up = (link.flags & IFF_UP) != 0;
    original.promisc = (link.flags & IFF_PROMISC) != 0;
    original.allmulti = (link.flags & IFF_ALLMULTI) != 0;
    original.added = SlaveFilters();
    for (const auto &entry : sys::multicast_list(link.name)) {
        if (entry.administrative) {
            original.multicast.push_back(entry.mac);
        }
    }
    for (const auto &sysctl : quiet_sysctls) {
        const auto path = for_interface(sysctl.path, link.name);
        if (auto value = twice([&] { return sys::read_sysctl(path); })) {
            original.sysctls.emplace_back(sysctl.path, *value);
        }
    }
    return original;
}

SlaveOriginal guess_original(const sys::LinkInfo &link) {
    SlaveOriginal original{
        .name = link.name, .ifindex = link.ifindex, .mac = link.perm_mac.value_or(link.mac), .mtu = link.mtu};
    for (const auto &sysctl : quiet_sysctls) {
        if (auto value = sys::read_sysctl(for_interface(sysctl.path, "default"))) {
            original.sysctls.emplace_back(sysctl.path, *value);
        }
    }
    return original;
}

bool is_same_device(const SlaveOriginal &original, const sys::LinkInfo &link) {
    return link.ifindex == original.ifindex && (link.name == original.name || link.perm_mac == original.mac);
}

Result<void> prepare(sys::Netlink &netlink, const SlaveOriginal &original, const core::EnslavePlan &plan) {
    auto attempt = [&]() -> Result<void> {
        if (plan.set_mtu != original.mtu) {
            XB_TRY_VOID(netlink.set_mtu(original.ifindex, plan.set_mtu));
        }
        if (plan.set_mac && *plan.set_mac != original.mac) {
            XB_TRY_VOID(netlink.set_mac(original.ifindex, *plan.set_mac));
        }
        if (const auto open = keep_quiet(netlink, original.ifindex); !open.empty()) {
            spdlog::warn("{}: not protected from speaking for itself: {}", original.name, open);
        }
        return {};
    };
    auto done = attempt();
    if (!done) {
        (void)restore(netlink, original, original.mac);
    }
    return done;
}

SlaveFilters added_filters(const SlaveOriginal &original, const sys::LinkInfo &now) {
    if (original.added) {
        return *original.added;
    }
    SlaveFilters added{.promisc = (now.flags & IFF_PROMISC) != 0 && !original.promisc,
                       .allmulti = (now.flags & IFF_ALLMULTI) != 0 && !original.allmulti,
                       .multicast = {},
                       .nic = {}};
    for (const auto &entry : sys::multicast_list(now.name)) {
        if (entry.administrative && std::ranges::find(original.multicast, entry.mac) == original.multicast.end()) {
            added.multicast.push_back(entry.mac);
        }
    }
    return added;
}

namespace {

// Failures are of no consequence: what is left lets in too much, not too little.
void remove_filters(sys::Netlink &netlink, const sys::LinkInfo &link, SlaveFilters added) {
    if (const auto ethtool = sys::Ethtool::open()) {
        KernelNic nic(netlink, *ethtool, link.ifindex);
        restore_nic(nic, added.nic);
        remove_own_vlans(netlink, [&](std::uint32_t below) { return below == link.ifindex; });
    }
    (void)sys::set_promisc(netlink, link.ifindex, false, added.promisc);
    (void)sys::set_allmulti(netlink, link.ifindex, false, added.allmulti);
    if (const auto filter = sys::DeviceFilter::open()) {
        (void)filter->set_multicast(link.name, {}, added.multicast);
    }
}

} // namespace

Result<void> restore_sysctl(sys::Netlink &netlink, std::uint32_t ifindex, const std::string &name,
                            const std::string &path, const std::string &value) {
    const auto now = sys::read_sysctl(for_interface(path, name));
    if (now && *now == value) {
        return {};
    }
    auto done = sys::write_sysctl(for_interface(path, name), value);
    return !done && is_closed(done.error()) ? set_by_netlink(netlink, ifindex, path, value) : done;
}

Result<void> restore(sys::Netlink &netlink, const SlaveOriginal &original, const std::optional<MacAddr> &mac) {
    const auto link = twice([&] { return netlink.link(original.ifindex); });
    if (!link) {
        return link.error().code == ENODEV ? Result<void>() : tl::unexpected(link.error());
    }
    Result<void> first;
    keep_first(first, twice([&] { return netlink.set_up(original.ifindex, false); }));
    remove_filters(netlink, *link, added_filters(original, *link));
    if (mac && *mac != link->mac) {
        keep_first(first, twice([&] { return netlink.set_mac(original.ifindex, *mac); }));
    }
    if (link->mtu != original.mtu) {
        keep_first(first, twice([&] { return netlink.set_mtu(original.ifindex, original.mtu); }));
    }
    for (const auto &[path, value] : original.sysctls) {
        keep_first(first, twice([&] { return restore_sysctl(netlink, original.ifindex, link->name, path, value); }));
    }
    return first;
}

Result<void> restore_moved(const SlaveOriginal &original, std::uint32_t ifindex_there,
                           const std::optional<MacAddr> &mac) {
    XB_TRY(netlink, sys::Netlink::open());
    XB_TRY(link, netlink->link(ifindex_there));
    const bool up = (link->flags & IFF_UP) != 0;
    Result<void> first;
    remove_filters(*netlink, *link, added_filters(original, *link));
    if (mac && *mac != link->mac) {
        auto set = netlink->set_mac(ifindex_there, *mac);
        if (!set && up) { // some drivers want it down for that
            (void)netlink->set_up(ifindex_there, false);
            set = netlink->set_mac(ifindex_there, *mac);
            (void)netlink->set_up(ifindex_there, true);
        }
        keep_first(first, std::move(set));
    }
    if (link->mtu != original.mtu) {
        keep_first(first, netlink->set_mtu(ifindex_there, original.mtu));
    }
    return first;
}

namespace {

core::LinkObservation observe_carrier(sys::Ethtool &ethtool, SlotId slot, std::uint32_t ifindex) {
    core::LinkObservation seen;
    seen.slot = slot;
    seen.running = ethtool.running(ifindex).value_or(false);
    seen.carrier = seen.running && ethtool.carrier(ifindex).value_or(false);
    return seen;
}

} // namespace

core::DeviceFacts facts_of(sys::Netlink &netlink, sys::Ethtool &ethtool, const sys::LinkInfo &link) {
    core::DeviceFacts facts;
    facts.name = link.name;
    facts.ifindex = link.ifindex;
    facts.arp_type = link.arp_type;
    facts.flags = link.flags;
    facts.master = link.master;
    facts.is_master = (link.flags & IFF_MASTER) != 0 || link.kind == "bridge" || link.kind == "vrf" ||
                      link.kind == "team" || link.kind == "openvswitch";
    facts.is_bond = link.kind == "bond";
    facts.mac = link.mac;
    facts.mtu = link.mtu;
    facts.altnames = link.altnames;
    if ((link.flags & IFF_UP) == 0 && link.master == 0 && link.mac.is_valid_unicast()) {
        const auto same = netlink.set_mac(link.ifindex, link.mac);
        facts.can_set_mac = same || same.error().code != EOPNOTSUPP;
    }
    auto seen = observe(ethtool, no_slot, link.ifindex);
    facts.carrier = seen.carrier;
    facts.speed = seen.speed;
    facts.duplex = seen.duplex;
    return facts;
}

core::LinkObservation observe(sys::Ethtool &ethtool, SlotId slot, std::uint32_t ifindex) {
    auto seen = observe_carrier(ethtool, slot, ifindex);
    if (seen.carrier) {
        const auto rate = ethtool.speed(ifindex);
        seen.speed = rate.speed;
        seen.duplex = rate.duplex;
    }
    return seen;
}

} // namespace xbond::daemon
