// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <net/if.h>
#include <sys/socket.h>

#include "tests/sys/lab.h"
#include "user/sys/netns.h"

using namespace xbond;
using namespace xbond::sys;

namespace {

const LinkInfo *changed(const NetlinkEvent &event, std::uint32_t ifindex) {
    const auto *c = std::get_if<LinkChanged>(&event);
    return c && c->link.ifindex == ifindex ? &c->link : nullptr;
}

bool has_address(Netlink &netlink, std::uint32_t ifindex, bool v6) {
    const auto list = netlink.addresses();
    REQUIRE(list);
    return std::any_of(list->begin(), list->end(),
                       [&](const AddressInfo &a) { return a.ifindex == ifindex && a.v6 == v6; });
}

} // namespace

TEST_CASE("netlink: a veth pair comes and goes, and events tell of it") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const MacAddr mac{{2, 0, 0, 0, 0, 0x77}};
    REQUIRE(netlink->create_veth("bond0", "bond0p", mac, 2000, 16));

    const auto bond = netlink->link("bond0");
    const auto peer = netlink->link("bond0p");
    REQUIRE(bond);
    REQUIRE(peer);
    CHECK(bond->kind == "veth");
    CHECK(bond->mac == mac);
    CHECK(bond->mtu == 2000);
    CHECK(peer->mtu == 2000);
    CHECK(bond->link == peer->ifindex);
    CHECK(peer->link == bond->ifindex);
    CHECK((bond->flags & IFF_UP) == 0);
    CHECK(bond->arp_type == 1);
    CHECK(bond->max_mtu == 65535);
    CHECK(bond->operstate == "DOWN");
    CHECK(netlink->link(bond->ifindex)->name == "bond0");

    const auto all = netlink->links();
    REQUIRE(all);
    CHECK(all->size() == 3); // with lo
    CHECK(wait_event(*netlink, [&](const auto &e) { return changed(e, bond->ifindex) != nullptr; }));

    REQUIRE(netlink->delete_link(bond->ifindex));
    CHECK(wait_event(*netlink, [&](const auto &e) {
        const auto *gone = std::get_if<LinkGone>(&e);
        return gone && gone->ifindex == bond->ifindex && gone->name == "bond0";
    }));
    CHECK(netlink->link("bond0p").error().code == ENODEV);
    CHECK(netlink->link(bond->ifindex).error().code == ENODEV);
}

TEST_CASE("netlink: address, MTU and admin state are set and reported") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, false);
    const MacAddr mac{{2, 0, 0, 0, 0, 1}};
    REQUIRE(netlink->set_mac(pair.x0, mac));
    REQUIRE(netlink->set_mtu(pair.x0, 9000));
    REQUIRE(netlink->set_up(pair.x0, true));
    CHECK(wait_event(*netlink, [&](const auto &e) {
        const auto *link = changed(e, pair.x0);
        return link && link->mac == mac && link->mtu == 9000 && (link->flags & IFF_UP) != 0 && !link->carrier;
    }));
    REQUIRE(netlink->set_up(pair.x1, true));
    CHECK(netlink->link(pair.x0)->carrier);
    REQUIRE(netlink->set_up(pair.x0, false));
    CHECK((netlink->link(pair.x0)->flags & IFF_UP) == 0);
}

TEST_CASE("netlink: errors keep the errno and the kernel's own words") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, false);
    const auto mtu = netlink->set_mtu(pair.x0, 10);
    REQUIRE_FALSE(mtu);
    CHECK(mtu.error().code == EINVAL);
    CHECK(mtu.error().message.find("to 10") != std::string::npos);
    CHECK(mtu.error().message.find("mtu less than device minimum") != std::string::npos); // extack
    CHECK(netlink->set_mac(pair.x0, MacAddr{{1, 0, 0, 0, 0, 1}}).error().code == EADDRNOTAVAIL);
    CHECK(netlink->set_up(9999, true).error().code == ENODEV);
    CHECK(netlink->create_veth("x0", "x2", std::nullopt, 1500).error().code == EEXIST);
    CHECK(netlink->link("x2").error().code == ENODEV); // nothing half made
    CHECK(netlink->create_veth("x2", "x1", std::nullopt, 1500).error().code == EEXIST);
    CHECK(netlink->link("x2").error().code == ENODEV);
    CHECK(netlink->create_veth("", "x2", std::nullopt, 1500).error().code == EINVAL);
    CHECK(netlink->create_veth("x2", std::string(16, 'x'), std::nullopt, 1500).error().code == EINVAL);
    for (const auto &name : {std::string(), std::string(15, 'x'), std::string(20, 'x'), std::string(500, 'x')}) {
        CHECK(netlink->link(name).error().code == ENODEV);
    }
    CHECK(netlink->link("x0")); // and requests go on working
}

