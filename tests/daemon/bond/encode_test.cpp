// SPDX-License-Identifier: MIT
// From what a bond wants to what is published. Whole banks are compared, byte by byte: a test that expects one member
// to change also expects all the others to stay.
#include <bit>
#include <catch2/catch.hpp>
#include <cstring>
#include <type_traits>

#include "user/daemon/bond/encode.h"
#include "xbond/bank.h"

using namespace xbond;
using namespace xbond::daemon;
using core::Desired;
using core::DesiredSlave;
using core::Hear;

namespace {

static_assert(std::has_unique_object_representations_v<xb_bank>, "no padding: banks can be compared as bytes");

bool same(const xb_bank &a, const xb_bank &b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

MacAddr mac(std::uint8_t last) { return {{0x02, 0, 0, 0, 0, last}}; }
MacAddr mac_in(const __u8 (&bytes)[6]) { return std::bit_cast<MacAddr>(bytes); }

std::uint32_t in_network_order(const Ipv4Addr &address) { return std::bit_cast<std::uint32_t>(address); }

std::vector<Ipv4Addr> addresses(std::size_t count) {
    std::vector<Ipv4Addr> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.push_back({10, 0, 0, static_cast<std::uint8_t>(i + 1)});
    }
    return all;
}

// Slaves in the given slots that have the bond's own MAC and ask for nothing.
Desired bond_over(const std::vector<SlotId> &slots) {
    Desired desired;
    desired.bond_mac = mac(1);
    for (const SlotId slot : slots) {
        DesiredSlave slave;
        slave.slot = slot;
        slave.ifindex = 100U + slot;
        slave.mac = desired.bond_mac;
        desired.slaves.push_back(slave);
        desired.pick.push_back(slot);
    }
    return desired;
}

unsigned flags_of(const DesiredSlave &slave, const BankFacts &facts = {}) {
    Desired desired = bond_over({3});
    desired.slaves[0] = slave;
    return encode(desired, facts).slot[slave.slot].flags;
}

DesiredSlave plain_slave() { return bond_over({3}).slaves[0]; }

SlotSet only(SlotId slot) { return SlotSet().set(slot); }

// A monitor that is on and knows nothing yet.
Desired monitored() {
    Desired desired = bond_over({0});
    desired.monitor.on = true;
    return desired;
}

} // namespace

TEST_CASE("encode: a bond without slaves names no slave anywhere") {
    const xb_bank bank = encode({}, {});
    xb_bank expected = empty_bank();
    expected.how = bank.how; // the mode has no slaves either
    CHECK(same(bank, expected));
    CHECK(bank.n_pick == 0);
    CHECK(bank.active == XB_NO_SLOT);
    CHECK(bank.igmp == XB_NO_SLOT);
    CHECK(bank.pick[0] == XB_NO_SLOT);
    CHECK(bank.slot[XB_MAX_SLAVES - 1].fallback == XB_NO_SLOT);
}

TEST_CASE("encode: active slave, IGMP slot and the bond's MAC stand where they belong") {
    Desired desired = bond_over({0, 1, 2});
    desired.active = 1;
    desired.igmp = 2;
    const xb_bank bank = encode(desired, {});
    CHECK(bank.active == 1);
    CHECK(bank.igmp == 2);
    CHECK(mac_in(bank.bond_mac) == mac(1));
}

TEST_CASE("encode: pick is taken over position by position, past its end it names no slave") {
    Desired desired = bond_over({4, 0, 7});
    const xb_bank bank = encode(desired, {});
    CHECK(bank.n_pick == 3);
    CHECK(bank.pick[0] == 4);
    CHECK(bank.pick[1] == 0);
    CHECK(bank.pick[2] == 7);
    for (std::size_t i = 3; i < XB_MAX_SLAVES; ++i) {
        CHECK(bank.pick[i] == XB_NO_SLOT);
    }
}

