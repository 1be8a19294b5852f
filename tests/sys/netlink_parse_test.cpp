// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <cstring>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <random>
#include <sys/socket.h>

#include "user/sys/netlink_parse.h"

using namespace xbond;
using namespace xbond::sys;

namespace {

using Raw = std::vector<std::uint8_t>;

template <typename T> Raw raw(const T &value) {
    Raw bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}
Raw text(std::string_view s) {
    Raw bytes(s.begin(), s.end());
    bytes.push_back(0);
    return bytes;
}
Raw operator+(Raw a, const Raw &b) {
    a.resize((a.size() + 3) / 4 * 4);
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Raw attr(int type, const Raw &value) {
    const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), static_cast<std::uint16_t>(type)};
    return raw(header) + value;
}
Raw message(int type, const Raw &payload, int flags = 0, std::uint32_t seq = 0) {
    nlmsghdr header{};
    header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + payload.size());
    header.nlmsg_type = static_cast<std::uint16_t>(type);
    header.nlmsg_flags = static_cast<std::uint16_t>(flags);
    header.nlmsg_seq = seq;
    return raw(header) + payload;
}
Raw link_header(int index, unsigned flags = 0, int family = AF_UNSPEC) {
    ifinfomsg header{};
    header.ifi_family = static_cast<unsigned char>(family);
    header.ifi_type = 1;
    header.ifi_index = index;
    header.ifi_flags = flags;
    return raw(header);
}
Raw address_header(int family, int index, int flags) {
    ifaddrmsg header{};
    header.ifa_family = static_cast<std::uint8_t>(family);
    header.ifa_prefixlen = 24;
    header.ifa_flags = static_cast<std::uint8_t>(flags);
    header.ifa_index = static_cast<std::uint32_t>(index);
    return raw(header);
}

Raw vlan_link() {
    const Raw data = attr(IFLA_VLAN_ID, raw<std::uint16_t>(10)) + attr(IFLA_VLAN_PROTOCOL, Raw{0x88, 0xa8});
    const Raw info = attr(IFLA_INFO_DATA, data) + attr(IFLA_INFO_KIND, text("vlan")); // in either order
    return link_header(7, 0x1043) + attr(IFLA_IFNAME, text("bond0.10")) + attr(IFLA_MTU, raw<std::uint32_t>(9000)) +
           attr(IFLA_LINK, raw<std::uint32_t>(3)) + attr(IFLA_CARRIER, raw<std::uint8_t>(1)) +
           attr(IFLA_OPERSTATE, raw<std::uint8_t>(6)) + attr(IFLA_QDISC, text("noqueue")) +
           attr(IFLA_ADDRESS, Raw{2, 0, 0, 0, 0, 9}) + attr(IFLA_PERM_ADDRESS, Raw{2, 0, 0, 0, 0, 8}) +
           attr(IFLA_PROMISCUITY, raw<std::uint32_t>(2)) + attr(IFLA_MASTER, raw<std::uint32_t>(4)) +
           attr(IFLA_LINKINFO | NLA_F_NESTED, info);
}

} // namespace

TEST_CASE("netlink: every field of a link") {
    const auto link = parse_link(vlan_link());
    REQUIRE(link);
    CHECK(link->ifindex == 7);
    CHECK(link->name == "bond0.10");
    CHECK(link->arp_type == 1);
    CHECK(link->flags == 0x1043);
    CHECK(link->mtu == 9000);
    CHECK(link->link == 3);
    CHECK(link->master == 4);
    CHECK(link->carrier);
    CHECK(link->operstate == "UP");
    CHECK(link->qdisc == "noqueue");
    CHECK(link->mac == MacAddr{{2, 0, 0, 0, 0, 9}});
    CHECK(link->perm_mac == MacAddr{{2, 0, 0, 0, 0, 8}});
    CHECK(link->promiscuity == 2);
    CHECK(link->kind == "vlan");
    CHECK(link->vlan_id == 10);
    CHECK(link->vlan_proto == 0x88a8);
    CHECK_FALSE(link->link_in_other_netns);
}