TEST_CASE("netlink: the peer end makes no IPv6 address of its own") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, true);
    if (::access("/proc/sys/net/ipv6", F_OK) != 0) {
        std::puts("SKIPPED: no IPv6");
        return;
    }
    CHECK(harness::wait_until([&] { return has_address(*netlink, pair.x0, true); }));
    CHECK_FALSE(has_address(*netlink, pair.x1, true));
}

TEST_CASE("netlink: addresses come with events and in the dump") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, false);
    REQUIRE(netlink->set_up(pair.x0, true)); // no carrier: duplicate address detection waits
    netlink->drain([](const NetlinkEvent &) {});
    const auto told = [&] {
        return wait_event(*netlink, [](const auto &e) { return std::holds_alternative<AddressChanged>(e); });
    };
    REQUIRE(shell("ip addr add 192.0.2.5/25 dev x0"));
    CHECK(told());
    REQUIRE(shell("ip addr add 2001:db8::1/64 dev x0 && ip addr add 2001:db8::2/64 dev x0 nodad"));
    CHECK(told());
    const auto list = netlink->addresses();
    REQUIRE(list);
    const auto find = [&](std::uint8_t last, bool v6) {
        const auto at = std::find_if(list->begin(), list->end(), [&](const AddressInfo &a) {
            return a.ifindex == pair.x0 && a.v6 == v6 && a.addr[v6 ? 15 : 3] == last;
        });
        REQUIRE(at != list->end());
        return *at;
    };
    CHECK(find(5, false).addr == std::array<std::uint8_t, 16>{192, 0, 2, 5});
    CHECK(find(5, false).prefix == 25);
    CHECK(find(1, true).tentative);
    CHECK_FALSE(find(2, true).tentative);
    REQUIRE(shell("ip addr del 192.0.2.5/25 dev x0"));
    CHECK(wait_event(*netlink, [](const auto &e) {
        const auto *gone = std::get_if<AddressGone>(&e);
        return gone != nullptr && gone->address.addr == std::array<std::uint8_t, 16>{192, 0, 2, 5};
    }));
    CHECK_FALSE(has_address(*netlink, pair.x0, false));
}

TEST_CASE("netlink: lost events are reported as an overrun, and events go on after it") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, false);
    const int little = 1; // the kernel makes it its minimum
    REQUIRE(::setsockopt(netlink->event_fd(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little) == 0);
    for (std::uint32_t mtu = 1000; mtu < 1100; ++mtu) {
        REQUIRE(netlink->set_mtu(pair.x0, mtu));
    }
    bool overrun = false;
    netlink->drain([&](const NetlinkEvent &e) { overrun |= std::holds_alternative<Overrun>(e); });
    CHECK(overrun);
    CHECK(netlink->link(pair.x0)->mtu == 1099); // the dump that an overrun asks for
    REQUIRE(netlink->set_mtu(pair.x0, 1400));
    CHECK(wait_event(*netlink, [&](const auto &e) {
        const auto *link = changed(e, pair.x0);
        return link && link->mtu == 1400;
    }));
}

TEST_CASE("netlink: the large receive buffer holds a burst of events") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, false);
    for (std::uint32_t i = 0; i < 1000; ++i) {
        REQUIRE(netlink->set_mtu(pair.x0, 1000 + i % 2));
    }
    std::size_t events = 0;
    bool overrun = false;
    netlink->drain([&](const NetlinkEvent &e) {
        events += changed(e, pair.x0) != nullptr;
        overrun |= std::holds_alternative<Overrun>(e);
    });
    CHECK_FALSE(overrun);
    CHECK(events >= 1000);
}

