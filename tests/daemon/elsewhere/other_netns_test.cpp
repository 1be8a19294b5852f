// SPDX-License-Identifier: MIT
// A bond's device in another network namespace, without a daemon: found, entered, and heard of; and nothing holds it.
#include <catch2/catch.hpp>
#include <memory>
#include <poll.h>

#include "tests/harness/netns.h"
#include "user/daemon/bond/bond_device.h"
#include "user/daemon/elsewhere/nsid_events.h"

using namespace xbond;
using daemon::BondDevice;

namespace {

template <typename T> T need(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(*result);
}

// Waits for it, a second at most.
bool hears_of(daemon::NsidEvents &events, std::int32_t nsid, std::uint32_t mtu) {
    bool heard = false;
    pollfd ready{events.fd(), POLLIN, 0};
    while (!heard && ::poll(&ready, 1, 1000) > 0) {
        events.drain(nsid, [&](sys::NetlinkEvent &&event) {
            const auto *changed = std::get_if<sys::LinkChanged>(&event);
            heard = heard || (changed != nullptr && changed->link.mtu == mtu);
        });
    }
    return heard;
}

struct Away { // a pair, its bond's end in `there`
    explicit Away(const harness::NetNs &there) {
        auto made = need(BondDevice::create(home, "bond0", MacAddr{{2, 0, 0, 0, 0, 0xbb}}, 1500));
        peer = made.peer();
        if (!made.mark_whole(home, "bond0") || !home.move(made.ifindex(), there.fd(), "bond0", 0)) {
            throw std::runtime_error("the device cannot be moved");
        }
    }
    sys::Netlink home = need(sys::Netlink::open());
    std::uint32_t peer = 0;
};

} // namespace

TEST_CASE("elsewhere: a device is found by its other end, set and looked at where it is") {
    const harness::PrivateNetns netns;
    if (!netns) {
        return;
    }
    const harness::NetNs there;
    Away away(there);
    auto device = need(BondDevice::find_elsewhere(away.home, "bond0", away.peer, {.name = "somewhere"}));
    CHECK(device.ifindex() == there.ifindex("bond0"));
    CHECK_FALSE(device.is_here());
    CHECK(device.elsewhere()->abode().cookie != 0);
    REQUIRE(device.set_mtu(away.home, 1400));
    REQUIRE(device.set_up(away.home, true));
    CHECK(there.mtu("bond0") == 1400);
    CHECK(there.is_up("bond0"));
    CHECK(need(device.look(away.home)).mtu == 1400);
    const auto told = need(device.elsewhere()->ask(away.home, {device.ifindex(), {}, {}}));
    CHECK_FALSE(told.forwards);
    REQUIRE(device.destroy(away.home));
    CHECK_FALSE(there.exists("bond0"));
}

TEST_CASE("elsewhere: events are told of that namespace alone, and whoever listens does not keep it alive") {
    const harness::PrivateNetns netns;
    if (!netns) {
        return;
    }
    auto there = std::make_unique<harness::NetNs>();
    const harness::NetNs third;
    Away away(*there);
    auto events = need(daemon::NsidEvents::open());
    const auto device = need(BondDevice::find_elsewhere(away.home, "bond0", away.peer, {}));
    const auto nsid = device.elsewhere()->nsid();
    third.ip("link add x type veth peer name y mtu 1300");
    there->ip("link set bond0 mtu 1400");
    CHECK(hears_of(events, nsid, 1400));
    CHECK_FALSE(hears_of(events, nsid, 1300));
    there.reset();
    bool gone = false;
    for (int i = 0; i < 500 && !gone; ++i) {
        gone = !away.home.link(away.peer);
        ::poll(nullptr, 0, 10);
    }
    CHECK(gone);
}