TEST_CASE("netlink: an attribute of the wrong size counts as absent") {
    const auto link = parse_link(link_header(1) + attr(IFLA_IFNAME, text("a")) + attr(IFLA_MTU, Raw{1, 2}) +
                                 attr(IFLA_CARRIER, Raw{1, 0, 0, 0}) + attr(IFLA_OPERSTATE, Raw{200}) +
                                 attr(IFLA_ADDRESS, Raw(20, 1)) + attr(IFLA_PERM_ADDRESS, Raw(5, 1)));
    REQUIRE(link);
    CHECK(link->mtu == 0);
    CHECK_FALSE(link->carrier);
    CHECK(link->operstate.empty());
    CHECK(link->mac.is_zero());
    CHECK_FALSE(link->perm_mac);
}

TEST_CASE("netlink: what is no link of ours is none") {
    const Raw named = attr(IFLA_IFNAME, text("a"));
    CHECK_FALSE(parse_link(link_header(1, 0, AF_BRIDGE) + named)); // a bridge port's own state
    CHECK_FALSE(parse_link(link_header(0) + named));
    CHECK_FALSE(parse_link(link_header(-1) + named));
    CHECK_FALSE(parse_link(link_header(1)));
    CHECK_FALSE(parse_link(link_header(1) + attr(IFLA_IFNAME, text(std::string(16, 'x')))));
    CHECK_FALSE(parse_link(Raw(15)));
    CHECK(parse_events(message(RTM_DELLINK, link_header(1, 0, AF_BRIDGE) + named)).empty());
}

TEST_CASE("netlink: addresses, their owner side and their flags") {
    const auto ptp = parse_address(address_header(AF_INET, 5, 0) + attr(IFA_ADDRESS, Raw{10, 0, 0, 2}) +
                                   attr(IFA_LOCAL, Raw{10, 0, 0, 1}));
    REQUIRE(ptp);
    CHECK(ptp->ifindex == 5);
    CHECK_FALSE(ptp->v6);
    CHECK(ptp->prefix == 24);
    CHECK(ptp->addr[3] == 1); // IFA_ADDRESS is the other end
    CHECK_FALSE(ptp->tentative);

    const Raw v6 = attr(IFA_ADDRESS, Raw(16, 0xfe));
    CHECK(parse_address(address_header(AF_INET6, 5, IFA_F_TENTATIVE) + v6)->tentative);
    CHECK(parse_address(address_header(AF_INET6, 5, IFA_F_DEPRECATED) + v6)->deprecated);
    const auto optimistic = attr(IFA_FLAGS, raw<std::uint32_t>(IFA_F_TENTATIVE | IFA_F_OPTIMISTIC));
    CHECK_FALSE(parse_address(address_header(AF_INET6, 5, IFA_F_TENTATIVE) + v6 + optimistic)->tentative);

    CHECK_FALSE(parse_address(address_header(AF_INET6, 5, 0) + attr(IFA_ADDRESS, Raw{10, 0, 0, 2})));
    CHECK_FALSE(parse_address(address_header(AF_MPLS, 5, 0) + v6));
    CHECK_FALSE(parse_address(Raw(7)));
}

