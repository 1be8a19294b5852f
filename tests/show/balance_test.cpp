// SPDX-License-Identifier: MIT
// What modes balance-tlb and balance-alb add to the status, the /proc text and explain.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/harness/packet.h"
#include "tests/show/view_builder.h"
#include "user/show/explain.h"
#include "user/show/render.h"

using namespace xbond;
using show::explain_frame;
using show::proc_text;
using show::status_json;
using test::Packet;
using test::test_mac;

namespace {

constexpr MacAddr neighbour_mac = test_mac(0x14);

// v0 is active; bucket 2 is its own, 1 and 3 are v1's; one client on v1, one placeholder on v0, each where the xor of
// its address puts it.
show::BondView balanced(Mode mode) {
    auto bond = test::bond_view(mode);
    bond.active = 0;
    bond.slaves[0].active = true;
    bond.slaves[1].slave.mac = bond.slaves[1].slave.perm_mac;
    core::balance::Table table;
    table.buckets.resize(core::balance::table_size);
    table.clients.resize(core::balance::table_size);
    table.buckets[1] = {.tx_bytes = 700, .history = 20, .owner = 1};
    table.buckets[2] = {.tx_bytes = 1000, .history = 30, .owner = 0};
    table.buckets[3] = {.tx_bytes = 50, .history = 1, .owner = 1};
    table.load = {30, 21};
    table.unbalanced = 60;
    if (mode == Mode::balance_alb) {
        bond.slaves[1].published.suppress_flood = true;
        table.clients[214] = {.assigned = true,
                              .server = {192, 0, 2, 1},
                              .client = {192, 0, 2, 20},
                              .server_mac = bond.mac,
                              .client_mac = neighbour_mac,
                              .vlan_id = 7,
                              .slot = 1,
                              .tell = true};
        table.clients[215] = {.assigned = true,
                              .server = {192, 0, 2, 1},
                              .client = {192, 0, 2, 21},
                              .server_mac = bond.mac,
                              .client_mac = test::mac_broadcast,
                              .slot = 0};
    }
    bond.balance = table;
    return bond;
}

std::string reason_of(const show::BondView &bond, const Packet &packet) {
    return explain_frame(bond, packet.build(), 0).at("reason");
}

Packet to_neighbour() { return {neighbour_mac, *MacAddr::parse("76:89:eb:1a:df:d7")}; }

} // namespace

TEST_CASE("status JSON of balance-alb: load and buckets of each slave, clients of the bond") {
    const auto bond = status_json(test::snapshot_of(balanced(Mode::balance_alb)))["bonds"][0];
    CHECK(bond["active_slave"] == "v0");
    CHECK(bond["balance"].dump() ==
          R"({"unbalanced_bytes":60,"clients":[)"
          R"({"client":"192.0.2.20","client_mac":"02:00:00:00:00:14","server":"192.0.2.1","slave":"v1","vlan":7,)"
          R"("update_due":true},)"
          R"({"client":"192.0.2.21","client_mac":null,"server":"192.0.2.1","slave":"v0","vlan":null,)"
          R"("update_due":false}]})");
    CHECK(bond["slaves"][0]["balance"].dump() ==
          R"({"load":30,"buckets":1,"bytes":1000,"clients":1,"suppressed_flood":false})");
    CHECK(bond["slaves"][1]["balance"].dump() ==
          R"({"load":21,"buckets":2,"bytes":750,"clients":1,"suppressed_flood":true})");
}

TEST_CASE("status JSON: balance-tlb has no clients, a mode that does not balance no such keys") {
    const auto tlb = status_json(test::snapshot_of(balanced(Mode::balance_tlb)))["bonds"][0];
    CHECK(tlb["balance"].dump() == R"({"unbalanced_bytes":60,"clients":[]})");
    CHECK(tlb["slaves"][1]["balance"].dump() ==
          R"({"load":21,"buckets":2,"bytes":750,"clients":0,"suppressed_flood":false})");
    const auto rr = status_json(test::snapshot_of(test::bond_view(Mode::round_robin)))["bonds"][0];
    CHECK_FALSE(rr.contains("balance"));
    CHECK_FALSE(rr["slaves"][0].contains("balance"));
}

