// SPDX-License-Identifier: MIT
// Ports in a state file: there and back, and a file that has none.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "user/daemon/saved/bond_rows.h"

using namespace xbond;
using namespace xbond::daemon;

namespace {

SavedController with_ports() {
    SavedController bond;
    bond.core.name = "bond0";
    bond.ports = {{.name = "veth7", .ifindex = 12, .own = *MacAddr::parse("02:00:00:00:00:07")},
                  {.name = "veth8",
                   .ifindex = 13,
                   .own = *MacAddr::parse("02:00:00:00:00:08"),
                   .mac = *MacAddr::parse("02:00:00:00:00:18"),
                   .vlan = 20,
                   .xdp = XdpPolicy::generic,
                   .promisc = true},
                  {.name = "veth9", .ifindex = 14, .own = *MacAddr::parse("02:00:00:00:00:09"), .ending = true}};
    return bond;
}

} // namespace

TEST_CASE("ports come back out of a state file as they went in, and a file without them has none") {
    const auto bond = with_ports();
    auto text = saved::write(bond);
    CHECK(saved::read<SavedController>(text) == bond);
    CHECK_FALSE(text["ports"][0].contains("ending")); // as earlier revisions have it
    text.erase("ports");
    CHECK(saved::read<SavedController>(text).ports.empty());
    CHECK_FALSE(saved::write(SavedController{}).contains("ports"));
}

TEST_CASE("a saved port that cannot be is refused") {
    auto text = saved::write(with_ports());
    const auto [key, value] = GENERATE(std::pair{"xdp", 4}, std::pair{"vlan", 65536}, std::pair{"mac", 1});
    text["ports"][1][key] = value;
    CHECK_THROWS(saved::read<SavedController>(text));
}