TEST_CASE("encode: broadcast keeps a position that may not send, and counts it") {
    Desired desired = bond_over({0, 1, 2});
    desired.pick = {0, no_slot, 2};
    const xb_bank bank = encode(desired, {});
    CHECK(bank.n_pick == 3);
    CHECK(bank.pick[1] == XB_NO_SLOT);
    CHECK(bank.pick[2] == 2);
}

TEST_CASE("encode: slaves that none may send on leave their slots described") {
    Desired desired = bond_over({5});
    desired.pick.clear();
    desired.slaves[0].speed = 1000;
    const xb_bank bank = encode(desired, {});
    CHECK(bank.n_pick == 0);
    CHECK(bank.slot[5].speed == 1000);
}

TEST_CASE("encode: a slave is described in its slot, whatever its place in the list; the other slots stay empty") {
    Desired desired = bond_over({9, 2});
    desired.slaves[0] = {.slot = 9, .mac = mac(1), .queue_id = 19, .speed = 10000, .fallback = 2};
    desired.slaves[1] = {.slot = 2, .mac = mac(1), .queue_id = 65535, .speed = core::speed_unknown, .fallback = 9};
    const xb_bank bank = encode(desired, {});
    CHECK(mac_in(bank.slot[9].mac) == mac(1));
    CHECK(bank.slot[9].queue_id == 19);
    CHECK(bank.slot[9].speed == 10000);
    CHECK(bank.slot[9].fallback == 2);
    CHECK(bank.slot[9].flags == 0);
    CHECK(bank.slot[2].queue_id == 65535);
    CHECK(bank.slot[2].speed == core::speed_unknown);
    CHECK(bank.slot[2].fallback == 9);
    xb_bank rest = bank;
    rest.slot[9] = rest.slot[2] = empty_bank().slot[0];
    CHECK(std::memcmp(rest.slot, empty_bank().slot, sizeof(rest.slot)) == 0);
}

TEST_CASE("encode: 32 slaves fill every slot and every position") {
    std::vector<SlotId> slots;
    for (SlotId slot = 0; slot < XB_MAX_SLAVES; ++slot) {
        slots.push_back(slot);
    }
    Desired desired = bond_over(slots);
    for (DesiredSlave &slave : desired.slaves) {
        slave.mac = mac(static_cast<std::uint8_t>(100 + slave.slot));
        slave.queue_id = static_cast<std::uint16_t>(slave.slot + 1);
        slave.speed = slave.slot * 10U;
        slave.fallback = static_cast<SlotId>((slave.slot + 1) % XB_MAX_SLAVES);
        slave.suppress = true;
    }
    const xb_bank bank = encode(desired, {.captured = SlotSet().set(), .slow_to_xsk = SlotSet().set()});
    CHECK(bank.n_pick == XB_MAX_SLAVES);
    for (SlotId i = 0; i < XB_MAX_SLAVES; ++i) {
        CHECK(bank.pick[i] == i);
        CHECK(mac_in(bank.slot[i].mac) == mac(static_cast<std::uint8_t>(100 + i)));
        CHECK(bank.slot[i].queue_id == i + 1);
        CHECK(bank.slot[i].speed == i * 10U);
        CHECK(bank.slot[i].fallback == (i + 1) % XB_MAX_SLAVES);
        CHECK(bank.slot[i].flags == (XB_SLOT_SUPPRESS | XB_SLOT_REWRITE_DST | XB_SLOT_SLOW_TO_XSK));
    }
}

TEST_CASE("encode: unicast to a slave with another MAC than the bond's is rewritten") {
    DesiredSlave slave = plain_slave();
    CHECK(flags_of(slave) == 0);
    slave.mac = mac(2);
    CHECK(flags_of(slave) == XB_SLOT_REWRITE_DST);
}

TEST_CASE("encode: a suppressed slave may drop early, unless somebody captures on it") {
    DesiredSlave slave = plain_slave();
    slave.suppress = true;
    CHECK(flags_of(slave) == (XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP));
    CHECK(flags_of(slave, {.captured = only(3)}) == XB_SLOT_SUPPRESS);
    CHECK(flags_of(slave, {.captured = only(4)}) == (XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP));
}

