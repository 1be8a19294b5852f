// SPDX-License-Identifier: MIT
#include "user/cli/migrate/carry.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <linux/if.h>
#include <thread>
#include <unistd.h>

#include "user/core/modes/traits.h"
#include "user/core/options/option_table.h"
#include "user/core/wire/announce.h"
#include "user/sys/io.h"
#include "user/sys/packet_socket.h"
#include "user/sys/sysctl.h"

namespace xbond::cli::migrate {

using nlohmann::ordered_json;

namespace {

constexpr std::chrono::seconds until_link(10), until_bond(60), until_followed(10);
// A link that has just come is not yet the way to anywhere: for up to a second the other side's device eats frames or
// its bridge drops them, and its neighbours have to learn the way.
constexpr std::chrono::seconds settled(2);

// Looks every few milliseconds; false: in vain.
template <typename Look> bool within(std::chrono::seconds time, const Look &look) {
    constexpr std::chrono::milliseconds pause(20);
    const auto end = std::chrono::steady_clock::now() + time;
    while (!look()) {
        if (std::chrono::steady_clock::now() >= end) {
            return false;
        }
        std::this_thread::sleep_for(pause);
    }
    return true;
}

Result<void> write_sysfs(const std::string &path, const std::string &value) {
    const Fd file(::open(("/sys/class/net/" + path).c_str(), O_WRONLY | O_CLOEXEC));
    if (!file || ::write(file.get(), value.data(), value.size()) < 0) {
        return sys::fail_errno(path + ": " + value);
    }
    return {};
}

// What the kernel keeps of itself, or derives.
bool is_carried(const std::string &sysctl) {
    constexpr std::array not_to_set{"addr_gen_mode", "mtu", "mc_forwarding", "stable_secret"};
    return std::ranges::find(not_to_set, sysctl) == not_to_set.end();
}

void copy_sysctls(const std::string &like, const std::string &device, std::vector<std::string> &notes) {
    for (const std::string family : {"ipv4/conf/", "ipv6/conf/", "ipv4/neigh/", "ipv6/neigh/"}) {
        std::vector<std::string> names;
        std::error_code none;
        for (const auto &entry : std::filesystem::directory_iterator("/proc/sys/net/" + family + like, none)) {
            names.push_back(entry.path().filename());
        }
        // `forwarding` sets others.
        std::ranges::stable_sort(names, {}, [](const std::string &n) { return n == "forwarding" ? 0 : 1; });
        for (const auto &name : names) {
            const auto wanted = sys::read_sysctl(family + like + "/" + name);
            const auto now = sys::read_sysctl(family + device + "/" + name);
            if (!is_carried(name) || !wanted || !now || *wanted == *now) {
                continue;
            }
            if (const auto done = sys::write_sysctl(family + device + "/" + name, *wanted); !done) {
                notes.push_back("sysctl net/" + family + device + "/" + name + ": " + done.error().message);
            }
        }
    }
}

std::string source_check(const std::string &device) { return "ipv4/conf/" + device + "/rp_filter"; }

const ordered_json *slave_in(const ordered_json &bond, const std::string &name) {
    for (const auto &slave : bond.at("slaves")) {
        if (slave.value("name", "") == name) {
            return &slave;
        }
    }
    return nullptr;
}

} // namespace

Carrier::Carrier(const Snapshot &of, Call call, Rtnl &rtnl, sys::Netlink &netlink)
    : of_(of), call_(std::move(call)), rtnl_(rtnl), netlink_(netlink) {}

Result<void> Carrier::remember() {
    XB_TRY(links, netlink_.links());
    for (const auto &link : *links) {
        names_[link.ifindex] = link.name;
    }
    Ifindexes devices{of_.ifindex};
    for (const auto &vlan : of_.vlans) {
        devices.insert(vlan.ifindex);
    }
    XB_TRY(all, rtnl_.all());
    before_ = held_by(*all, devices);
    source_check_ = sys::read_sysctl(source_check(of_.bond)).value_or("");
    return {};
}

Result<void> Carrier::carry_out(const Step &step) {
    return std::visit([this](const auto &s) { return (*this)(s); }, step);
}

Result<std::uint32_t> Carrier::index(const std::string &name) {
    XB_TRY(link, netlink_.link(name));
    return link->ifindex;
}

Result<void> Carrier::known(const std::string &bond) {
    const bool there = within(until_followed, [&] {
        const auto status = status_of(bond, call_);
        return status && !status->is_null();
    });
    return there ? Result<void>() : fail(ETIMEDOUT, "xbondd knows no bond " + bond);
}

Result<void> Carrier::operator()(const Make &make) {
    if (make.side == Side::kernel) {
        XB_TRY_VOID(rtnl_.make_bond(make.name, of_.mac, of_.mtu));
        return set_options(make.name);
    }
    api::LinkAdd add;
    add.name = make.name;
    add.options = of_.options;
    add.address = of_.mac;
    add.mtu = of_.mtu;
    XB_TRY_VOID(call_(add));
    return {};
}

// By sysfs, whose files have the options' names but for one. What differs only, so that defaults stay what they are.
Result<void> Carrier::set_options(const std::string &bond) {
    for (const auto &option : core::in_apply_order(of_.options)) {
        const std::string file = option.name == "peer_notify_delay" ? "peer_notif_delay" : option.name;
        const std::string path = bond + "/bonding/" + file;
        if (::access(("/sys/class/net/" + path).c_str(), W_OK) != 0) {
            const auto *row = core::find_option(option.name);
            if (row != nullptr && option.value != row->fallback && !option.value.empty()) {
                notes_.push_back("the option " + option.name + " " + option.value + " is xbond's alone");
            }
            continue;
        }
        const auto now = sysfs_text(path);
        if (option.value.empty() || now == option.value || now.starts_with(option.value + " ")) {
            continue;
        }
        std::string rest = option.value;
        while (!rest.empty()) { // targets one by one
            const bool target = option.name == "arp_ip_target" || option.name == "ns_ip6_target";
            const auto end = target ? rest.find(',') : std::string::npos;
            const auto one = rest.substr(0, end);
            if (const auto done = write_sysfs(path, target ? "+" + one : one); !done) {
                const bool not_here = done.error().code == EACCES || done.error().code == EPERM;
                if (!not_here) { // else an option that its mode does not have
                    return done;
                }
            }
            rest = end == std::string::npos ? "" : rest.substr(end + 1);
        }
    }
    return {};
}

// The other bond has the same address: asking whether it is taken would be answered yes.
Result<void> Carrier::operator()(const Prepare &prepare) {
    copy_sysctls(prepare.like, prepare.device, notes_);
    (void)sys::write_sysctl("ipv6/conf/" + prepare.device + "/addr_gen_mode", "1");
    (void)sys::write_sysctl(source_check(prepare.device), "0"); // what arrives here is answered over there, until Carry
    XB_TRY(like, netlink_.link(prepare.like));
    XB_TRY(device, netlink_.link(prepare.device));
    sys::LinkChange change{.txqueuelen = like->txqlen, .group = like->group};
    change.mask = IFF_UP | IFF_PROMISC | IFF_ALLMULTI | IFF_NOARP | IFF_MULTICAST;
    change.flags = like->flags & change.mask;
    return netlink_.change_link(device->ifindex, change);
}

// A bond that has lost its last slave has another one. By xbondd, where it is its bond: a change of address ends
// neighbours, and is to be over before they are put back.
Result<void> Carrier::keep_mac(Side side, const std::string &bond) {
    XB_TRY(link, netlink_.link(bond));
    if (!of_.mac || link->mac == *of_.mac) {
        return {};
    }
    if (side == Side::kernel) {
        return netlink_.set_mac(link->ifindex, *of_.mac);
    }
    api::LinkSet set;
    set.name = bond;
    set.address = of_.mac;
    XB_TRY_VOID(call_(set));
    return {};
}

Result<void> Carrier::operator()(const Release &release) {
    if (release.side == Side::xbond) {
        XB_TRY_VOID(known(release.bond));
        api::LinkSet set;
        set.name = release.slave;
        set.master = "";
        XB_TRY_VOID(call_(set));
        return {};
    }
    XB_TRY(slave, index(release.slave));
    sys::LinkChange change;
    change.master = 0;
    return netlink_.change_link(*slave, change);
}

Result<void> Carrier::operator()(const Enslave &enslave) {
    const auto seen = std::ranges::find(of_.slaves, enslave.slave, &SlaveSeen::name);
    if (enslave.side == Side::xbond) {
        XB_TRY_VOID(known(enslave.bond));
        XB_TRY_VOID(keep_mac(enslave.side, enslave.bond));
        api::LinkSet set;
        set.name = enslave.slave;
        set.up = false;
        set.master = enslave.bond;
        XB_TRY_VOID(call_(set));
        api::LinkSet options;
        options.name = enslave.slave;
        if (seen->queue_id != 0) {
            options.slave_options.push_back({"queue_id", std::to_string(seen->queue_id)});
        }
        if (seen->prio != 0) {
            options.slave_options.push_back({"prio", std::to_string(seen->prio)});
        }
        if (!options.slave_options.empty()) {
            XB_TRY_VOID(call_(options));
        }
        return {};
    }
    XB_TRY(slave, index(enslave.slave));
    XB_TRY(bond, index(enslave.bond));
    XB_TRY_VOID(keep_mac(enslave.side, enslave.bond));
    XB_TRY_VOID(netlink_.set_up(*slave, false));
    sys::LinkChange change;
    change.master = *bond;
    XB_TRY_VOID(netlink_.change_link(*slave, change));
    if (seen->queue_id != 0) {
        XB_TRY_VOID(
            write_sysfs(enslave.bond + "/bonding/queue_id", enslave.slave + ":" + std::to_string(seen->queue_id)));
    }
    if (seen->prio != 0) {
        XB_TRY_VOID(rtnl_.slave_prio(*slave, seen->prio));
    }
    return {};
}

bool Carrier::kernel_can_send(const Await &await) const {
    if (!await.slave.empty()) {
        return sysfs_text(await.slave + "/bonding_slave/mii_status") == "up";
    }
    if (!core::traits(of_.mode).lacp) {
        return sysfs_text(await.bond + "/carrier") == "1";
    }
    constexpr unsigned long distributing = 0x20;
    return std::ranges::any_of(of_.slaves, [](const SlaveSeen &slave) {
        const auto state = [&](const char *who) {
            return std::strtoul(sysfs_text(slave.name + "/bonding_slave/" + who).c_str(), nullptr, 10);
        };
        return (state("ad_actor_oper_port_state") & state("ad_partner_oper_port_state") & distributing) != 0;
    });
}

// For up to a second after its carrier has come a device keeps a qdisc that eats frames; its state changes with that.
bool Carrier::takes_frames(const std::string &device) {
    const auto link = netlink_.link(device);
    return link && (link->operstate == "UP" || link->operstate == "UNKNOWN");
}

bool Carrier::can_send(const Await &await) {
    if (!takes_frames(await.bond) || (!await.slave.empty() && !takes_frames(await.slave))) {
        return false;
    }
    if (await.side == Side::kernel) {
        return kernel_can_send(await);
    }
    const auto bond = status_of(await.bond, call_);
    if (!bond || bond->is_null()) {
        return false;
    }
    if (await.slave.empty()) {
        return std::ranges::any_of(bond->at("table").at("pick"), [](const auto &slave) { return slave.is_string(); });
    }
    const auto *slave = slave_in(*bond, await.slave);
    return slave != nullptr && slave->value("link", "") == "up" && slave->value("carrier", false);
}

Result<void> Carrier::operator()(const Await &await) {
    const bool able = within(await.slave.empty() ? until_bond : until_link, [&] { return can_send(await); });
    if (able) {
        std::this_thread::sleep_for(settled);
        return {};
    }
    if (await.slave.empty()) {
        return fail(ETIMEDOUT, await.bond + " can send on none of its slaves");
    }
    notes_.push_back("the link of " + await.slave + " did not come up in " + std::to_string(until_link.count()) + " s");
    return {};
}

Result<void> Carrier::operator()(const Look &look) {
    Ifindexes devices;
    for (const auto &name : look.devices) {
        XB_TRY(one, index(name));
        devices.insert(*one);
    }
    XB_TRY(all, rtnl_.all());
    held_ = held_by(*all, devices);
    return {};
}

// A device that is down has lost its routes, and its IPv6 addresses.
Result<void> Carrier::operator()(const Rename &rename) {
    XB_TRY(link, netlink_.link(rename.from));
    const bool down = !of_.live_rename && (link->flags & IFF_UP) != 0;
    Held held;
    if (down) {
        XB_TRY(all, rtnl_.all());
        held = held_by(*all, {link->ifindex});
        XB_TRY_VOID(netlink_.set_up(link->ifindex, false));
    }
    const auto named = netlink_.set_name(link->ifindex, rename.to);
    if (down) {
        XB_TRY_VOID(netlink_.set_up(link->ifindex, true));
        XB_TRY_VOID(rtnl_.send(put(held, same_), names_));
    }
    return named;
}

Result<void> Carrier::operator()(const MakeVlan &make) {
    XB_TRY(like, netlink_.link(make.like));
    XB_TRY(old_below, netlink_.link(like->link));
    XB_TRY(below, index(make.below));
    return rtnl_.make_like(make.name, like->ifindex, *below, like->mac != old_below->mac);
}

Result<void> Carrier::operator()(const Drop &drop) {
    XB_TRY(device, index(drop.name));
    return netlink_.delete_link(*device);
}

Result<void> Carrier::operator()(const Carry &carry) {
    IfindexMap to;
    // How IPv6 makes addresses, and whether the way back is checked: of each new device, from then on.
    std::vector<std::pair<std::string, std::string>> settings;
    auto messages = taken(held_);
    for (const auto &[from, device] : carry.devices) {
        XB_TRY(old, netlink_.link(from));
        XB_TRY(fresh, index(device));
        to[old->ifindex] = *fresh;
        names_[*fresh] = device;
        for (const auto &altname : old->altnames) {
            const auto moved = Rtnl::move_altname(altname, old->ifindex, *fresh);
            messages.insert(messages.end(), moved.begin(), moved.end());
        }
        if (const auto mode = sys::read_sysctl("ipv6/conf/" + from + "/addr_gen_mode")) {
            settings.emplace_back("ipv6/conf/" + device + "/addr_gen_mode", *mode);
        }
        if (const auto check = sys::read_sysctl(source_check(from))) {
            settings.emplace_back(source_check(device), *check);
            (void)sys::write_sysctl(source_check(from), "0"); // for what still arrives here
        }
    }
    const auto again = put(held_, to);
    messages.insert(messages.end(), again.begin(), again.end());
    XB_TRY_VOID(rtnl_.send(messages, names_));
    for (const auto &[path, value] : settings) {
        (void)sys::write_sysctl(path, value);
    }
    return {};
}

Result<void> Carrier::operator()(const Announce &announce) {
    XB_TRY(socket, sys::PacketSocket::open());
    XB_TRY(addresses, netlink_.addresses());
    for (const auto &name : announce.devices) {
        XB_TRY(link, netlink_.link(name));
        for (const auto &address : *addresses) {
            if (address.ifindex != link->ifindex) {
                continue;
            }
            Ipv4Addr v4{};
            std::copy_n(address.addr.begin(), v4.size(), v4.begin());
            const auto frame = address.v6 ? wire::unsolicited_na(link->mac, address.addr, false, {})
                                          : wire::gratuitous_arp(link->mac, v4, {});
            (void)socket->send(link->ifindex, frame); // the bond itself does it again where it fails over
        }
    }
    return {};
}

Result<void> Carrier::operator()(const Remove &remove) {
    if (remove.side == Side::xbond) {
        XB_TRY_VOID(known(remove.name));
        XB_TRY_VOID(call_(api::LinkDel{remove.name}));
        return {};
    }
    XB_TRY(bond, index(remove.name));
    return netlink_.delete_link(*bond);
}

Result<void> Carrier::operator()(const Restore &restore) {
    XB_TRY(link, netlink_.link(restore.name));
    XB_TRY_VOID(keep_mac(of_.from, restore.name));
    XB_TRY_VOID(netlink_.set_up(link->ifindex, of_.up));
    if (!source_check_.empty()) {
        (void)sys::write_sysctl(source_check(restore.name), source_check_);
    }
    return rtnl_.send(put(before_, same_), names_);
}

} // namespace xbond::cli::migrate
