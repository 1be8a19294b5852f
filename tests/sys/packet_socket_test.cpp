// SPDX-License-Identifier: MIT
#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

#include "tests/sys/lab.h"
#include "user/core/wire/announce.h"
#include "user/sys/device/filter.h"
#include "user/sys/packet_socket.h"
#include "user/sys/sysctl.h"

using namespace xbond;
using namespace xbond::sys;

namespace {

Fd listen_all(std::uint32_t ifindex) {
    Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(ifindex);
    REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr *>(&at), sizeof at) == 0);
    return fd;
}

bool hears(const Fd &fd, const std::vector<std::uint8_t> &frame) {
    return harness::wait_until([&] {
        std::array<std::uint8_t, 2048> buffer;
        for (ssize_t n; (n = ::recv(fd.get(), buffer.data(), buffer.size(), 0)) >= 0;) {
            if (std::equal(frame.begin(), frame.end(), buffer.begin(), buffer.begin() + n)) {
                return true;
            }
        }
        return false;
    });
}

} // namespace

TEST_CASE("packet socket: a frame comes out of the other end as it was") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    const auto socket = PacketSocket::open();
    REQUIRE(netlink);
    REQUIRE(socket);
    const auto pair = make_pair(*netlink, true);
    const auto other_end = listen_all(pair.x1);
    const auto frame = wire::gratuitous_arp(MacAddr{{2, 0, 0, 0, 0, 1}}, {192, 0, 2, 1}, {});
    REQUIRE(socket->send(pair.x0, frame));
    CHECK(hears(other_end, frame));

    CHECK(socket->send(pair.x0, std::span(frame).first(13)).error().code == EINVAL);
    CHECK(socket->send(9999, frame).error().code == ENXIO);
    REQUIRE(netlink->set_up(pair.x0, false));
    CHECK(socket->send(pair.x0, frame).error().code == ENETDOWN);
}

TEST_CASE("device filter: flags are counted once, and stay when the controller goes") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, true);
    const auto counts = [&] {
        const auto link = netlink->link(pair.x0);
        return std::pair{link->promiscuity, link->allmulti};
    };
    using Counts = std::pair<std::uint32_t, std::uint32_t>;
    bool promisc = false, allmulti = false;
    {
        auto controller = Netlink::open();
        REQUIRE(controller);
        REQUIRE(set_promisc(*controller, pair.x0, true, promisc));
        REQUIRE(set_promisc(*controller, pair.x0, true, promisc));
        REQUIRE(set_allmulti(*controller, pair.x0, true, allmulti));
        CHECK(counts() == Counts{1, 1});
        CHECK((promisc && allmulti));
    }
    CHECK(counts() == Counts{1, 1});
    REQUIRE(set_allmulti(*netlink, pair.x0, false, allmulti));
    CHECK(counts() == Counts{1, 0});
    REQUIRE(set_promisc(*netlink, pair.x0, false, promisc));
    CHECK(counts() == Counts{0, 0});
    CHECK_FALSE((promisc || allmulti));
    CHECK(set_promisc(*netlink, 77777, true, promisc).error().code == ENODEV);
}

TEST_CASE("device filter: a flag that somebody else has set is neither ours nor taken away") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, false);
    REQUIRE(shell("ip link set x0 promisc on"));
    bool own = false;
    REQUIRE(set_promisc(*netlink, pair.x0, true, own));
    CHECK_FALSE(own);
    REQUIRE(set_promisc(*netlink, pair.x0, false, own));
    CHECK(netlink->link("x0")->promiscuity == 1);
    REQUIRE(shell("ip link set x0 promisc off"));
    REQUIRE(set_promisc(*netlink, pair.x0, true, own)); // needed, and nobody else's any more
    CHECK(own);
}

TEST_CASE("device filter: who sets a device down meanwhile finds it down afterwards") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, true);
    std::atomic<bool> stop = false;
    std::thread controller([&] { // a thread has the namespace of its maker
        auto own = Netlink::open();
        bool promisc = false;
        while (!stop && own) {
            (void)set_promisc(*own, pair.x0, true, promisc);
            (void)set_promisc(*own, pair.x0, false, promisc);
        }
    });
    int up_again = 0;
    for (int n = 0; n < 300; ++n) {
        REQUIRE(netlink->set_up(pair.x0, false));
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(500);
        while (std::chrono::steady_clock::now() < until) {}
        up_again += (netlink->link(pair.x0)->flags & IFF_UP) != 0 ? 1 : 0;
        REQUIRE(netlink->set_up(pair.x0, true));
    }
    stop = true;
    controller.join();
    CHECK(up_again == 0);
}

