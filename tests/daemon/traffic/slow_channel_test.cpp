// SPDX-License-Identifier: MIT
// The control channel over both ways, and while XDP is switched.
#include <atomic>
#include <catch2/catch.hpp>
#include <iostream>
#include <map>
#include <poll.h>
#include <thread>

#include "tests/harness/wait.h"
#include "tests/loader/slow_frames.h"
#include "user/daemon/traffic/slow_channel.h"

using namespace xbond;
using namespace xbond::loader;
using daemon::SlowChannel;
using harness::ifindex;
using harness::wait_until;
using test::need;
using test::number_of;
using test::slow_frame;
using test::SwitchPort;

namespace {

using Frames = std::vector<test::Bytes>;

sys::SlowSocket listening(const std::vector<std::string> &devices) {
    auto socket = need(sys::SlowSocket::open());
    for (const auto &device : devices) {
        need(socket.join(ifindex(device)));
    }
    return socket;
}

struct ChannelLab {
    explicit ChannelLab(unsigned pool_sockets = 4) : pool(need(XskPool::create(ifindex("xb0p"), pool_sockets))) {
        Bank bank = test::bank_on(0);
        bank.slot[0].flags = bank.slot[1].flags = XB_SLOT_SLOW_TO_XSK;
        path.publish(bank);
    }
    Result<void> switch_to(XdpPolicy policy, SlotId slot = 0) {
        const auto state = need(path.set_xdp(slot, ifindex("s" + std::to_string(slot)), policy, "veth"));
        return channel(slot).set_xdp(state.attached != XdpState::Attached::none, path, pool);
    }
    SlowChannel &channel(SlotId slot = 0) { return slot == 0 ? first : second; }

    // Reads until a frame with this number has come, or the deadline has passed.
    void hear_until(std::uint32_t last, SlotId slot = 0) {
        CHECK(wait_until([&] {
            hear(slot);
            return times.contains(last);
        }));
    }
    void hear(SlotId slot = 0) {
        channel(slot).receive([&](std::span<const std::uint8_t> frame) { ++times[number_of(frame)]; });
        packet.receive([&](std::uint32_t device, std::span<const std::uint8_t> frame, std::optional<Time> stamp) {
            by_packet[device].push_back({number_of(frame), stamp.has_value()});
        });
        for (const auto &[number, has_stamp] : std::exchange(by_packet[channel(slot).ifindex()], {})) {
            ++times[number];
            stamped += has_stamp ? 1 : 0;
        }
    }

    test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    XskPool pool;
    sys::SlowSocket packet = listening({"s0", "s1"});
    std::map<std::uint32_t, std::vector<std::pair<std::uint32_t, bool>>> by_packet; // number, whether stamped
    SlowChannel first = need(SlowChannel::open(0, ifindex("s0"), packet));
    SlowChannel second = need(SlowChannel::open(1, ifindex("s1"), packet));
    std::map<std::uint32_t, int> times; // each number has come
    int stamped = 0;
};

bool readable(const ChannelLab &lab) {
    std::array<pollfd, 2> p{{{lab.first.fd(), POLLIN, 0}, {lab.packet.fd(), POLLIN, 0}}};
    return poll(p.data(), p.size(), 5000) >= 1 && ((p[0].revents | p[1].revents) & ~POLLIN) == 0;
}

bool af_xdp() {
    if (!test::features().af_xdp) {
        std::cout << "SKIPPED: this kernel has no AF_XDP\n";
    }
    return test::features().af_xdp;
}

} // namespace

TEST_CASE("slow channel: receives and sends by AF_PACKET and by AF_XDP, native and generic") {
    if (!af_xdp()) {
        return;
    }
    ChannelLab lab;
    const auto [policy, way] = GENERATE(table<XdpPolicy, std::string_view>(
        {{XdpPolicy::off, "af_packet"}, {XdpPolicy::native, "af_xdp"}, {XdpPolicy::generic, "af_xdp"}}));
    need(lab.switch_to(policy));
    CHECK(lab.first.way() == way);
    const SwitchPort other("s1p");
    SwitchPort port("s0p");
    other.send(slow_frame(1, 7)); // the other slave's
    port.send(slow_frame(1, 1));
    port.send(slow_frame(2, 2));
    REQUIRE(readable(lab));
    lab.hear_until(2);
    CHECK(lab.times == std::map<std::uint32_t, int>{{1, 1}, {2, 1}});
    CHECK(lab.stamped == (way == "af_packet" ? 2 : 0));

    need(lab.first.send(slow_frame(1, 3)));
    Frames sent;
    CHECK(wait_until([&] { return !(sent = port.received()).empty(); }));
    CHECK(sent == Frames{slow_frame(1, 3)});
}

TEST_CASE(
    "slow channel: hears what AF_XDP does not take: priority-tagged frames, other subtypes, queues without socket") {
    if (!af_xdp()) {
        return;
    }
    ChannelLab lab(1);
    need(lab.switch_to(XdpPolicy::native));
    CHECK(lab.switch_to(XdpPolicy::native, 1).error().code == ENOSPC);
    CHECK(lab.first.xsk_queues() == 1);
    CHECK(lab.second.way() == "af_packet");
    const SwitchPort port("s0p"), other("s1p");
    port.send(slow_frame(1, 1, 0xe000));
    port.send(slow_frame(3, 2));
    port.send(slow_frame(1, 3, 5)); // in VLAN 5: nobody's
    port.send(slow_frame(1, 4));
    other.send(slow_frame(1, 5));
    lab.hear_until(4);
    lab.hear_until(2);
    lab.hear_until(5, 1);
    CHECK(lab.times == std::map<std::uint32_t, int>{{1, 1}, {2, 1}, {4, 1}, {5, 1}});
    CHECK(lab.stamped == 3);
}

