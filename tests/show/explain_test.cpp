// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/show/view_builder.h"
#include "user/core/wire/hex.h"
#include "user/show/explain.h"
#include "xbond/hash.h"

using namespace xbond;
using show::explain_frame;
using show::explain_policy;
using show::explain_text;

namespace {

std::vector<std::uint8_t> bytes(std::string_view hex) { return *wire::parse_hex(hex); }

// ipv4_tcp of hash_vectors.json: 52:54:00:cc:dd:02 -> 52:54:00:aa:bb:01, 192.168.1.10:40000 -> 192.168.1.20:80.
const auto tcp = bytes("525400aabb01 525400ccdd02 0800 45000028000000004006 0000 c0a8010a c0a80114 9c400050"
                       "00000000 00000000 50000000 00000000");
const auto igmp = bytes("01005e000016 525400ccdd02 0800 450000280000000001020000 c0a8010a e0000016 00000000");

} // namespace

TEST_CASE("H1 explain without a bond: hash and index of the worked vector (2.7)") {
    CHECK(explain_policy(HashPolicy::layer2, 3, tcp, 0).dump() ==
          R"({"policy":"layer2","hash":2051,"slaves":3,"index":2})");
    CHECK(explain_policy(HashPolicy::layer34, 3, tcp, 0)["hash"] == 0x27270749);
    CHECK(explain_policy(HashPolicy::layer34, 4, tcp, 0)["index"] == 1);
    CHECK(explain_policy(HashPolicy::vlan_srcmac, 4, tcp, 0)["hash"] !=
          explain_policy(HashPolicy::vlan_srcmac, 4, tcp, 100)["hash"]);
}

TEST_CASE("explain balance-xor: hash, table, index, slave") {
    auto bond = test::bond_view(Mode::balance_xor);
    bond.options.xmit_hash_policy = HashPolicy::layer34;
    const auto e = explain_frame(bond, tcp, 0);
    CHECK(e.dump() == R"({"bond":"bond0","mode":"balance-xor","policy":"layer3+4","hash":656869193,)"
                      R"("table":["v0","v1"],"index":1,"slot":1,"slave":"v1","sent_on":["v1"],"fallback":false,)"
                      R"("reason":"layer3+4 hash 656869193 mod 2 = 1"})");
    CHECK(explain_text(e).find("slave    v1\n") != std::string::npos);
}

TEST_CASE("explain: a slave without carrier hands over to its published fallback") {
    auto bond = test::bond_view(Mode::balance_xor);
    bond.options.xmit_hash_policy = HashPolicy::layer34;
    bond.slaves[1].slave.carrier = false;
    auto e = explain_frame(bond, tcp, 0);
    CHECK(e["slave"] == "v1");
    CHECK(e["sent_on"].dump() == R"(["v0"])");
    CHECK(e["fallback"] == true);
    CHECK(e["reason"].get<std::string>().find("v1 has no carrier, the fallback v0 sends") != std::string::npos);

    bond.slaves[0].slave.carrier = false; // both dark: the chain runs in a circle, the choice stays
    e = explain_frame(bond, tcp, 0);
    CHECK(e["sent_on"].dump() == R"(["v1"])");

    bond.slaves[0].slave.carrier = true;
    bond.slaves[1].published.fallback = no_slot; // downdelay: the user asked to wait
    e = explain_frame(bond, tcp, 0);
    CHECK(e["sent_on"].dump() == R"(["v1"])");
    CHECK(e["reason"].get<std::string>().find("no fallback is published") != std::string::npos);

    bond.slaves[1].published.fallback = 0;
    bond.carrier_check = "none";
    CHECK(explain_frame(bond, tcp, 0)["sent_on"].dump() == R"(["v1"])");
}

TEST_CASE("explain active-backup and broadcast") {
    auto e = explain_frame(test::bond_view(Mode::active_backup), tcp, 0);
    CHECK(e["slave"] == "v0");
    CHECK(e["hash"].is_null());
    auto bond = test::bond_view(Mode::broadcast);
    bond.pick = {0, no_slot};
    e = explain_frame(bond, tcp, 0);
    CHECK(e["sent_on"].dump() == R"(["v0"])");
    CHECK(e["slave"].is_null());
    CHECK(e["fallback"] == false);
}

TEST_CASE("A6 explain balance-rr: the counter decides, IGMP goes out of the active slave") {
    auto bond = test::bond_view(Mode::round_robin);
    auto e = explain_frame(bond, tcp, 0);
    CHECK(e["slave"].is_null());
    CHECK(e["sent_on"].empty());
    CHECK(e["reason"].get<std::string>().find("CPU's frame counter decides") != std::string::npos);
    bond.options.packets_per_slave = 0;
    CHECK(explain_frame(bond, tcp, 0)["reason"].get<std::string>().find("random") != std::string::npos);
    bond.active = 1;
    CHECK(explain_frame(bond, igmp, 0)["slave"] == "v1");
    bond.active = no_slot;
    CHECK(explain_frame(bond, igmp, 0)["slave"] == "v0");
    bond.slaves[0].slave.carrier = false;
    CHECK(explain_frame(bond, igmp, 0)["slave"] == "v1");
}

TEST_CASE("explain: nothing usable, and frames of any length") {
    auto bond = test::bond_view(Mode::balance_xor);
    for (const auto policy : hash_policies) {
        bond.options.xmit_hash_policy = policy;
        for (std::size_t n = 0; n <= tcp.size(); ++n) {
            const auto e = explain_frame(bond, std::span(tcp).first(n), 0);
            REQUIRE((e["slave"] == "v0" || e["slave"] == "v1"));
        }
    }
    bond.pick.clear();
    const auto e = explain_frame(bond, tcp, 0);
    CHECK(e["slave"].is_null());
    CHECK(e["reason"] == "no slave is usable");
}
