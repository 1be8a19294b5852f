// SPDX-License-Identifier: MIT
// AF_XDP sockets behind xb_xdp, on veth slaves.
#include <catch2/catch.hpp>
#include <iostream>
#include <map>
#include <poll.h>

#include "loader/xsk.h"
#include "slow_frames.h"

using namespace xbond;
using namespace xbond::loader;
using test::eventually;
using test::ifindex;
using test::need;
using test::number_of;
using test::slow_frame;
using test::SwitchPort;

namespace {

using Frames = std::vector<test::Bytes>;

bool af_xdp() {
    if (!test::features().af_xdp)
        std::cout << "SKIPPED: this kernel has no AF_XDP\n";
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
        for (const SlotId slot : {SlotId{0}, SlotId{1}})
            need(path.set_xdp(slot, slave(slot), XdpPolicy::native, "veth"));
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
    if (!af_xdp())
        return;
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