TEST_CASE("slow channel: switching XDP native, off, generic at 100 frames a second loses and doubles none") {
    if (!af_xdp()) {
        return;
    }
    ChannelLab lab;
    std::atomic<bool> stop{false};
    std::uint32_t sent = 0;
    std::thread sender([&] {
        const SwitchPort port("s0p");
        harness::wait_until(
            [&] {
                port.send(slow_frame(1, sent++));
                return stop.load();
            },
            std::chrono::seconds(60), std::chrono::milliseconds(10)); // 100 frames a second
    });
    std::map<std::string_view, int> ways;
    for (int round = 0; round < 5; ++round) {
        for (const XdpPolicy policy : {XdpPolicy::native, XdpPolicy::off, XdpPolicy::generic, XdpPolicy::native}) {
            need(lab.switch_to(policy));
            const auto before = lab.times.size();
            CHECK(wait_until([&] {
                lab.hear();
                return lab.times.size() >= before + 5;
            }));
            ++ways[lab.first.way()];
        }
    }
    stop = true;
    sender.join();
    lab.hear_until(sent - 1);
    CHECK(ways == std::map<std::string_view, int>{{"af_packet", 5}, {"af_xdp", 15}});
    CHECK(lab.times.size() == sent);
    CHECK(std::ranges::all_of(lab.times, [](const auto &entry) { return entry.second == 1; }));
    CHECK(lab.first.dropped() == 0);
    CHECK(lab.stamped > 0);
    CHECK(lab.stamped < static_cast<int>(sent));
}

TEST_CASE("slow channel: each receive queue has its socket, and one without is heard by AF_PACKET") {
    if (!af_xdp()) {
        return;
    }
    ChannelLab lab(5); // three queues to send on, two left to receive on
    harness::ip("link add m0 numtxqueues 3 numrxqueues 3 type veth peer name m1 numtxqueues 3 numrxqueues 3");
    harness::ip("link set m0 up");
    harness::ip("link set m1 up");
    std::vector<XskSocket> sender; // a veth gives what leaves by queue N to its peer's queue N
    for (unsigned queue = 0; queue < 3; ++queue) {
        sender.push_back(need(lab.pool.open(ifindex("m1"), queue)));
    }
    need(lab.path.set_slot(0, ifindex("m0")));
    need(lab.packet.join(ifindex("m0")));
    lab.first = need(SlowChannel::open(0, ifindex("m0"), lab.packet));
    need(lab.path.set_xdp(0, ifindex("m0"), XdpPolicy::native, "veth"));
    CHECK(lab.first.set_xdp(true, lab.path, lab.pool).error().code == ENOSPC);
    CHECK(lab.first.xsk_queues() == 2);
    for (unsigned queue = 0; queue < 3; ++queue) {
        need(sender[queue].send(slow_frame(1, queue)));
    }
    for (unsigned queue = 0; queue < 3; ++queue) {
        lab.hear_until(queue);
    }
    CHECK(lab.times == std::map<std::uint32_t, int>{{0, 1}, {1, 1}, {2, 1}});
    CHECK(lab.stamped == 1);
}

TEST_CASE("slow channel: lives through down and up of its device, by both ways") {
    if (!af_xdp()) {
        return;
    }
    ChannelLab lab;
    need(lab.switch_to(GENERATE(XdpPolicy::off, XdpPolicy::native)));
    const auto down_and_up = [](const std::string &device, const std::function<void()> &meanwhile) {
        harness::ip("link set " + device + " down");
        meanwhile();
        harness::ip("link set " + device + " up");
    };
    down_and_up("s0", [&] { CHECK(lab.first.send(slow_frame(1, 1)).error().code == ENETDOWN); });
    // No carrier: nothing says so, or the driver refuses. The machines of LACP send again.
    down_and_up("s0p", [&] { (void)lab.first.send(slow_frame(1, 2)); });
    SwitchPort port("s0p");
    CHECK(wait_until([&] { return lab.first.send(slow_frame(1, 3)).has_value(); }));
    Frames sent;
    CHECK(wait_until([&] {
        std::ranges::move(port.received(), std::back_inserter(sent));
        return !sent.empty() && sent.back() == slow_frame(1, 3);
    }));
    INFO(sent.size() << " frames left");
    CHECK(sent.size() <= 2); // AF_XDP keeps what it could not send while the device was down
    port.send(slow_frame(1, 4));
    lab.hear_until(4);
    CHECK(lab.times == std::map<std::uint32_t, int>{{4, 1}});
}

TEST_CASE("slow channel: lives through the end of its device and says so when it sends") {
    if (!af_xdp()) {
        return;
    }
    ChannelLab lab;
    need(lab.switch_to(XdpPolicy::native));
    harness::ip("link del s0");
    CHECK(lab.first.send(slow_frame(1, 1)).error().code == ENXIO);
    lab.hear();
    CHECK(lab.times.empty());
    pollfd p{lab.first.fd(), POLLIN, 0};
    CHECK(poll(&p, 1, 0) == 0);
    CHECK(lab.first.set_xdp(true, lab.path, lab.pool).error().code == ENODEV);
}
