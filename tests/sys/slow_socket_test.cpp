// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <poll.h>
#include <set>
#include <sys/socket.h>
#include <vector>

#include "tests/sys/lab.h"
#include "user/sys/device/filter.h"
#include "user/sys/event_loop.h"
#include "user/sys/packet_socket.h"
#include "user/sys/slow_socket.h"

using namespace xbond;
using namespace xbond::sys;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr MacAddr slow_group{{0x01, 0x80, 0xc2, 0, 0, 2}};

Bytes frame(std::uint8_t number, const Bytes &tags = {}, const MacAddr &to = slow_group, std::uint8_t low_type = 0x09) {
    Bytes bytes(to.bytes.begin(), to.bytes.end());
    const Bytes source{2, 0, 0, 0, 0, 1}, type{0x88, low_type, 1, 1};
    for (const Bytes &part : {source, tags, type}) {
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    bytes.resize(124 + tags.size());
    bytes.back() = number;
    return bytes;
}

const Bytes vid0{0x81, 0, 0xe0, 0}, vid5{0x81, 0, 0, 5}; // with and without priority

// x0 and x1 in a namespace of the test's own, where it may have one.
struct Lab {
    Lab() {
        if (ns) {
            netlink = Netlink::open().value();
            pair = make_pair(*netlink, true);
            wire = PacketSocket::open().value();
        }
    }

    void send(const Bytes &bytes) const { REQUIRE(wire.send(pair.x1, bytes)); }
    // The numbers of frames heard on a device until `last` comes.
    std::vector<int> heard_until(const SlowSocket &socket, std::uint32_t device, int last) {
        std::vector<int> numbers;
        harness::wait_until([&] {
            socket.receive([&](std::uint32_t ifindex, std::span<const std::uint8_t> bytes, Time) {
                CHECK(std::ranges::equal(bytes, frame(bytes.back())));
                if (ifindex == device) {
                    numbers.push_back(bytes.back());
                }
            });
            return !numbers.empty() && numbers.back() == last;
        });
        return numbers;
    }

    PrivateNetns ns;
    std::optional<Netlink> netlink;
    Pair pair{};
    PacketSocket wire;
};

Result<SlowSocket> listening(std::uint32_t ifindex) {
    XB_TRY(socket, SlowSocket::open());
    XB_TRY_VOID(socket->join(ifindex));
    return std::move(*socket);
}

int subscriptions() {
    const auto list = multicast_list("x0");
    return static_cast<int>(
        std::ranges::count_if(list, [](const MulticastEntry &entry) { return entry.mac == slow_group; }));
}

} // namespace

TEST_CASE("slow socket: hears its group untagged and priority-tagged (XB-3), not VLANs, other groups, other types") {
    Lab lab;
    if (!lab.ns) {
        return;
    }
    const auto socket = listening(lab.pair.x0);
    REQUIRE(socket);
    lab.send(frame(1));
    lab.send(frame(2, vid0));
    lab.send(frame(3, vid5));
    lab.send(frame(4, {}, MacAddr{{0x01, 0x80, 0xc2, 0, 0, 3}}));
    lab.send(frame(5, {}, slow_group, 0xcc));
    REQUIRE(lab.wire.send(lab.pair.x0, frame(6))); // its own direction
    lab.send(frame(7));
    CHECK(lab.heard_until(*socket, lab.pair.x0, 7) == std::vector{1, 2, 7});
}

TEST_CASE("slow socket: a VLAN device on the slave takes its frames away, not those with VID 0") {
    Lab lab;
    if (!lab.ns) {
        return;
    }
    if (!shell("ip link add link x0 name x0.5 type vlan id 5 2>/dev/null && ip link set x0.5 up")) {
        std::puts("SKIPPED: this kernel has no VLAN devices");
        return;
    }
    const auto socket = listening(lab.pair.x0);
    REQUIRE(socket);
    lab.send(frame(1, vid5));
    lab.send(frame(2, vid0));
    lab.send(frame(3));
    CHECK(lab.heard_until(*socket, lab.pair.x0, 3) == std::vector{2, 3});
}

