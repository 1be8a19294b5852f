// SPDX-License-Identifier: MIT
// The per-packet carrier check in its three variants, the fallback chain, the latch and the events, and the carrier
// watch: on veth slaves whose carrier really goes.
#include <catch2/catch.hpp>

#include <linux/pkt_cls.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <thread>

#include "tests/bpf/data_path.h"
#include "tests/harness/device.h"
#include "tests/harness/netns.h"
#include "tests/harness/wait.h"

using namespace xbond;
using namespace xbond::harness;
using namespace xbond::test;

namespace {

const Bytes udp = Packet(test_mac(1), test_mac(2)).ipv4("10.0.0.1", "10.0.0.2").udp(1000, 2000).payload(32).build();
const Bytes igmp =
    Packet(MacAddr{{1, 0, 0x5e, 1, 1, 1}}, test_mac(2)).ipv4("10.0.0.1", "224.1.1.1").igmp_report("224.1.1.1").build();

// Three slaves e0..e2; slot i falls back to i + 1, the last to nothing. Slot 0 is chosen.
struct Slaves {
    explicit Slaves(__u32 mode, Carrier carrier = best_carrier()) {
        enter_bond_netns();
        path = std::make_unique<DataPath>(xb_config{.mode = mode, .packets_per_slave = 1}, carrier);
        for (std::uint32_t i = 0; i < 3; i++) {
            add_veth("e" + std::to_string(i));
            path->set_slot(i, "e" + std::to_string(i));
            path->bank().slot[i].fallback = static_cast<__u8>(i < 2 ? i + 1 : XB_NO_SLOT);
        }
        path->bank().n_pick = 1;
        path->bank().pick[0] = 0;
        path->bank().igmp = 0;
    }

    // Slots that one packet was sent on; the verdict fits.
    std::vector<std::uint32_t> send(const Bytes &frame = udp) {
        std::uint64_t before[3];
        for (std::uint32_t i = 0; i < 3; i++) {
            before[i] = path->tx_packets(i);
        }
        const int verdict = path->tx(frame).verdict;
        std::vector<std::uint32_t> slots;
        for (std::uint32_t i = 0; i < 3; i++) {
            if (path->tx_packets(i) != before[i]) {
                slots.push_back(i);
            }
        }
        CHECK(verdict == (slots.empty() ? TC_ACT_SHOT : TC_ACT_REDIRECT));
        return slots;
    }

    std::unique_ptr<DataPath> path;
};

using Slots = std::vector<std::uint32_t>;

bool skipped(Carrier carrier, const char *name) {
    if (carrier_available(carrier)) {
        return false;
    }
    std::cout << "SKIPPED: this kernel cannot read carrier by " << name << "\n";
    return true;
}

void check_variant(Carrier carrier) {
    Slaves s(XB_MODE_XOR, carrier);
    CHECK(s.send() == Slots{0});
    set_carrier("e0", false);
    CHECK(s.send() == Slots{1});
    set_carrier("e0", true);
    CHECK(s.send() == Slots{1}); // until the controller takes it back
    s.path->table().slot[0].latched = 0;
    CHECK(s.send() == Slots{0});
    ip("link set e0 down"); // administratively down is not running either
    CHECK(s.send() == Slots{1});
    ip("link set e0 up");
    s.path->table().slot[0].latched = 0;
    CHECK(s.send() == Slots{0});
    CHECK(s.path->counters(1).failover_tx == 3);
    s.path->table().slot[0].ifindex += 100; // the pointer is another device's
    CHECK(s.send() == Slots{1});
    s.path->table().slot[0].dev = 0; // not learned: counts as on
    s.path->table().slot[0].latched = 0;
    CHECK(s.send() == Slots{0});
}

} // namespace

TEST_CASE("3 carrier check by kfunc") {
    if (!skipped(Carrier::kfunc, "kfunc")) {
        check_variant(Carrier::kfunc);
    }
}

TEST_CASE("3 carrier check by probe_read") {
    if (!skipped(Carrier::probe, "bpf_probe_read_kernel")) {
        check_variant(Carrier::probe);
    }
}

TEST_CASE("3 without the carrier check the controller's word counts") {
    Slaves s(XB_MODE_XOR, Carrier::none);
    set_carrier("e0", false);
    CHECK(s.send() == Slots{0});
    CHECK(s.path->events().empty());
}