TEST_CASE("encode: so may one that is suppressed for multicast and broadcast only") {
    DesiredSlave slave = plain_slave();
    slave.suppress_flood = true;
    CHECK(flags_of(slave) == (XB_SLOT_SUPPRESS_FLOOD | XB_SLOT_EARLY_DROP));
    CHECK(flags_of(slave, {.captured = only(3)}) == XB_SLOT_SUPPRESS_FLOOD);
}

TEST_CASE("encode: where the bond's device is in another network namespace no frame takes the short way") {
    CHECK(flags_of(plain_slave(), {.elsewhere = true}) == XB_SLOT_ELSEWHERE);
}

TEST_CASE("encode: xb_xdp is told which slaves' frames it gives to the bond, and where checksums are missing") {
    CHECK(flags_of(plain_slave(), {.by_xdp = only(3)}) == XB_SLOT_BY_XDP);
    CHECK(flags_of(plain_slave(), {.by_xdp = only(3), .unsummed = only(3)}) == (XB_SLOT_BY_XDP | XB_SLOT_UNSUMMED));
    CHECK(flags_of(plain_slave(), {.by_xdp = only(2)}) == 0);
}

TEST_CASE("encode: suppression of everything covers that of multicast and broadcast") {
    DesiredSlave slave = plain_slave();
    slave.suppress = slave.suppress_flood = true;
    CHECK(flags_of(slave) == (XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP));
}

TEST_CASE("encode: a capture on a slave that is not suppressed changes nothing") {
    CHECK(flags_of(plain_slave(), {.captured = only(3)}) == 0);
}

TEST_CASE("encode: what a slave stamps is one flag, and its state is told only if it stamps anything") {
    struct Row {
        Hear hear;
        unsigned active, backup;
    };
    for (const Row &row :
         {Row{Hear::nothing, 0, 0}, Row{Hear::any, XB_SLOT_HEAR_ANY, XB_SLOT_HEAR_ANY | XB_SLOT_BACKUP},
          Row{Hear::arp, XB_SLOT_HEAR_ARP, XB_SLOT_HEAR_ARP | XB_SLOT_BACKUP},
          Row{Hear::valid, XB_SLOT_HEAR_VALID, XB_SLOT_HEAR_VALID | XB_SLOT_BACKUP}}) {
        DesiredSlave slave = plain_slave();
        slave.hear = row.hear;
        CHECK(flags_of(slave) == row.active);
        slave.backup = true;
        CHECK(flags_of(slave) == row.backup);
    }
}

TEST_CASE("encode: slow protocols go to an AF_XDP socket on the slots that have one") {
    const Desired desired = bond_over({0, 1});
    const xb_bank bank = encode(desired, {.slow_to_xsk = only(1)});
    CHECK(bank.slot[0].flags == 0);
    CHECK(bank.slot[1].flags == XB_SLOT_SLOW_TO_XSK);
}

TEST_CASE("encode: facts about a slot without a slave change nothing") {
    const Desired desired = bond_over({0, 1});
    CHECK(same(encode(desired, {.captured = only(2), .slow_to_xsk = only(31)}), encode(desired, {})));
}

TEST_CASE("encode: the flags of one slave add up") {
    DesiredSlave slave = plain_slave();
    slave.mac = mac(2);
    slave.suppress = slave.backup = true;
    slave.hear = Hear::valid;
    CHECK(flags_of(slave, {.slow_to_xsk = only(3)}) == (XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP | XB_SLOT_REWRITE_DST |
                                                        XB_SLOT_SLOW_TO_XSK | XB_SLOT_HEAR_VALID | XB_SLOT_BACKUP));
}

