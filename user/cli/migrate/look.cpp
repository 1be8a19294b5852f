// SPDX-License-Identifier: MIT
#include "user/cli/migrate/look.h"

#include <algorithm>
#include <cstdio>
#include <linux/if.h>
#include <sstream>
#include <sys/utsname.h>

#include "user/cli/root_files.h"
#include "user/core/modes/traits.h"
#include "user/core/options/option_table.h"
#include "user/import/import.h"
#include "user/sys/io.h"
#include "user/sys/sysctl.h"

namespace xbond::cli::migrate {

using nlohmann::ordered_json;

namespace {

bool renames_live() {
    utsname kernel{};
    unsigned major = 0, minor = 0;
    return ::uname(&kernel) == 0 && std::sscanf(kernel.release, "%u.%u", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 2));
}

std::vector<std::string> words_of(const std::string &text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
}

Result<void> read_kernel(Snapshot &out) {
    XB_TRY(files, RootFiles::open("/"));
    XB_TRY(imported, import::import_files(*files, "live"));
    XB_TRY(config, api::parse_config(imported->config.dump(), "the bond " + out.bond));
    const auto found = std::ranges::find(config->bonds, out.bond, &api::BondConfig::name);
    if (found == config->bonds.end()) {
        return fail(ENODEV, out.bond + " is no bond of the kernel");
    }
    out.options = found->options;
    for (const auto &note : imported->notes) {
        if (note.at.file.find("/" + out.bond + "/") != std::string::npos &&
            note.at.file.find("/upper_") == std::string::npos) {
            out.notes.push_back(import::text_of(note.at) + ": " + note.text);
        }
    }
    const auto active = sysfs_text(out.bond + "/bonding/active_slave");
    for (const auto &name : words_of(sysfs_text(out.bond + "/bonding/slaves"))) {
        SlaveSeen slave{.name = name, .active = name == active};
        slave.usable = sysfs_text(name + "/bonding_slave/mii_status") == "up";
        const auto queue = sysfs_text(name + "/bonding_slave/queue_id");
        slave.queue_id = static_cast<std::uint16_t>(queue.empty() ? 0 : std::strtoul(queue.c_str(), nullptr, 10));
        out.slaves.push_back(slave);
    }
    return {};
}

Result<void> read_xbond(Snapshot &out, const Call &call) {
    XB_TRY(status, status_of(out.bond, call));
    if (status->is_null()) {
        return fail(ENODEV, out.bond + " is no bond of xbondd");
    }
    for (const auto &[name, value] : status->at("options").items()) {
        if (!value.is_null()) {
            out.options.push_back({name, value.is_string() ? value.get<std::string>() : value.dump()});
        }
    }
    out.options = core::in_apply_order(out.options);
    for (const auto &one : status->at("slaves")) {
        SlaveSeen slave{.name = one.value("name", ""), .active = one.value("active", false)};
        slave.usable = one.value("link", "") == "up" && one.value("carrier", false);
        slave.queue_id = one.value("queue_id", std::uint16_t{0});
        slave.prio = one.value("prio", 0);
        out.slaves.push_back(slave);
    }
    return {};
}

// The mode, and whether the bond's address is its own or follows the slaves.
void settle(Snapshot &out, const sys::LinkInfo &link) {
    core::Options options;
    for (const auto &option : out.options) {
        (void)core::set_option(options, {}, option, nullptr);
    }
    for (const auto &traits : core::mode_table) {
        if (core::get_option(options, "mode").value_or("") == traits.keyword) {
            out.mode = traits.mode;
        }
    }
    if (core::get_option(options, "fail_over_mac").value_or("none") == "none") {
        out.mac = link.mac;
    }
}

// VLANs are made anew; everything else on the bond would lose its device.
void find_above(Snapshot &out, const std::vector<sys::LinkInfo> &links, const sys::LinkInfo &below) {
    for (const auto &link : links) {
        const bool a_slave = std::ranges::find(out.slaves, link.name, &SlaveSeen::name) != out.slaves.end();
        if (link.link != below.ifindex || link.link_in_other_netns || a_slave || link.kind == "veth") {
            continue;
        }
        if (link.kind != "vlan") {
            out.obstacles.push_back(link.name + " (" + link.kind + ") stands on " + below.name);
            continue;
        }
        out.vlans.push_back({link.name, below.name, link.ifindex});
        find_above(out, links, link);
    }
}

void check_device(Snapshot &out, const std::vector<sys::LinkInfo> &links, const sys::LinkInfo &link,
                  sys::Netlink &netlink, bool of_xbond) {
    if (link.master != 0) {
        const auto master = std::ranges::find(links, link.master, &sys::LinkInfo::ifindex);
        out.obstacles.push_back(link.name + " is a port of " + (master == links.end() ? "a bridge" : master->name));
    }
    if (link.qdisc != "noqueue" && link.qdisc != "noop") {
        out.obstacles.push_back(link.name + " has the queueing discipline " + link.qdisc);
    }
    if (of_xbond) {
        return; // its filters and programs are xbond's
    }
    if (link.native_xdp) {
        out.obstacles.push_back(link.name + " has an XDP program");
    }
    for (const auto side : {sys::Netlink::Side::ingress, sys::Netlink::Side::egress}) {
        if (const auto filters = netlink.filters(link.ifindex, side); filters && !filters->empty()) {
            out.obstacles.push_back(link.name + " has tc filters");
            break;
        }
    }
}

// Sockets that know a device by its number do not follow.
unsigned packet_sockets(const Ifindexes &devices) {
    const auto text = sys::read_file("/proc/net/packet");
    std::istringstream lines(text.value_or(""));
    unsigned found = 0;
    std::string line;
    for (std::getline(lines, line); std::getline(lines, line);) {
        const auto words = words_of(line);
        constexpr std::size_t iface = 4;
        found += words.size() > iface &&
                         devices.contains(static_cast<std::uint32_t>(std::strtoul(words[iface].c_str(), nullptr, 10)))
                     ? 1
                     : 0;
    }
    return found;
}

Result<void> look_at_held(Snapshot &out, const std::vector<sys::LinkInfo> &links, Rtnl &rtnl) {
    std::map<std::uint32_t, std::string> names;
    for (const auto &link : links) {
        names[link.ifindex] = link.name;
    }
    Ifindexes devices{out.ifindex};
    for (const auto &vlan : out.vlans) {
        devices.insert(vlan.ifindex);
    }
    XB_TRY(all, rtnl.all());
    const auto held = held_by(*all, devices);
    for (const auto *list : {&held.addresses, &held.routes}) {
        for (const auto &m : *list) {
            out.held.push_back(text(m, names));
        }
    }
    out.held.push_back(std::to_string(held.neighbours.size()) + " neighbours");
    if (std::ranges::any_of(held.routes, through_nexthop_object)) {
        out.obstacles.emplace_back("a route goes through a nexthop object");
    }
    if (const auto check = sys::read_sysctl("ipv4/conf/all/rp_filter"); check && *check != "0") {
        out.notes.emplace_back(
            "net.ipv4.conf.all.rp_filter drops what comes in by the one bond while the other has the "
            "addresses; 0 for the while of it avoids that");
    }
    if (const auto sockets = packet_sockets(devices); out.from == Side::kernel && sockets != 0) {
        out.notes.push_back(std::to_string(sockets) +
                            " packet sockets (a DHCP client, lldpd, a capture) are bound to " +
                            "the devices of now: restart what opened them");
    }
    return {};
}

} // namespace