TEST_CASE("netlink: leaving a bridge is no end of the link") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, true);
    if (!shell("ip link add br0 type bridge && ip link set x0 master br0")) {
        std::puts("SKIPPED: no bridge in this kernel");
        return;
    }
    const auto in_bridge = netlink->link(pair.x0);
    REQUIRE(in_bridge);
    CHECK(in_bridge->master == netlink->link("br0")->ifindex);
    CHECK(in_bridge->slave_kind == "bridge");
    CHECK(in_bridge->promiscuity == 1);
    REQUIRE(shell("ip link set x0 nomaster")); // RTM_DELLINK of AF_BRIDGE
    REQUIRE(netlink->set_mtu(pair.x0, 1400));
    bool gone = false;
    CHECK(wait_event(*netlink, [&](const auto &e) {
        gone |= std::holds_alternative<LinkGone>(e);
        const auto *link = changed(e, pair.x0);
        return link && link->mtu == 1400 && link->master == 0;
    }));
    CHECK_FALSE(gone);
}

TEST_CASE("netlink: a link is found by an alternative name") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, false);
    for (const auto &name : {std::string("short"), std::string("an-alternative-name-of-the-port")}) {
        REQUIRE(shell("ip link property add dev x0 altname " + name));
        CHECK(netlink->link(name)->ifindex == pair.x0);
    }
}

TEST_CASE("netlink: VLAN devices tell their tag and the device below") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, true);
    if (!shell("ip link add link x0 name x0.10 type vlan proto 802.1ad id 10 2>/dev/null")) {
        std::puts("SKIPPED: no VLAN devices in this kernel");
        return;
    }
    const auto vlan = netlink->link("x0.10");
    REQUIRE(vlan);
    CHECK(vlan->kind == "vlan");
    CHECK(vlan->link == pair.x0);
    CHECK(vlan->vlan_id == 10);
    CHECK(vlan->vlan_proto == 0x88a8);
}

TEST_CASE("netlink: a peer in another namespace is marked as such") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, false);
    CHECK_FALSE(netlink->link(pair.x0)->link_in_other_netns);
    const Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    const Fd there(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    const auto other_inode = netns_inode();
    REQUIRE(enter_netns("/proc/self/fd/" + std::to_string(here.get())));
    CHECK(*netns_inode() != *other_inode);
    REQUIRE(shell("ip link set x1 netns /proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(there.get())));
    CHECK(netlink->link(pair.x0)->link_in_other_netns);
    CHECK(wait_event(*netlink, [&](const auto &e) {
        const auto *gone = std::get_if<LinkGone>(&e);
        return gone && gone->ifindex == pair.x1;
    }));
    CHECK(enter_netns("no-such-namespace").error().code == ENOENT);
    CHECK(enter_netns("..").error().code == EINVAL);
}

TEST_CASE("netlink: the way to an address: interface and source, or the kernel's errno") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto a0 = make_pair(*netlink, true).x0;
    CHECK(netlink->route(Ipv4Addr{192, 0, 2, 9}).error().code == ENETUNREACH);
    CHECK(netlink->route(Ipv6Addr{0xfd, 0, 1}).error().code == ENETUNREACH);
    REQUIRE(shell("ip addr add 192.0.2.1/24 dev x0 && ip addr add fd00::1/64 dev x0 nodad"));
    const auto v4 = netlink->route(Ipv4Addr{192, 0, 2, 9});
    REQUIRE(v4);
    CHECK(v4->ifindex == a0);
    REQUIRE(v4->source);
    CHECK((*v4->source)[3] == 1);
    const auto v6 = netlink->route(Ipv6Addr{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9});
    REQUIRE(v6);
    CHECK(v6->ifindex == a0);
    REQUIRE(v6->source);
    CHECK((*v6->source)[15] == 1);
}