TEST_CASE("netlink: acknowledgements keep the errno and the kernel's own words") {
    const auto ack = [](const Raw &bytes) {
        Bytes rest(bytes);
        return parse_ack(*take_message(rest));
    };
    const Raw request = message(RTM_SETLINK, link_header(3));
    const Raw words = attr(NLMSGERR_ATTR_OFFS, raw<std::uint32_t>(4)) + attr(NLMSGERR_ATTR_MSG, text("mtu too large"));
    const Raw error = raw<std::int32_t>(-ERANGE);
    const Raw head = Raw(request.begin(), request.begin() + sizeof(nlmsghdr));

    CHECK(ack(message(NLMSG_ERROR, raw<std::int32_t>(0) + head))->code == 0);
    CHECK(ack(message(NLMSG_ERROR, error + request))->code == ERANGE);
    CHECK(ack(message(NLMSG_ERROR, error + request, NLM_F_ACK_TLVS) + Raw{})->text.empty());
    for (const auto &[payload, flags] : {std::pair{error + request + words, NLM_F_ACK_TLVS},
                                         std::pair{error + head + words, NLM_F_ACK_TLVS | NLM_F_CAPPED}}) {
        const auto a = ack(message(NLMSG_ERROR, payload, flags));
        CHECK(a->code == ERANGE);
        CHECK(a->text == "mtu too large");
    }
    const auto done = ack(message(NLMSG_DONE, error + words, NLM_F_ACK_TLVS));
    CHECK(done->code == ERANGE);
    CHECK(done->text == "mtu too large");
    CHECK(ack(message(NLMSG_DONE, {}))->code == 0);
    CHECK(ack(message(NLMSG_ERROR, {}))->code == EPROTO);
    CHECK(ack(message(NLMSG_ERROR, raw<std::int32_t>(5)))->code == EPROTO); // codes are negative
    CHECK(ack(message(NLMSG_ERROR, raw<std::int32_t>(INT32_MIN)))->code == EPROTO);
    CHECK_FALSE(ack(message(RTM_NEWLINK, error)));
}

TEST_CASE("netlink: events of one datagram, in order") {
    const Raw v4 = address_header(AF_INET, 7, IFA_F_SECONDARY) + attr(IFA_LOCAL, Raw{192, 0, 2, 5});
    const auto events = parse_events(
        message(RTM_NEWLINK, vlan_link()) + message(RTM_DELLINK, link_header(9) + attr(IFLA_IFNAME, text("gone"))) +
        message(RTM_NEWADDR, {}) + message(RTM_NEWROUTE, {}) + message(RTM_NEWADDR, v4) + message(RTM_DELADDR, v4));
    REQUIRE(events.size() == 4);
    CHECK(std::get<LinkChanged>(events[0]).link.name == "bond0.10");
    CHECK(std::get<LinkGone>(events[1]).ifindex == 9);
    CHECK(std::get<LinkGone>(events[1]).name == "gone");
    CHECK(std::get<AddressChanged>(events[2]).address.ifindex == 7);
    CHECK(std::get<AddressChanged>(events[2]).address.secondary);
    CHECK(std::get<AddressGone>(events[3]).address.prefix == 24);
}

TEST_CASE("netlink: the VLANs of a bridge's port, ranges spread out") {
    const auto vlan = [](int flags, int id) {
        return attr(IFLA_BRIDGE_VLAN_INFO,
                    raw(bridge_vlan_info{static_cast<std::uint16_t>(flags), static_cast<std::uint16_t>(id)}));
    };
    const Raw list = vlan(BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, 1) + vlan(0, 10) +
                     vlan(BRIDGE_VLAN_INFO_RANGE_BEGIN, 100) + vlan(BRIDGE_VLAN_INFO_RANGE_END, 102) +
                     vlan(BRIDGE_VLAN_INFO_RANGE_BEGIN, 0) + vlan(BRIDGE_VLAN_INFO_RANGE_END, 0xffff);
    const Raw port =
        link_header(7, 0, AF_BRIDGE) + attr(IFLA_IFNAME, text("bond0")) + attr(IFLA_AF_SPEC | NLA_F_NESTED, list);
    const auto found = parse_bridge_vlans(port);
    REQUIRE(found);
    CHECK(found->ifindex == 7);
    CHECK(found->pvid == 1);
    REQUIRE(found->vlans.size() == 5 + 4094);
    CHECK(found->vlans[0].untagged);
    CHECK(found->vlans[1].id == 10);
    CHECK_FALSE(found->vlans[1].untagged);
    CHECK(found->vlans[4].id == 102);
    CHECK_FALSE(parse_bridge_vlans(link_header(7)));

    const auto events = parse_events(message(RTM_NEWLINK, port) + message(RTM_DELLINK, port));
    REQUIRE(events.size() == 1);
    CHECK(std::get<BridgeVlansChanged>(events[0]).vlans.pvid == 1);
}

