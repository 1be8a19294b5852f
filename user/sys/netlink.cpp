// SPDX-License-Identifier: MIT
#include "user/sys/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "user/sys/io.h"
#include "user/sys/netlink_parse.h"
#include "user/sys/netlink_request.h"

namespace xbond::sys {
namespace {

constexpr int event_buffer_bytes = 8 << 20; // some ten thousand link events before an overrun

// Of kernels since 6.14, newer than the headers here.
constexpr int group_ipv4_joins = 37, group_ipv6_joins = 38; // RTNLGRP_IPV4_MCADDR, RTNLGRP_IPV6_MCADDR

std::string interface(std::uint32_t ifindex) { return "interface " + std::to_string(ifindex); }

ifinfomsg *put_link(NetlinkRequest &request, std::uint32_t ifindex) {
    auto *link = request.extra<ifinfomsg>();
    link->ifi_family = AF_UNSPEC;
    link->ifi_index = static_cast<int>(ifindex);
    return link;
}

Result<void> check_name(std::string_view name) {
    if (name.empty() || name.size() >= IFNAMSIZ) {
        return fail(EINVAL, "interface name \"" + std::string(name) + "\": expected 1 to 15 characters");
    }
    return {};
}

Result<LinkInfo> get_link(int fd, NetlinkRequest &request, std::uint32_t seq, const std::string &what) {
    request.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    std::optional<LinkInfo> link;
    auto done = talk(fd, request, seq, what, [&](const NetlinkMessage &m) {
        if (m.type == RTM_NEWLINK) {
            link = parse_link(m.payload);
        }
    });
    if (!done) {
        return tl::make_unexpected(done.error());
    }
    if (!link) {
        return fail(EPROTO, what + ": the kernel's answer cannot be read");
    }
    return std::move(*link);
}

Result<RouteInfo> get_route(int fd, std::uint32_t seq, std::uint8_t family, Bytes destination) {
    NetlinkRequest request(RTM_GETROUTE, NLM_F_ACK);
    auto *route = request.extra<rtmsg>();
    route->rtm_family = family;
    route->rtm_dst_len = static_cast<std::uint8_t>(8 * destination.size());
    mnl_attr_put(request.header(), RTA_DST, destination.size(), destination.data());
    std::optional<RouteInfo> found;
    auto done = talk(fd, request, seq, "look up a route", [&](const NetlinkMessage &m) {
        if (m.type == RTM_NEWROUTE) {
            found = parse_route(m.payload);
        }
    });
    if (!done) {
        return tl::make_unexpected(done.error());
    }
    if (!found) {
        return fail(EHOSTUNREACH, "look up a route: it leaves through no interface");
    }
    return *found;
}

} // namespace

Result<Netlink> Netlink::open() {
    Netlink nl;
    auto requests = open_netlink_socket(0);
    auto events = open_netlink_socket(SOCK_NONBLOCK);
    if (!requests || !events) {
        return tl::make_unexpected(requests ? events.error() : requests.error());
    }
    nl.requests_ = std::move(*requests);
    nl.events_ = std::move(*events);

    // Absent on old kernels, and then only messages get poorer: no failure.
    const int on = 1;
    for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
        ::setsockopt(nl.requests_.get(), SOL_NETLINK, option, &on, sizeof on);
    }
    // The kernel answers within send(); the limit only keeps a lost answer from hanging the event loop.
    const timeval limit{5, 0};
    ::setsockopt(nl.requests_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);