TEST_CASE("slow socket: stamps are on the monotonic clock, in order, and none is later than now") {
    Lab lab;
    if (!lab.ns) {
        return;
    }
    const auto socket = listening(lab.pair.x0);
    REQUIRE(socket);
    std::vector<Time> stamps;
    const auto read = [&] {
        stamps.clear();
        socket->receive([&](std::uint32_t, std::span<const std::uint8_t>, Time stamp) {
            CHECK(stamp <= now());
            stamps.push_back(stamp);
        });
    };
    const auto passed = [](Time since, Ms time) { return now() > since + time; };
    const Time before = now();
    lab.send(frame(1));
    lab.send(frame(2));
    const Time sent = now();
    REQUIRE(harness::wait_until([&] { return passed(sent, Ms(50)); }));
    read();
    REQUIRE(stamps.size() == 2);
    const Time slack = std::chrono::milliseconds(2); // the two clocks are not read at one instant
    CHECK(before - slack <= stamps[0]);
    CHECK(stamps[0] <= stamps[1]);
    CHECK(stamps[1] <= sent + slack);
}

// One that does makes the kernel read the clock for each frame that the host receives, on whatever device.
TEST_CASE("slow socket: asks for no stamps of what others receive") {
    Lab lab;
    if (!lab.ns) {
        return;
    }
    const auto socket = SlowSocket::open();
    REQUIRE(socket);
    for (const int option : {SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING}) {
        int asked = -1;
        socklen_t size = sizeof asked;
        REQUIRE(getsockopt(socket->fd(), SOL_SOCKET, option, &asked, &size) == 0);
        CHECK(asked == 0);
    }
}

TEST_CASE("slow socket: hears as much of a long frame as it knows to read") {
    Lab lab;
    if (!lab.ns) {
        return;
    }
    const auto socket = listening(lab.pair.x0);
    REQUIRE(socket);
    Bytes longest = frame(1);
    longest.resize(1514, 0xee);
    lab.send(longest);
    std::size_t heard = 0;
    REQUIRE(harness::wait_until([&] {
        socket->receive([&](std::uint32_t, std::span<const std::uint8_t> bytes, Time) {
            heard = bytes.size();
            CHECK(std::ranges::equal(bytes, std::span(longest).first(std::min(heard, longest.size()))));
        });
        return heard != 0;
    }));
    CHECK(heard >= 400);
}

TEST_CASE("slow socket: more frames than its ring holds are lost, and it hears on") {
    Lab lab;
    if (!lab.ns) {
        return;
    }
    const auto socket = listening(lab.pair.x0);
    REQUIRE(socket);
    for (int i = 0; i < 5000; ++i) {
        lab.send(frame(1));
    }
    const auto heard = lab.heard_until(*socket, lab.pair.x0, 1);
    CHECK(!heard.empty());
    REQUIRE(harness::wait_until([&] {
        int left = 0;
        socket->receive([&](std::uint32_t, std::span<const std::uint8_t>, Time) { ++left; });
        return left == 0;
    }));
    lab.send(frame(2));
    CHECK(lab.heard_until(*socket, lab.pair.x0, 2) == std::vector{2});
}

TEST_CASE("slow socket: what it sends comes out of the other end as it was") {
    Lab lab;
    if (!lab.ns) {
        return;
    }
    const auto socket = listening(lab.pair.x0), peer = listening(lab.pair.x1);
    REQUIRE(socket);
    REQUIRE(peer);
    REQUIRE(socket->send(lab.pair.x0, frame(9)));
    CHECK(lab.heard_until(*peer, lab.pair.x1, 9) == std::vector{9});
}