std::string sysfs_text(const std::string &path) {
    auto text = sys::read_file("/sys/class/net/" + path).value_or("");
    while (!text.empty() && text.back() == '\n') {
        text.pop_back();
    }
    return text;
}

Result<ordered_json> status_of(const std::string &bond, const Call &call) {
    XB_TRY(status, call(api::Status{}));
    for (const auto &one : status->value("bonds", ordered_json::array())) {
        if (one.value("name", "") == bond) {
            return one;
        }
    }
    return ordered_json();
}

Result<Snapshot> look(const std::string &bond, Side from, const Call &call, Rtnl &rtnl, sys::Netlink &netlink) {
    XB_TRY(links, netlink.links());
    const auto link = std::ranges::find(*links, bond, &sys::LinkInfo::name);
    if (link == links->end()) {
        return fail(ENODEV, "no device is called " + bond);
    }
    Snapshot out{.from = from, .bond = bond, .ifindex = link->ifindex, .mtu = link->mtu};
    out.up = (link->flags & IFF_UP) != 0;
    out.live_rename = renames_live();
    if (from == Side::kernel && link->kind != "bond") {
        return fail(EINVAL, bond + " is no bond of the kernel" +
                                (link->kind == "veth" ? " (from xbond to the kernel: --back)" : ""));
    }
    XB_TRY_VOID(from == Side::kernel ? read_kernel(out) : read_xbond(out, call));
    settle(out, *link);
    find_above(out, *links, *link);
    for (auto &slave : out.slaves) {
        const auto found = std::ranges::find(*links, slave.name, &sys::LinkInfo::name);
        slave.hardware = found != links->end() && found->kind.empty();
    }
    for (const auto &one : *links) {
        const bool above = std::ranges::find(out.vlans, one.name, &VlanSeen::name) != out.vlans.end();
        if (one.ifindex == link->ifindex || above) {
            check_device(out, *links, one, netlink, from == Side::xbond && !above);
        }
        for (const auto &name : {away_name(link->ifindex), fresh_name(link->ifindex)}) {
            if (one.name == name) {
                out.obstacles.push_back(name + " is there, of a migration that was broken off");
            }
        }
    }
    XB_TRY_VOID(look_at_held(out, *links, rtnl));
    return out;
}

} // namespace xbond::cli::migrate