TEST_CASE("netlink: whether a device forwards, and joined groups") {
    const Raw header{AF_INET};
    const Raw forwarding =
        header + attr(NETCONFA_IFINDEX, raw<std::int32_t>(7)) + attr(NETCONFA_FORWARDING, raw<std::int32_t>(1));
    const Raw all = header + attr(NETCONFA_IFINDEX, raw<std::int32_t>(NETCONFA_IFINDEX_ALL)) +
                    attr(NETCONFA_FORWARDING, raw<std::int32_t>(1));
    const Raw other = header + attr(NETCONFA_IFINDEX, raw<std::int32_t>(7));
    const auto events = parse_events(message(RTM_NEWNETCONF, forwarding) + message(RTM_NEWNETCONF, all) +
                                     message(RTM_NEWNETCONF, other) + message(56, address_header(AF_INET, 9, 0)));
    REQUIRE(events.size() == 2);
    CHECK(std::get<ForwardingChanged>(events[0]).ifindex == 7);
    CHECK(std::get<GroupsChanged>(events[1]).ifindex == 9);
}

TEST_CASE("netlink: a datagram cut anywhere inside its message asks for a new dump") {
    const Raw whole = message(RTM_NEWLINK, vlan_link());
    for (std::size_t size = 1; size < whole.size(); ++size) {
        const Raw cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        const auto events = parse_events(cut);
        CHECK(events.size() == 1);
        CHECK(std::holds_alternative<Overrun>(events.back()));
    }
}

TEST_CASE("netlink: attributes cut anywhere never invent a field") {
    const Raw whole = vlan_link();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Raw cut(whole.begin(),
                      whole.begin() + static_cast<std::ptrdiff_t>(size)); // exact: sanitizers see overreads
        if (const auto link = parse_link(cut)) {
            CHECK(link->name == "bond0.10");
            CHECK((link->mtu == 0 || link->mtu == 9000));
            CHECK((link->vlan_id == 0 || link->vlan_id == 10));
        }
    }
}

TEST_CASE("netlink: random and damaged bytes at any alignment") {
    std::mt19937 random(20240607);
    const Raw seed = message(RTM_NEWLINK, vlan_link()) +
                     message(RTM_NEWADDR, address_header(AF_INET, 5, 0) + attr(IFA_LOCAL, Raw{10, 0, 0, 1}));
    std::size_t links = 0, overruns = 0;
    for (int round = 0; round < 50000; ++round) {
        Raw bytes = seed;
        if (round % 4 == 0) { // nothing but noise
            bytes.resize(random() % 128);
            std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::uint8_t>(random()); });
        }
        for (std::size_t i = 0; !bytes.empty() && i < 1 + random() % 6; ++i) {
            bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
        }
        bytes.insert(bytes.begin(), round % 4, 0); // misaligned start
        const Bytes datagram = Bytes(bytes).subspan(round % 4);
        for (const auto &event : parse_events(datagram)) {
            if (const auto *changed = std::get_if<LinkChanged>(&event)) {
                ++links;
                CHECK(changed->link.ifindex > 0);
                CHECK((!changed->link.name.empty() && changed->link.name.size() < 16));
            }
            overruns += std::holds_alternative<Overrun>(event);
        }
        (void)parse_link(datagram);
        (void)parse_address(datagram);
        Bytes rest = datagram;
        while (const auto m = take_message(rest)) {
            (void)parse_ack({NLMSG_ERROR, m->flags, 0, m->payload});
            (void)parse_ack({NLMSG_DONE, NLM_F_ACK_TLVS, 0, m->payload});
        }
    }
    CHECK(links > 1000); // the damage was not so bad that nothing got through
    CHECK(overruns > 1000);
}
