// SPDX-License-Identifier: MIT
// rtnetlink: links, addresses and changes of them. Parsing is pure over bytes (netlink_parse.h) and fuzzed; this file
// owns the sockets. Requests are synchronous and acknowledged; errors keep the kernel's errno and extack text.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/fd.h"
#include "user/sys/link_info.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::sys {

struct AddressInfo {
    std::uint32_t ifindex = 0;
    bool v6 = false;
    std::array<std::uint8_t, 16> addr{}; // first 4 bytes for IPv4
    std::uint8_t prefix = 0;
    bool secondary = false; // IPv4: another address of the same subnet comes first
    bool tentative = false; // without optimistic
    bool deprecated = false;
};

struct RouteInfo {                                      // of one RTM_NEWROUTE
    std::uint32_t ifindex = 0;                          // RTA_OIF
    std::optional<std::array<std::uint8_t, 16>> source; // RTA_PREFSRC, as AddressInfo::addr
    bool on_link = true;                                // no gateway
};

struct FilterInfo {   // a classic tc filter
    std::string kind; // "bpf", "matchall", ...
    std::uint32_t priority = 0, handle = 0;

    bool operator==(const FilterInfo &) const = default;
};

struct LinkChanged {
    LinkInfo link;
};
// A device in another network namespace: its number there, and the id that this one has for that.
struct Elsewhere {
    std::int32_t nsid = -1;
    std::uint32_t ifindex = 0;
};
struct LinkGone {
    std::uint32_t ifindex = 0;
    std::string name;
    std::optional<Elsewhere> moved; // none: deleted, or nobody knows
};
struct Ipv6Changed { // how IPv6 is set up on a device, by sysctl for example
    std::uint32_t ifindex = 0;
};
struct AddressChanged {
    AddressInfo address;
};
struct AddressGone {
    AddressInfo address;
};
struct ForwardingChanged { // or may have: whether a device forwards
    std::uint32_t ifindex = 0;
};
struct GroupsChanged { // a multicast group was joined or left on a device; kernels before 6.14 do not tell
    std::uint32_t ifindex = 0;
};
struct BridgeVlansChanged {
    BridgeVlans vlans;
};
struct TrafficControlChanged { // a qdisc or a filter
    std::uint32_t ifindex = 0;
};
struct Overrun {}; // ENOBUFS: everything may have changed, dump again
using NetlinkEvent = std::variant<LinkChanged, LinkGone, AddressChanged, AddressGone, Ipv6Changed, ForwardingChanged,
                                  GroupsChanged, BridgeVlansChanged, TrafficControlChanged, Overrun>;

struct LinkChange { // what is to become of a link; what is not named stays
    std::optional<std::string> name, alias;
    std::optional<std::uint32_t> master, txqueuelen, group; // master 0: none
    std::uint32_t flags = 0, mask = 0;                      // IFF_*
};

class Netlink {
public:
    static Result<Netlink> open(); // in the calling thread's network namespace

    // -- subscription (RTNLGRP_LINK, IPV4_IFADDR, IPV6_IFADDR, IPV4_NETCONF, IPV6_NETCONF, IPV6_IFINFO, TC) --
    int event_fd() const;
    void drain(const std::function<void(NetlinkEvent &&)> &);

    // -- queries --
    Result<std::vector<LinkInfo>> links();
    Result<std::vector<LinkInfo>> links(std::string_view kind);
    Result<LinkInfo> link(std::uint32_t ifindex);
    Result<LinkInfo> link(std::string_view name); // also alternative names; ENODEV
    Result<std::vector<AddressInfo>> addresses();
    Result<std::vector<BridgeVlans>> bridge_vlans(); // of all ports and bridges
    // What devices above have put into the device's unicast filter (macvlans, also those in other namespaces).
    Result<std::vector<MacAddr>> unicast_filter(std::uint32_t ifindex);
    // The way to an address from any source; the kernel's errno when there is none (ENETUNREACH, EHOSTUNREACH ...).
    Result<RouteInfo> route(const Ipv4Addr &);
    Result<RouteInfo> route(const Ipv6Addr &);

    // The id that this network namespace has for another one, by a descriptor of that; -1: it has none.
    Result<std::int32_t> nsid_of(int netns_fd);

    // Classic filters of the device's clsact qdisc, in their order; none without one.
    enum class Side { ingress, egress };
    Result<std::vector<FilterInfo>> filters(std::uint32_t ifindex, Side);

    // -- changes --
    // Both ends in this netns, both down, with `queues` receive and transmit queues each; `mac` is the first end's
    // (random without one). The peer gets no IPv6 link-local address by itself; it is in `peer_group` from the start.
    Result<void> create_veth(std::string_view name, std::string_view peer, std::optional<MacAddr> mac,
                             std::uint32_t mtu, std::uint32_t queues = 1, std::uint32_t peer_group = 0);
    // Down, and down it stays when the device below goes up; without an IPv6 link-local address of its own.
    Result<void> create_vlan(std::string_view name, std::uint32_t below, std::uint16_t proto, std::uint16_t id,
                             std::uint32_t group);
    Result<void> delete_link(std::uint32_t ifindex);
    Result<void> change_link(std::uint32_t ifindex, const LinkChange &); // in one request
    Result<void> set_up(std::uint32_t ifindex, bool up);
    Result<void> set_mac(std::uint32_t ifindex, MacAddr);
    Result<void> set_mtu(std::uint32_t ifindex, std::uint32_t mtu);
    Result<void> set_alias(std::uint32_t ifindex, std::string_view alias, std::uint32_t group); // in one request
    Result<void> set_name(std::uint32_t ifindex, std::string_view name);    // of a device that is up: Linux 6.2
    Result<void> set_addrgenmode(std::uint32_t ifindex, std::uint8_t mode); // IN6_ADDR_GEN_MODE_*
    Result<void> set_addrgenmode_none(std::uint32_t ifindex);               // no IPv6 link-local address by itself
    Result<void> set_arp_ignore(std::uint32_t ifindex, std::uint32_t value);
    // Into another network namespace, under this name and number (before Linux 5.13 the number is the kernel's choice,
    // which keeps the one that it has where that is free; so it is with 0).
    Result<void> move(std::uint32_t ifindex, int netns_fd, std::string_view name, std::uint32_t new_ifindex);

private:
    Fd events_, requests_;
    std::uint32_t seq_ = 0;
};

} // namespace xbond::sys