TEST_CASE("O12 proc text of balance-tlb and balance-alb: the active slave; the hash policy where it decides") {
    const auto head = [](const show::BondView &bond) {
        const std::string text = proc_text(bond, "6.12");
        return text.substr(0, text.find("MII Polling"));
    };
    const std::string driver = "Ethernet Channel Bonding Driver: v6.12\n\n";
    const std::string selection = "Primary Slave: None\nCurrently Active Slave: v0\nMII Status: up\n";
    auto bond = balanced(Mode::balance_tlb);
    CHECK(head(bond) == driver + "Bonding Mode: transmit load balancing\n" + selection);
    bond.options.tlb_dynamic_lb = false;
    CHECK(head(bond) ==
          driver + "Bonding Mode: transmit load balancing\nTransmit Hash Policy: layer2 (0)\n" + selection);
    CHECK(head(balanced(Mode::balance_alb)) == driver + "Bonding Mode: adaptive load balancing\n" + selection);
}

TEST_CASE("explain balance-alb: the destination's bucket, whose it is, and what is not balanced") {
    auto bond = balanced(Mode::balance_alb);
    // 192 ^ 0 ^ 2 ^ 193 = 3
    const Packet known = to_neighbour().ipv4("192.0.2.1", "192.0.2.193").udp(1, 2).payload(20);
    CHECK(explain_frame(bond, known.build(), 0).dump() ==
          R"({"bond":"bond0","mode":"balance-alb","policy":null,"hash":null,"table":["v0","v1"],"index":3,"slot":1,)"
          R"("slave":"v1","sent_on":["v1"],"fallback":false,"reason":"bucket 3 belongs to v1"})");
    const Packet fresh = to_neighbour().ipv4("192.0.2.1", "192.0.2.20").udp(1, 2).payload(20);
    CHECK(reason_of(bond, fresh) == "bucket 214 has no slave yet: it gets the least loaded one");
    const Packet discovery = to_neighbour().ipv6("fd99::1", "fd99::2").icmpv6(136, 0).payload(20);
    CHECK(reason_of(bond, discovery) == "not balanced: the current active slave sends it");
    CHECK(explain_frame(bond, discovery.build(), 0)["slave"] == "v0");

    bond.slaves[1].slave.carrier = false;
    const auto dark = explain_frame(bond, known.build(), 0);
    CHECK(dark["sent_on"].dump() == R"(["v0"])");
    CHECK(dark["reason"] == "bucket 3 belongs to v1; v1 has no carrier, the fallback v0 sends");
}

TEST_CASE("explain balance-tlb: the bucket is the hash's, and the policy is named") {
    auto bond = balanced(Mode::balance_tlb);
    bond.options.xmit_hash_policy = HashPolicy::layer34;
    const Packet packet = to_neighbour().ipv4("192.0.2.1", "192.0.2.20").udp(4000, 53).payload(20);
    const auto by_load = explain_frame(bond, packet.build(), 0);
    CHECK(by_load["policy"] == "layer3+4");
    REQUIRE(by_load["hash"].is_number());
    CHECK(by_load["index"] == (by_load["hash"].get<std::uint32_t>() & 0xff));

    bond.options.tlb_dynamic_lb = false;
    const auto by_hash = explain_frame(bond, packet.build(), 0);
    CHECK(by_hash["policy"] == "layer3+4");
    CHECK(by_hash["index"] == by_hash["hash"].get<std::uint32_t>() % 2);
    CHECK(explain_frame(bond,
                        Packet(test::mac_broadcast, bond.mac).arp_request(bond.mac, "192.0.2.1", "192.0.2.20").build(),
                        0)["reason"] == "not balanced: the current active slave sends it");
}

TEST_CASE("explain balance-alb: the bond's ARP takes its client's slave, a guest's the active one") {
    const auto bond = balanced(Mode::balance_alb);
    const auto arp = [&](const MacAddr &from, const char *to) {
        return Packet(neighbour_mac, from).arp_reply(from, "192.0.2.1", neighbour_mac, to).build();
    };
    const auto known = explain_frame(bond, arp(bond.mac, "192.0.2.20"), 0);
    CHECK(known["slave"] == "v1");
    CHECK(known["reason"] == "client 192.0.2.20 was given v1");
    const auto fresh = explain_frame(bond, arp(bond.mac, "192.0.2.99"), 0);
    CHECK(fresh["slave"].is_null());
    CHECK(fresh["reason"] == "client 192.0.2.99 has no slave yet: it gets the next in turn");
    const auto guest = explain_frame(bond, arp(test_mac(0x66), "192.0.2.20"), 0);
    CHECK(guest["slave"] == "v0");
    CHECK(guest["reason"] == "not balanced: the current active slave sends it");
}
