// SPDX-License-Identifier: MIT
// AF_XDP sockets behind xb_xdp, on veth slaves.
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <iostream>
#include <numeric>
#include <poll.h>

#include "loader/xdp/xsk.h"
#include "tests/harness/wait.h"
#include "tests/loader/slow_frames.h"

using namespace xbond;
using namespace xbond::loader;
using harness::ifindex;
using harness::wait_until;
using test::need;
using test::number_of;
using test::slow_frame;
using test::SwitchPort;

namespace {

using Frames = std::vector<test::Bytes>;

bool af_xdp() {
    if (!test::features().af_xdp) {
        std::cout << "SKIPPED: this kernel has no AF_XDP\n";
    }
    return test::features().af_xdp;
}

// Both slaves redirect LACP and marker frames.
Bank slow_to_xsk() {
    Bank bank = test::bank_on(0);
    bank.slot[0].flags = bank.slot[1].flags = XB_SLOT_SLOW_TO_XSK;
    return bank;
}

struct XskLab {
    XskLab() {
        path.publish(slow_to_xsk());
        for (const SlotId slot : {SlotId{0}, SlotId{1}}) {
            need(path.set_xdp(slot, slave(slot), XdpPolicy::native, "veth"));
        }
    }
    static std::uint32_t slave(SlotId slot) { return ifindex("s" + std::to_string(slot)); }
    XskSocket open(SlotId slot) {
        XskSocket socket = need(pool.open(slave(slot), 0));
        need(path.set_xsk(slot, 0, socket.fd()));
        return socket;
    }

    test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    XskPool pool = need(XskPool::create(ifindex("xb0p"), 4));
};

std::vector<std::uint32_t> numbers(XskSocket &socket) {
    std::vector<std::uint32_t> result;
    socket.receive([&](std::span<const std::uint8_t> frame) { result.push_back(number_of(frame)); });
    return result;
}

bool readable(const XskSocket &socket) {
    pollfd p{socket.fd(), POLLIN, 0};
    return poll(&p, 1, 5000) == 1 && p.revents == POLLIN;
}

} // namespace

TEST_CASE("AF_XDP: two slaves share one UMEM and receive and send each its own") {
    if (!af_xdp()) {
        return;
    }
    XskLab lab;
    XskSocket first = lab.open(0), second = lab.open(1);
    SwitchPort port0("s0p"), port1("s1p");
    port0.send(slow_frame(1, 10));
    port1.send(slow_frame(2, 11));
    REQUIRE(readable(first));
    REQUIRE(readable(second));
    CHECK(numbers(first) == std::vector{10U});
    CHECK(numbers(second) == std::vector{11U});

    need(first.send(slow_frame(1, 20)));
    need(second.send(slow_frame(1, 21)));
    CHECK(port0.received() == Frames{slow_frame(1, 20)});
    CHECK(port1.received() == Frames{slow_frame(1, 21)});
}