TEST_CASE("slow socket: tells on which device a frame came, and hears nothing of the muted ones") {
    Lab lab;
    if (!lab.ns) {
        return;
    }
    const auto socket = SlowSocket::open();
    REQUIRE(socket);
    const auto heard = [&] { // until both have been heard, or the deadline has passed
        std::set<std::uint32_t> devices;
        harness::wait_until(
            [&] {
                socket->receive(
                    [&](std::uint32_t ifindex, std::span<const std::uint8_t>, Time) { devices.insert(ifindex); });
                return devices.size() == 2;
            },
            std::chrono::milliseconds(100));
        return devices;
    };
    const auto both = [&] {
        REQUIRE(lab.wire.send(lab.pair.x1, frame(1)));
        REQUIRE(lab.wire.send(lab.pair.x0, frame(2)));
    };
    both();
    CHECK(heard() == std::set{lab.pair.x0, lab.pair.x1});
    REQUIRE(socket->mute(std::array{SlowSocket::Muted{lab.pair.x1, 2}})); // another kind than what comes
    both();
    CHECK(heard() == std::set{lab.pair.x0, lab.pair.x1});
    REQUIRE(socket->mute(std::array{SlowSocket::Muted{lab.pair.x1, 2}, SlowSocket::Muted{lab.pair.x1, 1}}));
    both();
    CHECK(heard() == std::set{lab.pair.x0});
    REQUIRE(socket->mute({}));
    both();
    CHECK(heard() == std::set{lab.pair.x0, lab.pair.x1});
}

TEST_CASE("slow socket: a device is subscribed once a join, until as many leave") {
    Lab lab;
    if (!lab.ns) {
        return;
    }
    const auto socket = SlowSocket::open();
    REQUIRE(socket);
    REQUIRE(socket->join(lab.pair.x0));
    REQUIRE(socket->join(lab.pair.x0));
    CHECK(subscriptions() == 1);
    socket->leave(lab.pair.x0);
    CHECK(subscriptions() == 1);
    socket->leave(lab.pair.x0);
    CHECK(subscriptions() == 0);
}

TEST_CASE("slow socket: subscribes the slave to the group as long as it lives (XB-5), whatever else changes there") {
    Lab lab;
    if (!lab.ns) {
        return;
    }
    const auto filter = DeviceFilter::open();
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    CHECK(subscriptions() == 0);
    {
        const auto socket = listening(lab.pair.x0);
        REQUIRE(socket);
        CHECK(subscriptions() == 1);
        bool promisc = false;
        std::vector<MacAddr> own;
        REQUIRE(set_promisc(*netlink, lab.pair.x0, true, promisc));
        REQUIRE(filter->set_multicast("x0", std::array{slow_group}, own)); // the bond's list may name it too
        REQUIRE(set_promisc(*netlink, lab.pair.x0, false, promisc));
        REQUIRE(filter->set_multicast("x0", {}, own));
        CHECK(subscriptions() == 1);
        lab.send(frame(1));
        CHECK(lab.heard_until(*socket, lab.pair.x0, 1) == std::vector{1});
    }
    CHECK(subscriptions() == 0);
}

TEST_CASE("slow socket: lives through down and up of the device, and its end") {
    Lab lab;
    if (!lab.ns) {
        return;
    }
    const auto socket = listening(lab.pair.x0);
    REQUIRE(socket);
    REQUIRE(lab.netlink->set_up(lab.pair.x0, false));
    CHECK(socket->send(lab.pair.x0, frame(1)).error().code == ENETDOWN);
    socket->receive([](std::uint32_t, std::span<const std::uint8_t>, Time) { CHECK(false); });
    REQUIRE(lab.netlink->set_up(lab.pair.x0, true));
    // The far end sends nothing before the kernel's own watch has seen its carrier.
    CHECK(harness::wait_until([&] {
        lab.send(frame(2));
        int heard = 0;
        socket->receive([&](std::uint32_t, std::span<const std::uint8_t>, Time) { ++heard; });
        return heard > 0;
    }));

    REQUIRE(shell("ip link del x0"));
    socket->receive([](std::uint32_t, std::span<const std::uint8_t>, Time) {}); // those sent while it waited
    socket->receive([](std::uint32_t, std::span<const std::uint8_t>, Time) { CHECK(false); });
    pollfd p{socket->fd(), POLLIN, 0};
    CHECK(::poll(&p, 1, 0) == 0); // no error that an event loop would be told for ever
    CHECK(socket->send(lab.pair.x0, frame(3)).error().code == ENXIO);
    CHECK(socket->join(lab.pair.x0).error().code == ENODEV);
}