    if (::setsockopt(nl.events_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &event_buffer_bytes, sizeof(int)) != 0) {
        ::setsockopt(nl.events_.get(), SOL_SOCKET, SO_RCVBUF, &event_buffer_bytes, sizeof(int));
    }
    for (const int group : {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_NETCONF,
                            RTNLGRP_IPV6_NETCONF, RTNLGRP_IPV6_IFINFO, RTNLGRP_TC}) {
        if (::setsockopt(nl.events_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
            return fail_errno("cannot subscribe to netlink group " + std::to_string(group));
        }
    }
    for (const int group : {group_ipv4_joins, group_ipv6_joins}) {
        (void)::setsockopt(nl.events_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group);
    }
    return nl;
}

int Netlink::event_fd() const { return events_.get(); }

void Netlink::drain(const std::function<void(NetlinkEvent &&)> &handle) {
    Datagram buffer;
    for (;;) {
        const auto datagram = receive_datagram(events_.get(), buffer);
        if (datagram) {
            for (auto &event : parse_events(*datagram)) {
                handle(std::move(event));
            }
        } else if (datagram.error().code == ENOBUFS || datagram.error().code == EMSGSIZE) {
            handle(Overrun{});
        } else {
            return; // EAGAIN: read up
        }
    }
}

Result<std::vector<LinkInfo>> Netlink::links() {
    const auto fill = [](NetlinkRequest &request) {
        put_link(request, 0);
        request.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    };
    return dump<LinkInfo>(requests_.get(), seq_, "list the links", fill, RTM_GETLINK, RTM_NEWLINK, parse_link);
}

// The kernel leaves out other kinds; one that does not know the kind leaves out none.
Result<std::vector<LinkInfo>> Netlink::links(std::string_view kind) {
    const auto fill = [kind](NetlinkRequest &request) {
        put_link(request, 0);
        request.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        auto *info = request.begin(IFLA_LINKINFO);
        request.text(IFLA_INFO_KIND, kind);
        request.end(info);
    };
    auto list = dump<LinkInfo>(requests_.get(), seq_, "list the links", fill, RTM_GETLINK, RTM_NEWLINK, parse_link);
    if (list) {
        std::erase_if(*list, [kind](const LinkInfo &link) { return link.kind != kind; });
    }
    return list;
}

Result<std::vector<AddressInfo>> Netlink::addresses() {
    const auto fill = [](NetlinkRequest &request) { request.extra<ifaddrmsg>(); };
    return dump<AddressInfo>(requests_.get(), seq_, "list the addresses", fill, RTM_GETADDR, RTM_NEWADDR,
                             parse_address);
}

Result<std::vector<BridgeVlans>> Netlink::bridge_vlans() {
    const auto fill = [](NetlinkRequest &request) {
        put_link(request, 0)->ifi_family = AF_BRIDGE;
        request.u32(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
    };
    return dump<BridgeVlans>(requests_.get(), seq_, "list the VLANs of bridges", fill, RTM_GETLINK, RTM_NEWLINK,
                             parse_bridge_vlans);
}

Result<std::vector<MacAddr>> Netlink::unicast_filter(std::uint32_t ifindex) {
    const auto fill = [ifindex](NetlinkRequest &request) {
        auto *neighbour = request.extra<ndmsg>();
        neighbour->ndm_family = AF_BRIDGE;
        neighbour->ndm_ifindex = static_cast<int>(ifindex);
    };
    auto all = dump<FilterEntry>(requests_.get(), seq_, "list the addresses of " + interface(ifindex), fill,
                                 RTM_GETNEIGH, RTM_NEWNEIGH, parse_filter_entry);
    if (!all) {
        return tl::unexpected(all.error());
    }
    std::vector<MacAddr> found;
    for (const auto &entry : *all) {
        if (entry.ifindex == ifindex && entry.mac.is_valid_unicast()) {
            found.push_back(entry.mac);
        }
    }
    return found;
}

Result<std::vector<FilterInfo>> Netlink::filters(std::uint32_t ifindex, Side side) {
    const auto fill = [&](NetlinkRequest &request) {
        auto *message = request.extra<tcmsg>();
        message->tcm_ifindex = static_cast<int>(ifindex);
        message->tcm_parent = TC_H_MAKE(TC_H_CLSACT, side == Side::ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
    };
    auto found = dump<FilterInfo>(requests_.get(), seq_, "list the filters of " + interface(ifindex), fill,
                                  RTM_GETTFILTER, RTM_NEWTFILTER, parse_filter);
    if (!found && (found.error().code == EINVAL || found.error().code == ENOENT)) {
        return std::vector<FilterInfo>{}; // it has no such qdisc
    }
    return found;
}

Result<RouteInfo> Netlink::route(const Ipv4Addr &to) { return get_route(requests_.get(), ++seq_, AF_INET, to); }

Result<RouteInfo> Netlink::route(const Ipv6Addr &to) { return get_route(requests_.get(), ++seq_, AF_INET6, to); }

Result<LinkInfo> Netlink::link(std::uint32_t ifindex) {
    NetlinkRequest request(RTM_GETLINK, NLM_F_ACK);
    put_link(request, ifindex);
    return get_link(requests_.get(), request, ++seq_, "read " + interface(ifindex));
}

Result<LinkInfo> Netlink::link(std::string_view name) {
    if (name.empty() || name.size() >= ALTIFNAMSIZ) {
        return fail_errno("interface \"" + std::string(name) + "\"", ENODEV);
    }
    NetlinkRequest request(RTM_GETLINK, NLM_F_ACK);
    put_link(request, 0);
    request.text(name.size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
    return get_link(requests_.get(), request, ++seq_, "interface \"" + std::string(name) + "\"");
}

Result<void> Netlink::create_veth(std::string_view name, std::string_view peer, std::optional<MacAddr> mac,
                                  std::uint32_t mtu, std::uint32_t queues, std::uint32_t peer_group) {
    for (const auto n : {name, peer}) {
        XB_TRY_VOID(check_name(n));
    }
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    const auto put_end = [&](std::string_view end_name) {
        put_link(request, 0);
        request.text(IFLA_IFNAME, end_name);
        request.u32(IFLA_MTU, mtu);
        request.u32(IFLA_NUM_TX_QUEUES, queues);
        request.u32(IFLA_NUM_RX_QUEUES, queues);
    };
    put_end(name);
    if (mac) {
        request.mac(IFLA_ADDRESS, *mac);
    }
    auto *info = request.begin(IFLA_LINKINFO);
    request.text(IFLA_INFO_KIND, "veth");
    auto *data = request.begin(IFLA_INFO_DATA);
    auto *other = request.begin(VETH_INFO_PEER);
    put_end(peer);
    if (peer_group != 0) {
        request.u32(IFLA_GROUP, peer_group);
    }
    request.end(other);
    request.end(data);
    request.end(info);
    const std::string what = "create veth pair " + std::string(name) + " and " + std::string(peer);
    XB_TRY_VOID(request_change(requests_.get(), request, ++seq_, what));
    // The kernel ignores the address mode in the creating request. The peer is still down: it has no address yet.
    auto quiet = link(peer).and_then([&](const LinkInfo &l) { return set_addrgenmode_none(l.ifindex); });
    if (!quiet) {
        (void)link(name).map([&](const LinkInfo &l) { (void)delete_link(l.ifindex); });
    }
    return quiet;
}

Result<void> Netlink::create_vlan(std::string_view name, std::uint32_t below, std::uint16_t proto, std::uint16_t id,
                                  std::uint32_t group) {
    XB_TRY_VOID(check_name(name));
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
    put_link(request, 0);
    request.text(IFLA_IFNAME, name);
    request.u32(IFLA_LINK, below);
    request.u32(IFLA_GROUP, group);
    auto *info = request.begin(IFLA_LINKINFO);
    request.text(IFLA_INFO_KIND, "vlan");
    auto *data = request.begin(IFLA_INFO_DATA);
    mnl_attr_put_u16(request.header(), IFLA_VLAN_ID, id);
    mnl_attr_put_u16(request.header(), IFLA_VLAN_PROTOCOL, htons(proto));
    const ifla_vlan_flags flags{VLAN_FLAG_LOOSE_BINDING, VLAN_FLAG_LOOSE_BINDING};
    mnl_attr_put(request.header(), IFLA_VLAN_FLAGS, sizeof flags, &flags);
    request.end(data);
    request.end(info);
    XB_TRY_VOID(request_change(requests_.get(), request, ++seq_, "create VLAN device " + std::string(name)));
    return link(name).and_then([&](const LinkInfo &made) { return set_addrgenmode_none(made.ifindex); });
}

Result<void> Netlink::delete_link(std::uint32_t ifindex) {
    NetlinkRequest request(RTM_DELLINK, NLM_F_ACK);
    put_link(request, ifindex);
    return request_change(requests_.get(), request, ++seq_, "delete " + interface(ifindex));
}

Result<void> Netlink::change_link(std::uint32_t ifindex, const LinkChange &to) {
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
    auto *link = put_link(request, ifindex);
    link->ifi_flags = to.flags;
    link->ifi_change = to.mask;
    if (to.name) {
        XB_TRY_VOID(check_name(*to.name));
        request.text(IFLA_IFNAME, *to.name);
    }
    if (to.alias) {
        if (to.alias->size() >= IFALIASZ) {
            return fail(EINVAL, "alias of " + interface(ifindex) + ": longer than " + std::to_string(IFALIASZ - 1));
        }
        // Without its NUL: an empty one takes the alias away.
        mnl_attr_put(request.header(), IFLA_IFALIAS, to.alias->size(), to.alias->data());
    }
    for (const auto &[type, number] :
         {std::pair(IFLA_MASTER, to.master), std::pair(IFLA_TXQLEN, to.txqueuelen), std::pair(IFLA_GROUP, to.group)}) {
        if (number) {
            request.u32(static_cast<std::uint16_t>(type), *number);
        }
    }
    return request_change(requests_.get(), request, ++seq_, "change " + interface(ifindex));
}

Result<void> Netlink::set_up(std::uint32_t ifindex, bool up) {
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
    auto *link = put_link(request, ifindex);
    link->ifi_flags = up ? IFF_UP : 0;
    link->ifi_change = IFF_UP;
    return request_change(requests_.get(), request, ++seq_, "set " + interface(ifindex) + (up ? " up" : " down"));
}

Result<void> Netlink::set_mac(std::uint32_t ifindex, MacAddr mac) {
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
    put_link(request, ifindex);
    request.mac(IFLA_ADDRESS, mac);
    return request_change(requests_.get(), request, ++seq_, "set the address of " + interface(ifindex));
}

Result<void> Netlink::set_mtu(std::uint32_t ifindex, std::uint32_t mtu) {
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
    put_link(request, ifindex);
    request.u32(IFLA_MTU, mtu);
    return request_change(requests_.get(), request, ++seq_,
                          "set the MTU of " + interface(ifindex) + " to " + std::to_string(mtu));
}

Result<void> Netlink::set_alias(std::uint32_t ifindex, std::string_view alias, std::uint32_t group) {
    if (alias.size() >= IFALIASZ) {
        return fail(EINVAL, "alias of " + interface(ifindex) + ": longer than " + std::to_string(IFALIASZ - 1));
    }
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
    put_link(request, ifindex);
    request.text(IFLA_IFALIAS, alias);
    request.u32(IFLA_GROUP, group);
    return request_change(requests_.get(), request, ++seq_, "set the alias of " + interface(ifindex));
}

Result<void> Netlink::set_name(std::uint32_t ifindex, std::string_view name) {
    XB_TRY_VOID(check_name(name));
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
    put_link(request, ifindex);
    request.text(IFLA_IFNAME, name);
    return request_change(requests_.get(), request, ++seq_,
                          "rename " + interface(ifindex) + " to " + std::string(name));
}

Result<std::int32_t> Netlink::nsid_of(int netns_fd) {
    NetlinkRequest request(RTM_GETNSID, NLM_F_ACK);
    request.extra<rtgenmsg>()->rtgen_family = AF_UNSPEC;
    request.u32(NETNSA_FD, static_cast<std::uint32_t>(netns_fd));
    std::int32_t id = -1;
    XB_TRY_VOID(
        talk(requests_.get(), request, ++seq_, "read the id of a network namespace", [&](const NetlinkMessage &m) {
            if (m.type == RTM_NEWNSID) {
                id = parse_nsid(m.payload).value_or(-1);
            }
        }).map([](bool) {}));
    return id;
}

Result<void> Netlink::move(std::uint32_t ifindex, int netns_fd, std::string_view name, std::uint32_t new_ifindex) {
    XB_TRY_VOID(check_name(name));
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
    put_link(request, ifindex);
    request.text(IFLA_IFNAME, name);
    request.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns_fd));
    if (new_ifindex != 0) {
        request.u32(IFLA_NEW_IFINDEX, new_ifindex);
    }
    return request_change(requests_.get(), request, ++seq_,
                          "move " + interface(ifindex) + " to another network namespace");
}

Result<void> Netlink::set_arp_ignore(std::uint32_t ifindex, std::uint32_t value) {
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
    put_link(request, ifindex);
    auto *families = request.begin(IFLA_AF_SPEC);
    auto *inet = request.begin(AF_INET);
    auto *settings = request.begin(IFLA_INET_CONF);
    request.u32(IPV4_DEVCONF_ARP_IGNORE, value);
    request.end(settings);
    request.end(inet);
    request.end(families);
    return request_change(requests_.get(), request, ++seq_, "set arp_ignore of " + interface(ifindex));
}

Result<void> Netlink::set_addrgenmode_none(std::uint32_t ifindex) {
    return set_addrgenmode(ifindex, IN6_ADDR_GEN_MODE_NONE);
}

Result<void> Netlink::set_addrgenmode(std::uint32_t ifindex, std::uint8_t mode) {
    NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
    put_link(request, ifindex);
    auto *families = request.begin(IFLA_AF_SPEC);
    auto *inet6 = request.begin(AF_INET6);
    request.u8(IFLA_INET6_ADDR_GEN_MODE, mode);
    request.end(inet6);
    request.end(families);
    auto done = request_change(requests_.get(), request, ++seq_, "set addrgenmode of " + interface(ifindex));
    if (!done && done.error().code == EAFNOSUPPORT) {
        return {}; // no IPv6 on this kernel or device: no address either
    }
    return done;
}

} // namespace xbond::sys
