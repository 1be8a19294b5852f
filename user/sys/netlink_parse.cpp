// SPDX-License-Identifier: MIT
#include "user/sys/netlink_parse.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/netconf.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

namespace xbond::sys {
namespace {

struct Attribute {
    std::uint16_t type = 0; // without the nested and byte-order flags
    Bytes value;
};

// The front of `bytes` as a T, whatever its alignment.
template <typename T> std::optional<T> peek(Bytes bytes) {
    if (bytes.size() < sizeof(T)) {
        return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

Bytes skip(Bytes bytes, std::size_t n) { return bytes.subspan(std::min(NLMSG_ALIGN(n), bytes.size())); }

std::optional<Attribute> take_attribute(Bytes &rest) {
    const auto header = peek<nlattr>(rest);
    if (!header || header->nla_len < sizeof(nlattr) || header->nla_len > rest.size()) {
        rest = {};
        return std::nullopt;
    }
    const Attribute a{static_cast<std::uint16_t>(header->nla_type & NLA_TYPE_MASK),
                      rest.subspan(sizeof(nlattr), header->nla_len - sizeof(nlattr))};
    rest = skip(rest, header->nla_len);
    return a;
}

template <typename T, typename Field> void store(Bytes value, Field &field) {
    if (value.size() == sizeof(T)) {
        field = static_cast<Field>(*peek<T>(value));
    }
}

std::optional<MacAddr> mac_of(Bytes value) {
    MacAddr mac;
    if (value.size() != mac.bytes.size()) {
        return std::nullopt;
    }
    std::copy(value.begin(), value.end(), mac.bytes.begin());
    return mac;
}

std::string text_of(Bytes value) {
    const auto end = std::find(value.begin(), value.end(), std::uint8_t{0});
    return {value.begin(), end};
}

std::string operstate_text(Bytes value) { // as ip prints it
    static constexpr std::array names{"UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"};
    return value.size() == 1 && value[0] < names.size() ? names[value[0]] : "";
}

void parse_vlan(Bytes data, LinkInfo &link) {
    while (const auto a = take_attribute(data)) {
        if (a->type == IFLA_VLAN_ID) {
            store<std::uint16_t>(a->value, link.vlan_id);
        } else if (a->type == IFLA_VLAN_PROTOCOL) {
            store<std::uint16_t>(a->value, link.vlan_proto);
            link.vlan_proto = ntohs(link.vlan_proto);
        }
    }
}

void parse_bridge(Bytes data, LinkInfo &link) {
    while (const auto a = take_attribute(data)) {
        if (a->type == IFLA_BR_VLAN_FILTERING) {
            store<std::uint8_t>(a->value, link.vlan_filtering);
        } else if (a->type == IFLA_BR_VLAN_PROTOCOL) {
            store<std::uint16_t>(a->value, link.vlan_proto);
            link.vlan_proto = ntohs(link.vlan_proto);
        }
    }
}

// One VLAN, or the first or the last of a range.
void add_vlans(const bridge_vlan_info &info, std::uint16_t &range_begin, BridgeVlans &found) {
    constexpr std::uint16_t first_id = 1, last_id = 4094;
    const bool untagged = (info.flags & BRIDGE_VLAN_INFO_UNTAGGED) != 0;
    if ((info.flags & BRIDGE_VLAN_INFO_PVID) != 0) {
        found.pvid = info.vid;
    }
    if ((info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) != 0) {
        range_begin = info.vid;
        return;
    }
    const bool range = (info.flags & BRIDGE_VLAN_INFO_RANGE_END) != 0;
    const auto last = std::min(info.vid, last_id);
    for (auto id = std::max(range ? range_begin : info.vid, first_id); id <= last; ++id) {
        found.vlans.push_back({id, untagged});
    }
}

void parse_linkinfo(Bytes nest, LinkInfo &link) {
    Bytes data;
    while (const auto a = take_attribute(nest)) {
        if (a->type == IFLA_INFO_KIND) {
            link.kind = text_of(a->value);
        } else if (a->type == IFLA_INFO_SLAVE_KIND) {
            link.slave_kind = text_of(a->value);
        } else if (a->type == IFLA_INFO_DATA) {
            data = a->value;
        }
    }
    if (link.kind == "vlan") {
        parse_vlan(data, link);
    } else if (link.kind == "bridge") {
        parse_bridge(data, link);
    }
}

void parse_altnames(Bytes nest, LinkInfo &link) {
    while (const auto a = take_attribute(nest)) {
        if (a->type == IFLA_ALT_IFNAME) {
            link.altnames.push_back(text_of(a->value));
        }
    }
}

void parse_xdp(Bytes nest, LinkInfo &link) {
    while (const auto a = take_attribute(nest)) {
        if (a->type == IFLA_XDP_ATTACHED) {
            const auto how = peek<std::uint8_t>(a->value).value_or(XDP_ATTACHED_NONE);
            link.native_xdp = how == XDP_ATTACHED_DRV || how == XDP_ATTACHED_MULTI;
        }
    }
}

struct NumberAttribute {
    std::uint16_t type;
    std::uint32_t LinkInfo::*member;
};

constexpr std::array link_numbers{
    NumberAttribute{IFLA_MTU, &LinkInfo::mtu},           NumberAttribute{IFLA_MIN_MTU, &LinkInfo::min_mtu},
    NumberAttribute{IFLA_MAX_MTU, &LinkInfo::max_mtu},   NumberAttribute{IFLA_MASTER, &LinkInfo::master},
    NumberAttribute{IFLA_LINK, &LinkInfo::link},         NumberAttribute{IFLA_PROMISCUITY, &LinkInfo::promiscuity},
    NumberAttribute{IFLA_ALLMULTI, &LinkInfo::allmulti}, NumberAttribute{IFLA_TXQLEN, &LinkInfo::txqlen},
    NumberAttribute{IFLA_GROUP, &LinkInfo::group},
};

void parse_link_attribute(const Attribute &a, LinkInfo &link) {
    const auto number = std::ranges::find(link_numbers, a.type, &NumberAttribute::type);
    if (number != link_numbers.end()) {
        store<std::uint32_t>(a.value, link.*number->member);
        return;
    }
    switch (a.type) {
    case IFLA_IFNAME:
        link.name = text_of(a.value);
        break;
    case IFLA_IFALIAS:
        link.alias = text_of(a.value);
        break;
    case IFLA_QDISC:
        link.qdisc = text_of(a.value);
        break;
    case IFLA_OPERSTATE:
        link.operstate = operstate_text(a.value);
        break;
    case IFLA_LINKMODE:
        store<std::uint8_t>(a.value, link.linkmode);
        break;
    case IFLA_CARRIER:
        store<std::uint8_t>(a.value, link.carrier);
        break;
    case IFLA_LINK_NETNSID:
        link.link_in_other_netns = true;
        store<std::int32_t>(a.value, link.link_netnsid);
        break;
    case IFLA_PROP_LIST:
        parse_altnames(a.value, link);
        break;
    case IFLA_ADDRESS:
        link.mac = mac_of(a.value).value_or(MacAddr{});
        break;
    case IFLA_PERM_ADDRESS:
        link.perm_mac = mac_of(a.value);
        break;
    case IFLA_LINKINFO:
        parse_linkinfo(a.value, link);
        break;
    case IFLA_XDP:
        parse_xdp(a.value, link);
        break;
    default:
        break;
    }
}

} // namespace

std::optional<NetlinkMessage> take_message(Bytes &datagram) {
    const auto header = peek<nlmsghdr>(datagram);
    if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size()) {
        return std::nullopt;
    }
    const NetlinkMessage m{header->nlmsg_type, header->nlmsg_flags, header->nlmsg_seq,
                           datagram.subspan(sizeof(nlmsghdr), header->nlmsg_len - sizeof(nlmsghdr))};
    datagram = skip(datagram, header->nlmsg_len);
    return m;
}

std::optional<LinkInfo> parse_link(Bytes payload) {
    const auto header = peek<ifinfomsg>(payload);
    if (!header || header->ifi_family != AF_UNSPEC || header->ifi_index <= 0) {
        return std::nullopt;
    }
    LinkInfo link;
    link.ifindex = static_cast<std::uint32_t>(header->ifi_index);
    link.arp_type = header->ifi_type;
    link.flags = header->ifi_flags;
    for (Bytes rest = skip(payload, sizeof(ifinfomsg)); const auto a = take_attribute(rest);) {
        parse_link_attribute(*a, link);
    }
    if (link.name.empty() || link.name.size() >= IFNAMSIZ) {
        return std::nullopt; // e.g. wireless events: a header and one attribute
    }
    return link;
}

std::optional<BridgeVlans> parse_bridge_vlans(Bytes payload) {
    const auto header = peek<ifinfomsg>(payload);
    if (!header || header->ifi_family != AF_BRIDGE || header->ifi_index <= 0) {
        return std::nullopt;
    }
    BridgeVlans found;
    found.ifindex = static_cast<std::uint32_t>(header->ifi_index);
    std::uint16_t range_begin = 0;
    for (Bytes rest = skip(payload, sizeof(ifinfomsg)); const auto a = take_attribute(rest);) {
        Bytes nest = a->type == IFLA_AF_SPEC ? a->value : Bytes();
        while (const auto entry = take_attribute(nest)) {
            const auto info = entry->type == IFLA_BRIDGE_VLAN_INFO ? peek<bridge_vlan_info>(entry->value)
                                                                   : std::optional<bridge_vlan_info>();
            if (info) {
                add_vlans(*info, range_begin, found);
            }
        }
    }
    return found;
}

std::optional<FilterInfo> parse_filter(Bytes payload) {
    const auto header = peek<tcmsg>(payload);
    if (!header) {
        return std::nullopt;
    }
    FilterInfo filter{.kind = {}, .priority = header->tcm_info >> 16, .handle = header->tcm_handle};
    for (Bytes rest = skip(payload, sizeof(tcmsg)); const auto a = take_attribute(rest);) {
        if (a->type == TCA_KIND) {
            filter.kind = text_of(a->value);
        }
    }
    return filter;
}

std::optional<AddressInfo> parse_address(Bytes payload) {
    const auto header = peek<ifaddrmsg>(payload);
    if (!header || (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)) {
        return std::nullopt;
    }
    AddressInfo info;
    info.ifindex = header->ifa_index;
    info.v6 = header->ifa_family == AF_INET6;
    info.prefix = header->ifa_prefixlen;
    const std::size_t size = info.v6 ? 16 : 4;
    std::uint32_t flags = header->ifa_flags;
    Bytes local, address; // on point-to-point links IFA_ADDRESS is the other side
    for (Bytes rest = skip(payload, sizeof(ifaddrmsg)); const auto a = take_attribute(rest);) {
        if (a->type == IFA_LOCAL && a->value.size() == size) {
            local = a->value;
        } else if (a->type == IFA_ADDRESS && a->value.size() == size) {
            address = a->value;
        } else if (a->type == IFA_FLAGS) {
            store<std::uint32_t>(a->value, flags);
        }
    }
    const Bytes own = local.empty() ? address : local;
    if (own.empty()) {
        return std::nullopt;
    }
    std::copy(own.begin(), own.end(), info.addr.begin());
    info.secondary = !info.v6 && (flags & IFA_F_SECONDARY) != 0;
    info.tentative = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
    info.deprecated = (flags & IFA_F_DEPRECATED) != 0;
    return info;
}

// Attributes follow the family's one byte, aligned.
std::optional<std::uint32_t> parse_forwarding(Bytes payload) {
    std::int32_t ifindex = 0;
    bool forwarding = false;
    for (Bytes rest = skip(payload, sizeof(netconfmsg)); const auto a = take_attribute(rest);) {
        if (a->type == NETCONFA_IFINDEX) {
            store<std::int32_t>(a->value, ifindex);
        }
        forwarding |= a->type == NETCONFA_FORWARDING;
    }
    return forwarding && ifindex > 0 ? std::optional(static_cast<std::uint32_t>(ifindex)) : std::nullopt;
}

std::optional<FilterEntry> parse_filter_entry(Bytes payload) {
    const auto header = peek<ndmsg>(payload);
    if (!header || header->ndm_family != AF_BRIDGE || (header->ndm_flags & NTF_SELF) == 0) {
        return std::nullopt;
    }
    std::optional<MacAddr> mac;
    for (Bytes rest = skip(payload, sizeof(ndmsg)); const auto a = take_attribute(rest);) {
        if (a->type == NDA_LLADDR) {
            mac = mac_of(a->value);
        }
    }
    return mac ? std::optional(FilterEntry{static_cast<std::uint32_t>(header->ndm_ifindex), *mac}) : std::nullopt;
}

std::optional<RouteInfo> parse_route(Bytes payload) {
    const auto header = peek<rtmsg>(payload);
    if (!header || (header->rtm_family != AF_INET && header->rtm_family != AF_INET6)) {
        return std::nullopt;
    }
    RouteInfo route;
    const std::size_t size = header->rtm_family == AF_INET6 ? 16 : 4;
    for (Bytes rest = skip(payload, sizeof(rtmsg)); const auto a = take_attribute(rest);) {
        if (a->type == RTA_OIF) {
            store<std::uint32_t>(a->value, route.ifindex);
        } else if (a->type == RTA_PREFSRC && a->value.size() == size) {
            route.source.emplace();
            std::copy(a->value.begin(), a->value.end(), route.source->begin());
        } else if (a->type == RTA_GATEWAY || a->type == RTA_VIA) {
            route.on_link = false;
        }
    }
    return route.ifindex == 0 ? std::nullopt : std::optional(route);
}

std::optional<NetlinkAck> parse_ack(const NetlinkMessage &m) {
    if (m.type != NLMSG_ERROR && m.type != NLMSG_DONE) {
        return std::nullopt;
    }
    // The code is 0 or a negative errno. A DONE may come without one, an ERROR may not.
    const auto code = peek<std::int32_t>(m.payload);
    NetlinkAck ack{code ? (*code > -4096 && *code <= 0 ? -*code : EPROTO) : (m.type == NLMSG_DONE ? 0 : EPROTO), {}};
    if ((m.flags & NLM_F_ACK_TLVS) == 0) {
        return ack;
    }
    Bytes rest = skip(m.payload, sizeof(std::int32_t));
    if (m.type == NLMSG_ERROR) { // then the request follows, whole unless capped
        const auto request = peek<nlmsghdr>(rest);
        const bool capped = (m.flags & NLM_F_CAPPED) != 0;
        rest = skip(rest, capped || !request ? sizeof(nlmsghdr) : request->nlmsg_len);
    }
    while (const auto a = take_attribute(rest)) {
        if (a->type == NLMSGERR_ATTR_MSG) {
            ack.text = text_of(a->value);
        }
    }
    return ack;
}

std::optional<std::int32_t> parse_nsid(Bytes payload) {
    for (Bytes rest = skip(payload, sizeof(rtgenmsg)); const auto a = take_attribute(rest);) {
        if (a->type == NETNSA_NSID) {
            return peek<std::int32_t>(a->value);
        }
    }
    return std::nullopt;
}

namespace {

// RTM_NEWMULTICAST, RTM_DELMULTICAST: newer than the headers here.
constexpr std::uint16_t new_group = 56, group_gone = 57;

// Where a device has gone that was not deleted.
std::optional<Elsewhere> parse_new_place(Bytes payload) {
    Elsewhere to;
    for (Bytes rest = skip(payload, sizeof(ifinfomsg)); const auto a = take_attribute(rest);) {
        if (a->type == IFLA_NEW_NETNSID) {
            store<std::int32_t>(a->value, to.nsid);
        } else if (a->type == IFLA_NEW_IFINDEX) {
            store<std::int32_t>(a->value, to.ifindex);
        }
    }
    return to.nsid >= 0 && to.ifindex != 0 ? std::optional(to) : std::nullopt;
}

// What IPv6 tells of a device comes as a link message of its family.
std::optional<Ipv6Changed> parse_ipv6_change(Bytes payload) {
    const auto header = peek<ifinfomsg>(payload);
    if (!header || header->ifi_family != AF_INET6 || header->ifi_index <= 0) {
        return std::nullopt;
    }
    return Ipv6Changed{static_cast<std::uint32_t>(header->ifi_index)};
}

} // namespace

std::vector<NetlinkEvent> parse_events(Bytes datagram) {
    std::vector<NetlinkEvent> events;
    while (const auto m = take_message(datagram)) {
        if (m->type == RTM_NEWADDR || m->type == RTM_DELADDR) {
            const auto address = parse_address(m->payload);
            if (address && m->type == RTM_NEWADDR) {
                events.emplace_back(AddressChanged{*address});
            } else if (address) {
                events.emplace_back(AddressGone{*address});
            }
        } else if (m->type == new_group || m->type == group_gone) {
            if (const auto header = peek<ifaddrmsg>(m->payload)) {
                events.emplace_back(GroupsChanged{header->ifa_index});
            }
        } else if (m->type == RTM_NEWNETCONF) {
            if (const auto ifindex = parse_forwarding(m->payload)) {
                events.emplace_back(ForwardingChanged{*ifindex});
            }
        } else if (m->type == RTM_NEWLINK || m->type == RTM_DELLINK) {
            auto link = parse_link(m->payload);
            if (auto vlans = m->type == RTM_NEWLINK ? parse_bridge_vlans(m->payload) : std::nullopt) {
                events.emplace_back(BridgeVlansChanged{std::move(*vlans)});
            } else if (link && m->type == RTM_NEWLINK) {
                events.emplace_back(LinkChanged{std::move(*link)});
            } else if (link) {
                events.emplace_back(LinkGone{link->ifindex, std::move(link->name), parse_new_place(m->payload)});
            } else if (const auto ipv6 = parse_ipv6_change(m->payload); ipv6 && m->type == RTM_NEWLINK) {
                events.emplace_back(*ipv6);
            }
        } else if (m->type == RTM_NEWQDISC || m->type == RTM_DELQDISC || m->type == RTM_NEWTFILTER ||
                   m->type == RTM_DELTFILTER) {
            if (const auto header = peek<tcmsg>(m->payload); header && header->tcm_ifindex > 0) {
                events.emplace_back(TrafficControlChanged{static_cast<std::uint32_t>(header->tcm_ifindex)});
            }
        }
    }
    if (!datagram.empty()) {
        events.emplace_back(Overrun{});
    }
    return events;
}

} // namespace xbond::sys
