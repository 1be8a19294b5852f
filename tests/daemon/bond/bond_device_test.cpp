// SPDX-License-Identifier: MIT
// The bond's device in a network namespace of the test's own.
#include <catch2/catch.hpp>
#include <net/if.h>

#include "tests/harness/netns.h"
#include "user/daemon/bond/bond_device.h"
#include "user/sys/sysctl.h"

using namespace xbond;
using daemon::BondDevice;

namespace {

constexpr MacAddr mac{{2, 0, 0, 0, 0, 0xbb}};

template <typename T> T need(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(*result);
}

struct DeviceLab {
    sys::Netlink netlink = need(sys::Netlink::open());
    daemon::LinkTable links;

    sys::LinkInfo now(std::uint32_t ifindex) { return need(netlink.link(ifindex)); }
    void look() { links.replace(need(daemon::LinkTable::dump(netlink))); }
    Result<BondDevice> adopt(std::uint32_t ifindex, std::uint32_t peer) {
        look();
        return BondDevice::adopt(links, "bond0", ifindex, peer);
    }
};

} // namespace

TEST_CASE("a bond's device is made down, without carrier, with a silent peer, and known to the daemon") {
    const harness::PrivateNetns netns;
    if (!netns) {
        return;
    }
    DeviceLab lab;
    BondDevice device = need(BondDevice::create(lab.netlink, "bond0", mac, 2000));
    const auto bond = lab.now(device.ifindex());
    CHECK(bond.name == "bond0");
    CHECK(bond.mac == mac);
    CHECK(bond.mtu == 2000);
    CHECK((bond.flags & IFF_UP) == 0);
    CHECK(lab.now(device.peer()).name == "bond0p");
    CHECK((lab.now(device.peer()).flags & IFF_UP) == 0);
    lab.look();
    REQUIRE(lab.links.find(device.ifindex()) != nullptr);
    REQUIRE(lab.links.find(device.peer()) != nullptr);
    CHECK(BondDevice::are_pair(*lab.links.find(device.ifindex()), *lab.links.find(device.peer())));
    CHECK(need(sys::read_sysctl("ipv4/conf/bond0p/arp_ignore")) == "8");

    REQUIRE(device.set_up(lab.netlink, true));
    REQUIRE(device.set_carrier(lab.netlink, true));
    CHECK((lab.now(device.ifindex()).flags & IFF_RUNNING) != 0);
    REQUIRE(device.set_carrier(lab.netlink, false));
    CHECK((lab.now(device.ifindex()).flags & IFF_RUNNING) == 0);
    REQUIRE(device.destroy(lab.netlink));
    CHECK(lab.netlink.link("bond0p").error().code == ENODEV);
}

TEST_CASE("a bond's device takes nobody's name, and leaves nothing behind where it is refused") {
    const harness::PrivateNetns netns;
    if (!netns) {
        return;
    }
    DeviceLab lab;
    const std::string taken = GENERATE("bond0", "bond0p");
    REQUIRE(harness::shell("ip link add " + taken + " type veth peer name x0"));
    const auto device = BondDevice::create(lab.netlink, "bond0", mac, 1500);
    REQUIRE_FALSE(device);
    CHECK(device.error().code == EEXIST);
    lab.look();
    CHECK(lab.links.find(taken == "bond0" ? "bond0p" : "bond0") == nullptr);
}

TEST_CASE("a bond's device is adopted with its carrier, and nothing else is taken for one") {
    const harness::PrivateNetns netns;
    if (!netns) {
        return;
    }
    DeviceLab lab;
    BondDevice device = need(BondDevice::create(lab.netlink, "bond0", mac, 1500));
    REQUIRE(device.set_carrier(lab.netlink, true));
    REQUIRE(harness::shell("ip link add v0 type veth peer name v1"));
    lab.look();
    const auto number = [&](const char *name) { return lab.links.find(name)->ifindex; };

    BondDevice adopted = need(lab.adopt(device.ifindex(), device.peer()));
    CHECK(adopted.ifindex() == device.ifindex());
    CHECK(adopted.peer() == device.peer());
    REQUIRE(adopted.set_carrier(lab.netlink, false)); // it knows that there is one to take away
    CHECK((lab.now(device.peer()).flags & IFF_UP) == 0);

    CHECK_FALSE(BondDevice::are_pair(*lab.links.find("lo"), *lab.links.find("lo")));
    for (const auto &[bond, peer] :
         {std::pair{number("lo"), device.peer()}, std::pair{number("v0"), device.peer()},
          std::pair{device.ifindex(), number("v1")}, std::pair{number("lo"), number("lo")}}) {
        const auto refused = lab.adopt(bond, peer);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == ENODEV);
    }
    const std::uint32_t ifindex = device.ifindex();
    const std::uint32_t peer = device.peer();
    REQUIRE(device.destroy(lab.netlink));
    const auto gone = lab.adopt(ifindex, peer);
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == ENODEV);
}
