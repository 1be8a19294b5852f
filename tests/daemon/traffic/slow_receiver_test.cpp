// SPDX-License-Identifier: MIT
// One packet socket for all slaves: who hears what, and a device that floods.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "tests/harness/wait.h"
#include "tests/loader/slow_frames.h"
#include "user/daemon/traffic/slow_receiver.h"

using namespace xbond;
using daemon::SlowReceiver;
using harness::ifindex;
using test::need;
using test::number_of;
using test::slow_frame;
using test::SwitchPort;

namespace {

struct ReceiverLab {
    // Listens on s0 and s1; heard[device] has the numbers of what came.
    ReceiverLab() {
        for (const std::string device : {"s0", "s1"}) {
            listeners[device] = listen(device);
        }
    }
    std::shared_ptr<void> listen(const std::string &device) {
        return receiver->listen(ifindex(device), [this, device] { take(device); });
    }
    void take(const std::string &device) {
        for (const auto &frame : receiver->take(ifindex(device))) {
            heard[device].push_back(number_of(frame.bytes));
        }
    }
    // Runs the loop until it is true, or the deadline has passed.
    bool run_until(const std::function<bool()> &true_now) {
        const Time deadline = sys::now() + std::chrono::seconds(5);
        while (!true_now() && sys::now() < deadline) {
            const auto tick = loop.at(sys::now() + Ms(1), [this] { loop.stop(0); });
            loop.run();
        }
        return true_now();
    }
    bool heard_last(const std::string &device, std::uint32_t number) {
        return run_until([&] { return !heard[device].empty() && heard[device].back() == number; });
    }

    test::Lab lab;
    sys::EventLoop loop = need(sys::EventLoop::create());
    std::unique_ptr<daemon::Hands> hands = need(daemon::Hands::open(loop));
    std::unique_ptr<SlowReceiver> receiver = need(SlowReceiver::open(loop, *hands));
    std::map<std::string, std::vector<std::uint32_t>> heard;
    std::map<std::string, std::shared_ptr<void>> listeners;
};

using Numbers = std::vector<std::uint32_t>;

} // namespace

TEST_CASE("slow receiver: each listener hears its own device, also what another one's look has read") {
    ReceiverLab lab;
    const SwitchPort first("s0p"), second("s1p");
    first.send(slow_frame(1, 1));
    second.send(slow_frame(1, 2));
    REQUIRE(harness::wait_until([&] {
        lab.take("s0"); // reads both
        return !lab.heard["s0"].empty();
    }));
    CHECK(lab.heard_last("s1", 2));
    CHECK(lab.heard["s0"] == Numbers{1});
}

TEST_CASE("slow receiver: who has ended hears nothing more, and a later listener takes its place") {
    ReceiverLab lab;
    const SwitchPort first("s0p"), second("s1p");
    auto later = lab.listen("s0");
    lab.listeners["s0"].reset(); // of the earlier one: the later goes on
    first.send(slow_frame(1, 1));
    CHECK(lab.heard_last("s0", 1));
    later.reset();
    first.send(slow_frame(1, 2));
    second.send(slow_frame(1, 3));
    CHECK(lab.heard_last("s1", 3));
    lab.take("s0");
    CHECK(lab.heard["s0"] == Numbers{1});
}

TEST_CASE("slow receiver: a device that floods is deaf for a moment, and the others are heard meanwhile") {
    ReceiverLab lab;
    const SwitchPort noisy("s0p"), quiet("s1p");
    const Time began = sys::now();
    for (std::uint32_t number = 0; number < 3000; ++number) { // more than the socket has room for
        noisy.send(slow_frame(1, number));
        if (number % 100 == 99) {
            lab.run_until([&, before = lab.loop.turns().count()] { return lab.loop.turns().count() > before; });
        }
    }
    quiet.send(slow_frame(1, 5000));
    CHECK(lab.heard_last("s1", 5000));
    noisy.send(slow_frame(2, 5001)); // of another kind
    CHECK(lab.run_until([&] { return std::ranges::count(lab.heard["s0"], 5001U) == 1; }));
    CHECK(lab.heard["s0"].size() >= 64);
    const auto windows = static_cast<std::size_t>((sys::now() - began) / Ms(100)) + 2;
    CHECK(lab.heard["s0"].size() <= windows * (64 + 256)); // what one look may read beyond the measure
    CHECK(lab.run_until([&] {                              // within the next tenth of a second
        noisy.send(slow_frame(1, 6000));
        return lab.heard["s0"].back() == 6000;
    }));
}
