// SPDX-License-Identifier: MIT
#include "user/daemon/bond/bond_device.h"

#include <net/if.h>

#include "user/sys/sysctl.h"

namespace xbond::daemon {
namespace {

// The peer end must never speak or answer by itself. Missing sysctls (no IPv6 in the kernel) are fine.
void quieten_peer(const std::string &peer) {
    (void)sys::write_sysctl("ipv6/conf/" + peer + "/disable_ipv6", "1");
    (void)sys::write_sysctl("ipv4/conf/" + peer + "/arp_ignore", "8");
}

} // namespace

Result<BondDevice> BondDevice::create(Host &host, const std::string &name, MacAddr mac, std::uint32_t mtu) {
    const std::string peer = name + "p";
    for (const auto &wanted : {name, peer}) {
        if (host.netlink.link(wanted)) {
            return fail(EEXIST, "interface " + wanted + " exists already; choose another bond name or delete it");
        }
    }
    if (auto made = host.netlink.create_veth(name, peer, mac, mtu); !made) {
        return tl::unexpected(made.error());
    }
    auto near = host.netlink.link(name);
    auto far = host.netlink.link(peer);
    if (!near || !far) {
        return fail(ENODEV, "the veth pair " + name + " vanished while it was being made");
    }
    host.links.update(*near);
    host.links.update(*far);
    quieten_peer(peer);
    BondDevice device(host, near->ifindex, far->ifindex);
    if (auto off = device.set_carrier(false); !off) {
        (void)device.destroy();
        return tl::unexpected(off.error());
    }
    return device;
}

Result<BondDevice> BondDevice::adopt(Host &host, const std::string &name, std::uint32_t ifindex, std::uint32_t peer) {
    const auto *near = host.links.find(ifindex);
    const auto *far = host.links.find(peer);
    if (near == nullptr || far == nullptr || near->kind != "veth" || near->link != peer) {
        return fail(ENODEV, "the device of " + name + " (interface " + std::to_string(ifindex) +
                                " and its peer) is no longer there");
    }
    BondDevice device(host, ifindex, peer);
    device.carrier_ = (far->flags & IFF_UP) != 0;
    return device;
}

Result<void> BondDevice::set_carrier(bool on) {
    if (carrier_ == on) {
        return {};
    }
    auto done = host_->netlink.set_up(peer_, on);
    if (done) {
        carrier_ = on;
    }
    return done;
}

Result<void> BondDevice::set_mac(MacAddr mac) { return host_->netlink.set_mac(ifindex_, mac); }

Result<void> BondDevice::set_mtu(std::uint32_t mtu) {
    return host_->netlink.set_mtu(ifindex_, mtu).and_then([&] { return set_peer_mtu(mtu); });
}

Result<void> BondDevice::set_peer_mtu(std::uint32_t mtu) { return host_->netlink.set_mtu(peer_, mtu); }

Result<void> BondDevice::set_up(bool up) { return host_->netlink.set_up(ifindex_, up); }

Result<void> BondDevice::destroy() { return host_->netlink.delete_link(ifindex_); }

} // namespace xbond::daemon
