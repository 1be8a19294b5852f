// SPDX-License-Identifier: MIT
// What every part of the daemon shares: the adapters, the picture of the machine's links, and where things are kept.
// For the thread of the event loop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/features.h"
#include "user/core/bond/transition.h"
#include "user/daemon/hands.h"
#include "user/daemon/saved/file_saver.h"
#include "user/sys/device/ethtool.h"
#include "user/sys/event_loop.h"
#include "user/sys/netlink.h"
#include "user/sys/packet_socket.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::daemon {

// Every link and address of the namespace, kept true by netlink events.
class LinkTable {
public:
    struct Dump {
        std::vector<sys::LinkInfo> links;
        std::vector<sys::AddressInfo> addresses;
        std::vector<sys::BridgeVlans> bridge_vlans;
    };
    static Result<Dump> dump(sys::Netlink &); // waits for RTNL
    void replace(Dump);
    void update(const sys::LinkInfo &);
    void update(const sys::NetlinkEvent &); // all but an overrun

    const sys::LinkInfo *find(std::uint32_t ifindex) const;
    const sys::LinkInfo *find(std::string_view name) const; // also by an alternative one
    const std::map<std::uint32_t, sys::LinkInfo> &all() const { return links_; }
    // Of this namespace: what has the device below it (a VLAN, the other end of a pair), and its master.
    const std::set<std::uint32_t> &next_to(std::uint32_t ifindex) const;
    const sys::BridgeVlans *bridge_vlans(std::uint32_t ifindex) const; // of a port or a bridge
    // Whether what the first device sends comes to the second: a VLAN or macvlan of it, a bridge with it as a port, and
    // so on at any depth. `more_below`: what netlink does not tell, the slaves of xbond's bonds.
    using Below = std::function<std::vector<std::uint32_t>(std::uint32_t ifindex)>;
    bool stands_on(std::uint32_t top, std::uint32_t base, const Below &more_below) const;
    // In the kernel's order: the first one in a subnet is its source address.
    std::span<const sys::AddressInfo> addresses(std::uint32_t ifindex) const;

private:
    void add(const sys::AddressInfo &);
    void remove(std::uint32_t ifindex);
    void remove_neighbours(const sys::LinkInfo &);

    std::map<std::uint32_t, sys::LinkInfo> links_;
    std::map<std::uint32_t, std::set<std::uint32_t>> next_to_;         // so that nobody has to go through all links
    std::map<std::uint32_t, std::vector<sys::AddressInfo>> addresses_; // by ifindex
    std::map<std::uint32_t, sys::BridgeVlans> bridge_vlans_;
};

class BondController;
class GroupWatch;
class SlowReceiver;

struct Host {
    sys::EventLoop &loop;
    sys::Netlink &netlink;
    sys::Ethtool &ethtool;
    sys::PacketSocket &packets;
    const loader::Features &features;
    Hands &hands;
    FileSaver &files;
    GroupWatch &groups;
    SlowReceiver &slow;
    LinkTable links{};
    std::filesystem::path pin_root{}; // <bpffs>/xbond/<netns inode>
    std::filesystem::path state_dir{};

    std::string boot_id{};
    std::uint64_t netns_cookie = 0; // common/netns_cookie.h

    // A change of a bond that something but a request asks for: it waits for its turn. Left out if the bond has gone.
    std::function<void(const std::string &bond, std::function<Task<Result<void>>(BondController &)>)> change_later{};
    // Makes `links` true to this moment; the bonds hear of what was news in a later turn.
    std::function<void()> catch_up{};
    // Whether an interface is a bond of this daemon or the other end of its pair.
    std::function<bool(std::uint32_t ifindex)> is_bond_device{};
    // Whether it would harm nobody to make a device a slave of the bond with this device: ELOOP, EBUSY.
    std::function<Result<void>(std::uint32_t bond, std::uint32_t ifindex)> may_be_slave{};
    // The one place where transitions are logged and handed to `xbond monitor`.
    std::function<void(const std::string &bond, const core::Transition &)> report{};
    // What applications may know of the bond with this other end has changed.
    std::function<void(std::uint32_t peer)> published{};
    // The device of this bond has another name.
    std::function<void(const std::string &bond)> renamed{};
};

// Out of a device, in the way that leads out of it now: see sys::SendWay. Never waits.
sys::SendWay way_out(const LinkTable &, std::uint32_t ifindex);
Result<void> send_frame(Host &, std::uint32_t ifindex, std::span<const std::uint8_t> frame);

MacAddr random_mac(); // unicast, locally administered

} // namespace xbond::daemon
