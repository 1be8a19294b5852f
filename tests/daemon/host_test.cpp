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

TEST_CASE("link table: what goes takes its addresses with it") {
    LinkTable table;
    table.update(sys::LinkChanged{{.ifindex = 7, .name = "e0"}});
    table.update(sys::AddressChanged{ipv4(1)});
    table.update(sys::LinkGone{7, "e0"});
    CHECK(table.find(7) == nullptr);
    CHECK(table.addresses(7).empty());
}

} // namespace xbond::daemon