TEST_CASE("AF_XDP: 40,000 frames in bursts and 20,000 sent lose no frame of the UMEM") {
    if (!af_xdp()) {
        return;
    }
    XskLab lab;
    XskSocket socket = lab.open(0);
    SwitchPort port("s0p");
    std::uint64_t sent = 0, heard = 0, answered = 0, came_back = 0;
    const auto hear = [&] { socket.receive([&](std::span<const std::uint8_t>) { ++heard; }); };
    for (const bool reading : {false, true, false, true}) { // what finds no frame free is dropped, and counted
        for (int i = 0; i < 10'000; ++i) {
            port.send(slow_frame(1, 1));
            ++sent;
            if (reading) {
                hear();
            }
            if (reading && socket.send(slow_frame(2, 2))) {
                ++answered;
            }
            came_back += port.received().size();
        }
    }
    CHECK(wait_until([&] {
        hear();
        return heard + socket.dropped() == sent;
    }));
    CHECK(heard >= 16);
    CHECK(wait_until([&] { return (came_back += port.received().size()) == answered; }));
    CHECK(answered > 10'000);

    // All sixteen frames are still there, and no more.
    const std::uint64_t dropped = socket.dropped();
    for (std::uint32_t i = 0; i < 17; ++i) {
        port.send(slow_frame(1, i));
    }
    CHECK(wait_until([&] { return socket.dropped() == dropped + 1; }));
    std::vector<std::uint32_t> expected(16);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(numbers(socket) == expected);
    port.send(slow_frame(1, 1));
    CHECK(readable(socket));
    CHECK_THROWS(socket.receive([](std::span<const std::uint8_t>) { throw std::runtime_error("handler"); }));
    for (std::uint32_t i = 0; i < 16; ++i) {
        port.send(slow_frame(1, i));
    }
    CHECK(readable(socket));
    CHECK(numbers(socket).size() == 16);
    for (int i = 0; i < 4; ++i) {
        CHECK(socket.send(slow_frame(1, 1)));
    }
}

TEST_CASE("AF_XDP: only untagged LACP and marker frames are redirected, the rest stays on the slave") {
    if (!af_xdp()) {
        return;
    }
    XskLab lab;
    XskSocket socket = lab.open(0);
    SwitchPort port("s0p"), slave("s0");
    port.send(slow_frame(3, 1));         // OAM
    port.send(slow_frame(1, 2, 0xe000)); // LACP with a priority tag: VID 0
    port.send(slow_frame(10, 3));        // OSSP
    port.send(slow_frame(1, 4));
    CHECK(readable(socket));
    CHECK(numbers(socket) == std::vector{4U});
    Frames passed;
    CHECK(wait_until([&] {
        std::ranges::move(slave.received(), std::back_inserter(passed));
        return passed.size() >= 3;
    }));
    CHECK(passed == Frames{slow_frame(3, 1), slow_frame(1, 2), slow_frame(10, 3)});
}

TEST_CASE("AF_XDP: a device deleted while its socket is open disturbs neither the event loop nor the other slaves") {
    if (!af_xdp()) {
        return;
    }
    XskLab lab;
    {
        XskSocket first = lab.open(0), second = lab.open(1);
        CHECK(lab.pool.free_sockets() == 2);
        SwitchPort port0("s0p"), port1("s1p");
        port0.send(slow_frame(1, 1));
        REQUIRE(readable(first));
        harness::ip("link del s0");
        CHECK(first.send(slow_frame(1, 2)).error().code == ENXIO);
        CHECK(numbers(first) == std::vector{1U}); // it had come
        pollfd p{first.fd(), POLLIN, 0};
        CHECK(poll(&p, 1, 0) == 0);

        port1.send(slow_frame(1, 3));
        REQUIRE(readable(second));
        CHECK(numbers(second) == std::vector{3U});
        need(second.send(slow_frame(1, 4)));
        CHECK(port1.received() == Frames{slow_frame(1, 4)});
    }
    CHECK(lab.pool.free_sockets() == 4);
    // The UMEM is still shared: the anchor is another device.
    harness::ip("link add s0 type veth peer name s0p");
    harness::ip("link set s0 up");
    harness::ip("link set s0p up");
    need(lab.path.set_slot(0, ifindex("s0")));
    need(lab.path.set_xdp(0, ifindex("s0"), XdpPolicy::native, "veth"));
    XskSocket again = lab.open(0);
    SwitchPort("s0p").send(slow_frame(1, 5));
    REQUIRE(readable(again));
    CHECK(numbers(again) == std::vector{5U});
}

TEST_CASE("AF_XDP: a pool that is used up, a queue that is taken, missing or out of range, a device that is gone") {
    if (!af_xdp()) {
        return;
    }
    XskLab lab;
    CHECK(XskPool::create(ifindex("xb0p")).error().code == EBUSY);
    CHECK(XskPool::create(9999).error().code == ENODEV);
    CHECK(lab.pool.bytes() == 4 * 20 * 2048);
    CHECK(lab.pool.open(ifindex("s0"), 7).error().code == EINVAL);
    CHECK(lab.pool.open(9999, 0).error().code == ENODEV);
    CHECK(lab.pool.free_sockets() == 4);
    std::vector<XskSocket> sockets;
    for (const char *const device : {"s0", "s1", "s0p", "s1p"}) {
        sockets.push_back(need(lab.pool.open(ifindex(device), 0)));
    }
    CHECK(lab.pool.open(ifindex("xb0"), 0).error().code == ENOSPC);
    sockets.pop_back();
    CHECK(lab.pool.open(ifindex("s0"), 0).error().code == EINVAL);
    CHECK(lab.pool.open(ifindex("xb0p"), 0).error().code == EINVAL);
    CHECK(lab.pool.free_sockets() == 1);
    CHECK(lab.path.set_xsk(XB_MAX_SLAVES, 0, sockets[0].fd()).error().code == EINVAL);
    CHECK(lab.path.set_xsk(0, XB_XSK_QUEUES, sockets[0].fd()).error().code == EINVAL);

    CHECK(rx_queues(9999).error().code == ENODEV);
    CHECK(need(rx_queues(ifindex("s0"))) == 1);
    harness::ip("link add m0 numrxqueues 3 type veth peer name m1 numtxqueues 3");
    CHECK(need(rx_queues(ifindex("m0"))) == 3);
    XskPool other = need(XskPool::create(ifindex("m1"), 1));
    CHECK(other.open(ifindex("s0"), 0).error().code == EBUSY);
    lab.pool = std::move(other); // the sockets outlive their pool
    CHECK(sockets[0].send(slow_frame(1, 1)));
}

TEST_CASE(
    "AF_XDP: a closed socket and clear_xsk give the queue back to the slave; after adoption sockets are set anew") {
    if (!af_xdp()) {
        return;
    }
    XskLab lab;
    SwitchPort port("s0p"), slave("s0");
    const auto passes = [&] {
        port.send(slow_frame(1, 1));
        return wait_until([&] { return slave.received().size() == 1; });
    };
    const auto descriptors = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                             std::filesystem::directory_iterator());
    };
    { const XskSocket closed = lab.open(0); }
    CHECK(passes());
    const auto before = descriptors();
    std::optional<XskSocket> reopened;
    for (int times = 0; times < 10; ++times) {
        reopened.reset();
        CHECK(wait_until([&] { // the kernel frees a closed socket's queue a moment later
            auto result = lab.pool.open(lab.slave(0), 0);
            if (result) {
                reopened = std::move(*result);
            }
            return reopened.has_value();
        }));
    }
    XskSocket &socket = reopened.value();
    CHECK(descriptors() == before + 1);
    CHECK(fcntl(socket.fd(), F_GETFD) == FD_CLOEXEC);
    need(lab.path.set_xsk(0, 0, socket.fd()));
    lab.path.clear_xsk(0, 0);
    CHECK(passes());

    lab.path = need(DataPath::adopt(lab.lab.config(), test::features()));
    need(lab.path.set_xsk(0, 0, socket.fd()));
    port.send(slow_frame(1, 2));
    REQUIRE(readable(socket));
    CHECK(numbers(socket) == std::vector{2U});
    CHECK(slave.received().empty());
}
