// SPDX-License-Identifier: MIT
// A veth pair: bond0, which the host uses, and bond0p, whose administrative state is bond0's carrier.
#include <array>
#include <cerrno>
#include <net/if.h>

#include "user/daemon/bond/device_kind.h"
#include "user/sys/sysctl.h"

namespace xbond::daemon {
namespace {

// The peer end must never speak or answer by itself. Missing sysctls (no IPv6 in the kernel) are fine.
void quieten_peer(const std::string &peer) {
    (void)sys::write_sysctl("ipv6/conf/" + peer + "/disable_ipv6", "1");
    (void)sys::write_sysctl("ipv4/conf/" + peer + "/arp_ignore", "8");
}

// The kernel takes a group with the request that makes a device, but no alias.
constexpr std::uint32_t group_being_made = 0x78626e64; // "xbnd"
constexpr std::string_view alias_prefix = "xbond: other end of ";

class Veth final : public DeviceKind {
public:
    std::string_view name() const override { return "veth"; }

    Result<DeviceEnds> create(sys::Netlink &netlink, const std::string &bond, MacAddr mac,
                              std::uint32_t mtu) const override {
        const std::string peer = peer_name(bond);
        for (const auto &wanted : {bond, peer}) {
            if (netlink.link(wanted)) {
                return fail(EEXIST, "interface " + wanted + " exists already; choose another bond name or delete it");
            }
        }
        XB_TRY_VOID(netlink.create_veth(bond, peer, mac, mtu, 1, group_being_made));
        auto near = netlink.link(bond);
        auto far = netlink.link(peer);
        if (!near || !far) { // or the kernel could not say: what is there of it goes
            if (const auto made = netlink.link(peer); made && mark(*made) == Mark::being_made) {
                (void)netlink.delete_link(made->ifindex);
            }
            return fail(ENODEV, "the veth pair " + bond + " vanished while it was being made");
        }
        quieten_peer(peer);
        return DeviceEnds{near->ifindex, far->ifindex};
    }

    bool is_ours(const sys::LinkInfo &link) const override { return link.kind == name(); }

    bool is_pair(const sys::LinkInfo &bond, const sys::LinkInfo &peer) const override {
        return is_ours(bond) && bond.link == peer.ifindex;
    }

    Result<void> mark_whole(sys::Netlink &netlink, DeviceEnds ends, const std::string &bond) const override {
        return netlink.set_alias(ends.peer, std::string(alias_prefix) + bond, 0);
    }

    Mark mark(const sys::LinkInfo &peer) const override {
        if (!is_ours(peer)) {
            return Mark::none;
        }
        if (peer.group == group_being_made) {
            return Mark::being_made;
        }
        return peer.alias.starts_with(alias_prefix) ? Mark::whole : Mark::none;
    }

    std::string bond_of(const sys::LinkInfo &peer) const override {
        return mark(peer) == Mark::whole ? peer.alias.substr(alias_prefix.size())
                                         : peer.name.substr(0, peer.name.size() - 1);
    }

    std::string peer_name(const std::string &bond) const override { return bond + "p"; }

    // A veth takes what XDP sends to its peer only while NAPI runs on it, which GRO starts. Packets of the stack go on
    // as before: the kernel keeps those of a device that segments itself out of it.
    Result<void> take_redirected(const sys::Ethtool &ethtool, DeviceEnds ends) const override {
        return ethtool.set_gro(ends.peer, true);
    }
    Result<void> take_received(const sys::Ethtool &ethtool, DeviceEnds ends) const override {
        return ethtool.set_gro(ends.ifindex, true);
    }

    bool carrier(const sys::LinkInfo & /*bond*/, const sys::LinkInfo &peer) const override {
        return (peer.flags & IFF_UP) != 0;
    }

    Result<void> set_carrier(sys::Netlink &netlink, DeviceEnds ends, bool on) const override {
        return netlink.set_up(ends.peer, on);
    }
};

} // namespace

const DeviceKind &veth_device() {
    static const Veth kind;
    return kind;
}

} // namespace xbond::daemon