TEST_CASE("3 the fallback chain is walked to the first carrier and ends in a drop") {
    for (const __u32 mode : {XB_MODE_ROUNDROBIN, XB_MODE_XOR}) {
        Slaves s(mode);
        set_carrier("e0", false);
        set_carrier("e1", false);
        CHECK(s.send() == Slots{2});
        CHECK(s.path->counters(2).failover_tx == 1);
        CHECK(s.path->counters(1).failover_tx == 0);
        set_carrier("e2", false);
        CHECK(s.send().empty());
        CHECK(s.path->counters(XB_STATS_BOND).tx_dropped == 1);
        s.path->bank().slot[2].fallback = 0; // a loop: ends all the same
        CHECK(s.send().empty());
    }
}

TEST_CASE("3 a slot that had lost its carrier and has it again is used where no other one can send, and nowhere else") {
    for (const __u32 mode : {XB_MODE_ROUNDROBIN, XB_MODE_XOR, XB_MODE_ACTIVEBACKUP}) {
        Slaves s(mode);
        for (const char *slave : {"e0", "e1"}) {
            set_carrier(slave, false);
        }
        CHECK(s.send() == Slots{2});
        for (const char *slave : {"e0", "e1"}) {
            set_carrier(slave, true);
        }
        CHECK(s.send() == Slots{2}); // the one that was never lost
        set_carrier("e2", false);
        const auto before = s.path->counters(0).failover_tx;
        CHECK(s.send() == Slots{0});
        CHECK(s.path->counters(0).failover_tx == before);
        set_carrier("e0", false);
        CHECK(s.send() == Slots{1});
        for (const char *slave : {"e0", "e2"}) {
            set_carrier(slave, true);
        }
    }
}

TEST_CASE("A10 M22 active-backup without a fallback stays on the active slave, whatever its carrier") {
    Slaves s(XB_MODE_ACTIVEBACKUP);
    s.path->bank().slot[0].fallback = XB_NO_SLOT;
    set_carrier("e0", false);
    CHECK(s.send() == Slots{0});
    CHECK(s.path->counters(0).failover_tx == 0);
    CHECK(s.path->counters(XB_STATS_BOND).tx_dropped == 0);
    s.path->bank().slot[0].fallback = 1;
    CHECK(s.send() == Slots{1});
    CHECK(s.path->counters(1).failover_tx == 1);
    set_carrier("e1", false);
    set_carrier("e2", false);
    CHECK(s.send() == Slots{0});
}

TEST_CASE("A6 IGMP in balance-rr takes the fallback too, and insists on its slave without one") {
    Slaves s(XB_MODE_ROUNDROBIN);
    set_carrier("e0", false);
    CHECK(s.send(igmp) == Slots{1});
    s.path->bank().slot[0].fallback = XB_NO_SLOT;
    CHECK(s.send(igmp) == Slots{0});
}

TEST_CASE("A19 a queue mapping is not honoured while its slave has no carrier") {
    Slaves s(XB_MODE_ACTIVEBACKUP);
    s.path->bank().slot[1].queue_id = 2;
    CHECK(s.path->select(udp, 0, 2).override == 1);
    set_carrier("e1", false);
    CHECK(s.path->select(udp, 0, 2).override == XB_NO_SLOT);
}

TEST_CASE("3 the first packet without carrier wakes the controller, once until the latch is cleared") {
    Slaves s(XB_MODE_XOR);
    CHECK(s.path->events().empty());
    set_carrier("e0", false);
    for (int i = 0; i < 5; i++) {
        s.send();
    }
    auto events = s.path->events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].type == XB_EVENT_TX_NO_CARRIER);
    CHECK(events[0].slot == 0);
    CHECK(events[0].ifindex == ifindex("e0"));
    CHECK(events[0].carrier == 0);
    CHECK(events[0].ktime_ns > 0);
    CHECK(s.path->table().slot[0].latched == 1);
    s.path->table().slot[0].latched = 0;
    s.send();
    s.send();
    CHECK(s.path->events().size() == 1);
}

TEST_CASE("3 every slave without carrier on the chain is told of, in broadcast as well") {
    Slaves chain(XB_MODE_XOR);
    set_carrier("e0", false);
    set_carrier("e1", false);
    chain.send();
    CHECK(chain.path->events().size() == 2);

    Slaves broadcast(XB_MODE_BROADCAST);
    broadcast.path->bank().n_pick = 3;
    for (std::uint8_t i = 0; i < 3; i++) {
        broadcast.path->bank().pick[i] = i;
    }
    set_carrier("e1", false);
    const xb_probe probe = broadcast.path->select(udp);
    CHECK(Slots(probe.slots, probe.slots + probe.n_slots) == Slots{0, 2});
    CHECK(broadcast.path->events().size() == 1);
    CHECK(broadcast.path->counters(0).failover_tx == 0);
}