TEST_CASE("device filter: the administrative multicast list is diffed against what the device has") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    make_pair(*netlink, false); // down: IPv6 joins nothing meanwhile
    const MacAddr a{{1, 0, 0x5e, 1, 1, 1}}, b{{1, 0, 0x5e, 1, 1, 2}}, c{{0x33, 0x33, 0, 1, 2, 3}};
    const auto listed = [](const MacAddr &mac) {
        const auto list = multicast_list("x0");
        return std::count(list.begin(), list.end(), MulticastEntry{mac, true}) == 1;
    };
    const auto before = multicast_list("x0");
    std::vector<MacAddr> own;
    REQUIRE(DeviceFilter::open()->set_multicast("x0", std::array{a, b}, own));
    CHECK(own == std::vector{a, b});
    CHECK((listed(a) && listed(b) && !listed(c)));
    REQUIRE(DeviceFilter::open()->set_multicast("x0", std::array{c, b}, own)); // another controller goes on
    CHECK((!listed(a) && listed(b) && listed(c)));
    REQUIRE(DeviceFilter::open()->set_multicast("x0", {}, own));
    CHECK(own.empty());
    CHECK(multicast_list("x0") == before);
    CHECK(multicast_list("nope").empty());
    CHECK(DeviceFilter::open()->set_multicast("nope", std::array{a}, own).error().code == ENODEV);
}

TEST_CASE("device filter: an address that somebody else has added is neither ours nor taken away") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    make_pair(*netlink, false);
    const MacAddr theirs{{1, 0, 0x5e, 1, 1, 1}}, ours{{1, 0, 0x5e, 1, 1, 2}};
    const auto listed = [](const MacAddr &mac) {
        return std::ranges::count(multicast_list("x0"), MulticastEntry{mac, true}) == 1;
    };
    REQUIRE(shell("ip maddr add 01:00:5e:01:01:01 dev x0"));
    const auto filter = DeviceFilter::open();
    std::vector<MacAddr> own;
    REQUIRE(filter->set_multicast("x0", std::array{theirs, ours}, own));
    CHECK(own == std::vector{ours});
    REQUIRE(filter->set_multicast("x0", {}, own));
    CHECK((listed(theirs) && !listed(ours)));
    REQUIRE(filter->set_multicast("x0", std::array{ours}, own));
    REQUIRE(shell("ip maddr del 01:00:5e:01:01:02 dev x0")); // taken away: it is put back as long as it is needed
    REQUIRE(filter->set_multicast("x0", std::array{ours}, own));
    CHECK(listed(ours));
}

TEST_CASE("joined IPv4 groups and the IGMP version spoken") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    const auto pair = make_pair(*netlink, true);
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    for (const auto *group : {"239.1.2.3", "224.0.0.251"}) {
        ip_mreqn request{};
        request.imr_multiaddr.s_addr = ::inet_addr(group);
        request.imr_ifindex = static_cast<int>(pair.x0);
        REQUIRE(::setsockopt(socket.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) == 0);
    }
    auto joined = joined_ipv4_groups("x0");
    std::sort(joined.groups.begin(), joined.groups.end());
    CHECK(joined.igmp_version == 3);
    CHECK(joined.groups == std::vector<std::array<std::uint8_t, 4>>{{224, 0, 0, 251}, {239, 1, 2, 3}});

    REQUIRE(write_sysctl("ipv4/conf/x0/force_igmp_version", "2"));
    REQUIRE(write_sysctl("ipv4/igmp_link_local_mcast_reports", "0"));
    joined = joined_ipv4_groups("x0");
    CHECK(joined.igmp_version == 2);
    CHECK(joined.groups == std::vector<std::array<std::uint8_t, 4>>{{239, 1, 2, 3}});
    CHECK(joined_ipv4_groups("x1").groups.empty());
}
