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
struct LinkGone {
    std::uint32_t ifindex = 0;
    std::string name;
};
struct AddressChanged {
    AddressInfo address;
};
struct AddressGone {
    AddressInfo address;
};
struct TrafficControlChanged { // a qdisc or a filter
    std::uint32_t ifindex = 0;
};
struct Overrun {}; // ENOBUFS: everything may have changed, dump again
using NetlinkEvent = std::variant<LinkChanged, LinkGone, AddressChanged, AddressGone, TrafficControlChanged, Overrun>;

struct LinkChange { // what is to become of a link; what is not named stays
    std::optional<std::string> name, alias;
    std::optional<std::uint32_t> master, txqueuelen, group; // master 0: none
    std::uint32_t flags = 0, mask = 0;                      // IFF_*
};

class Netlink {
public:
    static Result<Netlink> open(); // in the calling thread's network namespace

    // -- subscription (RTNLGRP_LINK, IPV4_IFADDR, IPV6_IFADDR, TC) --
    int event_fd() const;
    void drain(const std::function<void(NetlinkEvent &&)> &);

    // -- queries --
    Result<std::vector<LinkInfo>> links();
    Result<LinkInfo> link(std::uint32_t ifindex);
    Result<LinkInfo> link(std::string_view name); // also alternative names; ENODEV
    Result<std::vector<AddressInfo>> addresses();
    // The way to an address from any source; the kernel's errno when there is none (ENETUNREACH, EHOSTUNREACH ...).
    Result<RouteInfo> route(const Ipv4Addr &);
    Result<RouteInfo> route(const Ipv6Addr &);

    // Classic filters of the device's clsact qdisc, in their order; none without one.
    enum class Side { ingress, egress };
    Result<std::vector<FilterInfo>> filters(std::uint32_t ifindex, Side);

    // -- changes --
    // Both ends in this netns, both down, with `queues` receive and transmit queues each; `mac` is the first end's
    // (random without one). The peer gets no IPv6 link-local address by itself; it is in `peer_group` from the start.
    Result<void> create_veth(std::string_view name, std::string_view peer, std::optional<MacAddr> mac,
                             std::uint32_t mtu, std::uint32_t queues = 1, std::uint32_t peer_group = 0);
    Result<void> delete_link(std::uint32_t ifindex);
    Result<void> change_link(std::uint32_t ifindex, const LinkChange &); // in one request
    Result<void> set_up(std::uint32_t ifindex, bool up);
    Result<void> set_mac(std::uint32_t ifindex, MacAddr);
    Result<void> set_mtu(std::uint32_t ifindex, std::uint32_t mtu);
    Result<void> set_alias(std::uint32_t ifindex, std::string_view alias, std::uint32_t group); // in one request
    Result<void> set_addrgenmode_none(std::uint32_t ifindex); // no IPv6 link-local address by itself

private:
    Fd events_, requests_;
    std::uint32_t seq_ = 0;
};

} // namespace xbond::sys