TEST_CASE("3 the carrier watch reports each change of each slave, without traffic") {
    for (const Carrier carrier : {Carrier::kfunc, Carrier::probe}) {
        if (skipped(carrier, carrier == Carrier::kfunc ? "kfunc" : "bpf_probe_read_kernel")) {
            continue;
        }
        Slaves s(XB_MODE_ACTIVEBACKUP, carrier);
        std::vector<xb_event> seen;
        const auto next = [&](std::size_t count) {
            seen.clear();
            return wait_until([&] {
                for (const xb_event &event : s.path->events()) {
                    seen.push_back(event);
                }
                return seen.size() >= count;
            });
        };
        s.path->arm_watch(1'000);
        REQUIRE(next(3)); // what is on from the start
        for (const xb_event &event : seen) {
            CHECK(event.carrier == 1);
        }
        set_carrier("e1", false);
        REQUIRE(next(1));
        CHECK(seen.size() == 1);
        CHECK(seen[0].type == XB_EVENT_CARRIER);
        CHECK(seen[0].slot == 1);
        CHECK(seen[0].ifindex == ifindex("e1"));
        CHECK(seen[0].carrier == 0);
        set_carrier("e1", true);
        REQUIRE(next(1));
        CHECK(seen[0].carrier == 1);
    }
}

TEST_CASE("3 arming the watch again is harmless, interval 0 stops it") {
    if (best_carrier() == Carrier::none) {
        std::cout << "SKIPPED: this kernel cannot read carrier\n";
        return;
    }
    Slaves s(XB_MODE_ACTIVEBACKUP);
    for (int i = 0; i < 1000; i++) {
        s.path->arm_watch(500);
    }
    const auto before = s.path->watch().runs;
    CHECK(wait_until([&] { return s.path->watch().runs >= before + 5; }));
    s.path->arm_watch(0);
    const auto stopped = s.path->watch().runs;
    // A timer that still ran would move on while this many reads pass.
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
    while (std::chrono::steady_clock::now() < until) {
        CHECK(s.path->watch().runs == stopped);
    }
    s.path->arm_watch(500);
    CHECK(wait_until([&] { return s.path->watch().runs > stopped; }));
}

TEST_CASE("3 the watch sees a slave go away") {
    if (best_carrier() == Carrier::none) {
        std::cout << "SKIPPED: this kernel cannot read carrier\n";
        return;
    }
    Slaves s(XB_MODE_ACTIVEBACKUP);
    s.path->arm_watch(1'000);
    std::vector<xb_event> seen;
    const auto collect = [&] {
        for (const xb_event &event : s.path->events()) {
            seen.push_back(event);
        }
        return !seen.empty() && seen.back().slot == 2 && seen.back().carrier == 0;
    };
    REQUIRE(wait_until([&] { return !collect() && seen.size() == 3; }));
    ip("link del e2");
    CHECK(wait_until(collect));
}

TEST_CASE("3 the watch ends by itself when none of its devices lives, and what has gone carries nothing any more") {
    for (const Carrier carrier : {Carrier::kfunc, Carrier::probe}) {
        if (skipped(carrier, carrier == Carrier::kfunc ? "kfunc" : "bpf_probe_read_kernel")) {
            continue;
        }
        Slaves s(XB_MODE_ACTIVEBACKUP, carrier);
        s.path->arm_watch(1'000);
        const auto is_void = [&](int slot) { return s.path->table().slot[slot].ifindex == 0x7fffffff; };
        ip("link del e0");
        CHECK(wait_until([&] { return is_void(0); }));
        CHECK_FALSE(is_void(1));
        const auto runs = s.path->watch().runs;
        CHECK(wait_until([&] { return s.path->watch().runs > runs + 5; })); // for the others
        ip("link del e1");
        ip("link del e2");
        CHECK(wait_until([&] { return is_void(1) && is_void(2); }));
        const auto stopped = s.path->watch().runs;
        CHECK(holds_for([&] { return s.path->watch().runs == stopped; }, std::chrono::milliseconds(200)));
    }
}

TEST_CASE("3 a slave that was moved into another network namespace carries nothing any more, even under its number") {
    if (best_carrier() == Carrier::none) {
        std::cout << "SKIPPED: this kernel cannot read carrier\n";
        return;
    }
    Slaves s(XB_MODE_XOR);
    s.path->arm_watch(1'000);
    const NetNs other;
    const auto number = ifindex("e0");
    ip("link set e0 netns " + other.path());
    other.set_up("e0", true);
    REQUIRE(other.ifindex("e0") == number);
    CHECK(wait_until([&] { return s.path->table().slot[0].ifindex == 0x7fffffff; }));
    CHECK(s.send() == Slots{1});
}
