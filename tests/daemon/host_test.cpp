// SPDX-License-Identifier: MIT
// The table of links and addresses, as messages change it.
#include <catch2/catch.hpp>

#include "user/daemon/host.h"

namespace xbond::daemon {
namespace {

sys::AddressInfo ipv4(std::uint8_t last, bool secondary = false) {
    return {.ifindex = 7, .addr = {192, 0, 2, last}, .prefix = 24, .secondary = secondary};
}

std::vector<int> last_bytes(const LinkTable &table) {
    std::vector<int> found;
    for (const auto &address : table.addresses(7)) {
        found.push_back(address.addr[3]);
    }
    return found;
}

} // namespace

TEST_CASE("link table: addresses stand in the kernel's order and are there once") {
    LinkTable table;
    for (const auto &address : {ipv4(1), ipv4(2, true), ipv4(3, true), ipv4(4)}) {
        table.update(sys::AddressChanged{address});
    }
    table.update(sys::AddressChanged{ipv4(2, true)}); // its lifetime was renewed
    CHECK(last_bytes(table) == std::vector<int>{1, 4, 2, 3});
    CHECK(table.addresses(8).empty());
}

TEST_CASE("link table: a secondary address that becomes the primary one moves before the others") {
    LinkTable table;
    for (const auto &address : {ipv4(1), ipv4(2, true), ipv4(3, true)}) {
        table.update(sys::AddressChanged{address});
    }
    table.update(sys::AddressGone{ipv4(1)});
    table.update(sys::AddressChanged{ipv4(3)});
    CHECK(last_bytes(table) == std::vector<int>{3, 2});
}

TEST_CASE("link table: what stands on a device is found at any depth, and nothing else") {
    LinkTable table;
    const auto add = [&](std::uint32_t ifindex, const char *kind, std::uint32_t below, std::uint32_t master = 0) {
        table.update(sys::LinkChanged{{.ifindex = ifindex, .master = master, .link = below, .kind = kind}});
    };
    add(1, "veth", 2); // the bond, the other end, a slave
    add(2, "veth", 1);
    add(3, "", 0);
    add(4, "vlan", 1);
    add(5, "macvlan", 4, 6);
    add(6, "bridge", 0);
    add(7, "vlan", 6);
    add(8, "vlan", 3);
    add(9, "veth", 10); // another bond, with 8 as a slave
    add(11, "vlan", 9);
    add(12, "vlan", 12); // what no kernel tells
    const auto none = [](std::uint32_t) { return std::vector<std::uint32_t>(); };
    for (const std::uint32_t top : {4, 5, 6, 7}) {
        CHECK(table.stands_on(top, 1, none));
    }
    for (const std::uint32_t top : {1, 2, 3, 8, 9, 11, 12, 99}) {
        CHECK_FALSE(table.stands_on(top, 1, none));
    }
    const auto slaves = [](std::uint32_t bond) {
        return bond == 9   ? std::vector<std::uint32_t>{8}
               : bond == 1 ? std::vector<std::uint32_t>{3, 11}
                           : std::vector<std::uint32_t>();
    };
    CHECK(table.stands_on(11, 3, slaves)); // through the slaves of another bond
    CHECK(table.stands_on(4, 9, slaves));  // through the bond's own: 11 stands on 9
    CHECK_FALSE(table.stands_on(11, 1, slaves));
}

TEST_CASE("link table: what goes takes its addresses with it") {
    LinkTable table;
    table.update(sys::LinkChanged{{.ifindex = 7, .name = "e0"}});
    table.update(sys::AddressChanged{ipv4(1)});
    table.update(sys::LinkGone{7, "e0"});
    CHECK(table.find(7) == nullptr);
    CHECK(table.addresses(7).empty());
}

} // namespace xbond::daemon