TEST_CASE("encode: full visibility, the lease and broadcast_neighbor are a flag each and nothing else") {
    const Desired plain = bond_over({0, 1});
    xb_bank expected = encode(plain, {});
    CHECK(expected.flags == 0);

    expected.flags = XB_BANK_FULL_VISIBILITY;
    CHECK(same(encode(plain, {.full_visibility = true}), expected));

    Desired leased = plain;
    leased.lease_ms = 1;
    expected.flags = XB_BANK_LEASED;
    CHECK(same(encode(leased, {}), expected));

    Desired neighbours = plain;
    neighbours.broadcast_neighbor = true;
    expected.flags = XB_BANK_BROADCAST_NEIGHBOR;
    CHECK(same(encode(neighbours, {}), expected));

    neighbours.lease_ms = 3000;
    expected.flags |= XB_BANK_FULL_VISIBILITY | XB_BANK_LEASED;
    CHECK(same(encode(neighbours, {.full_visibility = true}), expected));
}

TEST_CASE("encode: where received frames enter the bond is left to the loader") {
    const xb_bank bank = encode(bond_over({0}), {.full_visibility = true});
    CHECK(bank.entry_ifindex == 0);
    CHECK(bank.entry_flags == 0);
}

TEST_CASE("encode: visibility is a fact, not the option") {
    Desired desired = bond_over({0});
    desired.visibility = Visibility::full;
    CHECK(encode(desired, {}).flags == 0);
}

TEST_CASE("encode: while the monitor is off nothing of it is published") {
    Desired desired = monitored();
    desired.monitor.heard_after = Ms(5);
    desired.monitor.targets = addresses(2);
    desired.monitor.on = false;
    const BankFacts facts{.own = {.v4 = addresses(1), .v6 = {}, .any_v4 = true}};
    CHECK(same(encode(desired, facts), encode(bond_over({0}), {})));
}

TEST_CASE("encode: without an active slave receptions on backups never count") {
    xb_bank expected = encode(bond_over({0}), {});
    expected.monitor.heard_after = UINT64_MAX;
    CHECK(same(encode(monitored(), {}), expected));
}

