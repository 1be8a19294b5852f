// SPDX-License-Identifier: MIT
// Which devices stand on a bond, and with which tags their frames come to it.
#include <catch2/catch.hpp>
#include <map>

#include "user/daemon/upper_devices.h"

namespace xbond::daemon {
namespace {

constexpr std::uint16_t c_tag = 0x8100;

class Stack {
public:
    LinkTable links;

    Stack() { add({.ifindex = 1, .name = "bond0", .link = 2, .kind = "veth"}); }
    void add(const sys::LinkInfo &link) { links.update(sys::LinkChanged{link}); }
    void vlan(std::uint32_t ifindex, std::uint32_t below, std::uint16_t id, std::uint32_t master = 0) {
        add({.ifindex = ifindex, .master = master, .link = below, .kind = "vlan", .vlan_id = id, .vlan_proto = c_tag});
    }
    void bridge(std::uint32_t ifindex, bool filtering) {
        add({.ifindex = ifindex, .kind = "bridge", .vlan_proto = c_tag, .vlan_filtering = filtering});
    }
    void vlans(std::uint32_t ifindex, std::uint16_t pvid, std::vector<sys::BridgeVlans::Vlan> list) {
        links.update(sys::BridgeVlansChanged{{ifindex, pvid, std::move(list)}});
    }
    // By ifindex, outermost first.
    std::map<std::uint32_t, std::vector<int>> tags() const {
        std::map<std::uint32_t, std::vector<int>> found;
        for (const auto &device : devices_on_top(links, 1)) {
            auto &ids = found[device.link->ifindex];
            for (const auto &tag : device.tags) {
                ids.push_back(tag.id);
            }
        }
        return found;
    }
};

using Tags = std::map<std::uint32_t, std::vector<int>>;

} // namespace

TEST_CASE("upper devices: VLANs and macvlans at any depth, nothing beside the bond") {
    Stack stack;
    stack.add({.ifindex = 2, .link = 1, .kind = "veth"}); // the other end
    stack.vlan(3, 1, 10);
    stack.vlan(4, 3, 20);
    stack.add({.ifindex = 5, .link = 4, .kind = "macvlan"});
    stack.add({.ifindex = 6, .link = 1, .link_in_other_netns = true, .kind = "macvlan"}); // of another bond's
    stack.vlan(7, 99, 10);
    CHECK(stack.tags() == Tags{{1, {}}, {3, {10}}, {4, {10, 20}}, {5, {10, 20}}});
    stack.links.update(sys::LinkGone{3, ""});
    CHECK(stack.tags() == Tags{{1, {}}});
}

TEST_CASE("upper devices: a bridge that filters no VLANs takes tags as they come") {
    Stack stack;
    stack.add({.ifindex = 1, .name = "bond0", .master = 8, .link = 2, .kind = "veth"});
    stack.bridge(8, false);
    stack.vlan(9, 8, 30);
    CHECK(stack.tags() == Tags{{1, {}}, {8, {}}, {9, {30}}});
}

TEST_CASE("upper devices: a bridge that filters VLANs gives its own tag, and takes it off where the port says so") {
    Stack stack;
    stack.add({.ifindex = 1, .name = "bond0", .master = 8, .link = 2, .kind = "veth"});
    stack.bridge(8, true);
    stack.vlan(9, 8, 30);
    stack.vlan(10, 8, 40);
    stack.vlan(11, 8, 50);
    stack.vlans(8, 10, {{10, true}, {30, false}, {40, false}, {50, false}});
    stack.vlans(1, 1, {{1, true}, {10, false}, {30, false}, {40, true}});
    CHECK(stack.tags() == Tags{{1, {}}, {8, {10}}, {9, {30}}, {10, {}}}); // 50 does not leave by the bond
    stack.vlans(1, 10, {{10, true}});
    CHECK(stack.tags() == Tags{{1, {}}, {8, {}}});
    stack.vlans(8, 0, {});
    CHECK(stack.tags() == Tags{{1, {}}});
}

TEST_CASE("upper devices: a bridge on a VLAN of the bond puts its tag inside") {
    Stack stack;
    stack.vlan(3, 1, 10, 8);
    stack.bridge(8, true);
    stack.vlans(8, 20, {{20, true}});
    stack.vlans(3, 1, {{20, false}});
    CHECK(stack.tags() == Tags{{1, {}}, {3, {10}}, {8, {10, 20}}});
}

} // namespace xbond::daemon