TEST_CASE("encode: times of the monitor are nanoseconds") {
    Desired desired = monitored();
    desired.monitor.heard_after = Ms(1500);
    desired.monitor.probe_from = Time(7);
    desired.monitor.probe_until = Ms(3600'000);
    const xb_monitor monitor = encode(desired, {}).monitor;
    CHECK(monitor.heard_after == 1'500'000'000);
    CHECK(monitor.probe_from == 7);
    CHECK(monitor.probe_until == 3'600'000'000'000);
    desired.monitor.heard_after = Time{};
    CHECK(encode(desired, {}).monitor.heard_after == 0);
}

TEST_CASE("encode: arp_all_targets=all is one byte of the monitor") {
    Desired desired = monitored();
    CHECK(encode(desired, {}).monitor.all_targets == 0);
    desired.monitor.all_targets = true;
    CHECK(encode(desired, {}).monitor.all_targets == 1);
}

TEST_CASE("encode: ARP and NS targets keep their positions and their byte order, each list its own length") {
    Desired desired = monitored();
    desired.monitor.targets = {{10, 1, 2, 3}, {192, 168, 0, 254}};
    desired.monitor.targets6 = {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};
    const xb_monitor monitor = encode(desired, {}).monitor;
    CHECK(monitor.n_targets4 == 2);
    CHECK(monitor.n_targets6 == 1);
    CHECK(monitor.target4[0] == in_network_order({10, 1, 2, 3}));
    CHECK(monitor.target4[1] == in_network_order({192, 168, 0, 254}));
    CHECK(monitor.target4[2] == 0);
    CHECK(std::bit_cast<Ipv6Addr>(monitor.target6[0]) == desired.monitor.targets6[0]);
    CHECK(std::bit_cast<Ipv6Addr>(monitor.target6[1]) == Ipv6Addr{});
}

TEST_CASE("encode: sixteen targets of a family have room, more are left out") {
    Desired desired = monitored();
    desired.monitor.targets = addresses(16);
    desired.monitor.targets6.assign(16, Ipv6Addr{0x20, 1});
    const xb_bank full = encode(desired, {});
    CHECK(full.monitor.n_targets4 == 16);
    CHECK(full.monitor.n_targets6 == 16);
    CHECK(full.monitor.target4[15] == in_network_order({10, 0, 0, 16}));
    CHECK(std::bit_cast<Ipv6Addr>(full.monitor.target6[15]) == Ipv6Addr{0x20, 1});
    desired.monitor.targets = addresses(17);
    desired.monitor.targets6.push_back({0x30});
    CHECK(same(encode(desired, {}), full));
}

TEST_CASE("encode: own IPv4 addresses are listed as long as they fit, and counted all") {
    const auto with_own = [](std::size_t count) {
        return encode(monitored(), {.own = {.v4 = addresses(count), .v6 = {}, .any_v4 = false}}).monitor;
    };
    CHECK(with_own(0).n_own4 == 0);
    CHECK(with_own(1).own4[0] == in_network_order({10, 0, 0, 1}));
    CHECK(with_own(1).own4[1] == 0);
    CHECK(with_own(8).n_own4 == 8);
    CHECK(with_own(8).own4[7] == in_network_order({10, 0, 0, 8}));
    CHECK(with_own(9).n_own4 == 9); // more than there is room for: the programs look in their map
    CHECK(with_own(4096).n_own4 == 4096);
    CHECK(std::memcmp(with_own(9).own4, with_own(8).own4, sizeof(xb_monitor::own4)) == 0);
}

TEST_CASE("encode: a bond without an IPv4 address owns 0.0.0.0") {
    const BankFacts facts{.own = {.v4 = {}, .v6 = {}, .any_v4 = true}};
    CHECK(encode(monitored(), facts).monitor.any_own4 == 1);
    CHECK(encode(monitored(), {}).monitor.any_own4 == 0);
}

TEST_CASE("encode: own IPv6 addresses are no part of a bank") {
    const BankFacts facts{.own = {.v4 = {}, .v6 = {Ipv6Addr{0xfe, 0x80}}, .any_v4 = false}};
    CHECK(same(encode(monitored(), facts), encode(monitored(), {})));
}

TEST_CASE("encode: bridges above the bond are told of while it balances clients") {
    Desired desired = bond_over({0});
    const BankFacts facts{.bridges = {{10, 0, 0, 1}, {10, 0, 0, 2}}};
    CHECK(same(encode(desired, facts), encode(desired, {})));
    desired.balances_clients = true;
    xb_bank expected = encode(desired, {});
    CHECK(expected.n_bridge4 == 0);
    expected.n_bridge4 = 2;
    expected.bridge4[0] = in_network_order({10, 0, 0, 1});
    expected.bridge4[1] = in_network_order({10, 0, 0, 2});
    CHECK(same(encode(desired, facts), expected));
}

TEST_CASE("encode: more bridges than fit are counted, so that all ARP is left alone") {
    Desired desired = bond_over({0});
    desired.balances_clients = true;
    const xb_bank eight = encode(desired, {.bridges = addresses(8)});
    CHECK(eight.n_bridge4 == 8);
    CHECK(eight.bridge4[7] == in_network_order({10, 0, 0, 8}));
    xb_bank expected = eight;
    expected.n_bridge4 = 9;
    CHECK(same(encode(desired, {.bridges = addresses(9)}), expected));
}

TEST_CASE("encode: what concerns programs and devices is no part of a bank") {
    const Desired plain = bond_over({0, 1});
    Desired desired = plain;
    desired.programs = {Mode::balance_xor, HashPolicy::layer34, 7, false};
    desired.carrier = true;
    desired.xdp = XdpPolicy::native;
    desired.visibility = Visibility::full;
    desired.carrier_watch_ms = 50;
    for (DesiredSlave &slave : desired.slaves) {
        slave.ifindex += 1000;
        slave.promisc = true;
        slave.carries_lists = false;
        slave.ns_joins = {mac(9)};
    }
    xb_bank bank = encode(desired, {}), expected = encode(plain, {});
    // But for one word, which other people's programs select by: ours have it as constants.
    CHECK(bank.how ==
          (XB_HOW_TOLD | XB_MODE_XOR << XB_HOW_MODE | XB_POLICY_LAYER34 << XB_HOW_POLICY | 7U << XB_HOW_PER_SLAVE));
    bank.how = expected.how;
    CHECK(same(bank, expected));
}
