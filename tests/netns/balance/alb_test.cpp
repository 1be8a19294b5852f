// SPDX-License-Identifier: MIT
// Modes balance-tlb and balance-alb from outside (T1-T15).
#include <catch2/catch.hpp>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"
#include "tests/netns/station.h"

using namespace xbond::harness;
using xbond::MacAddr;
using xbond::test::mac_broadcast;
using Kind = Switch::Kind;
using nlohmann::json;

namespace {

MacAddr mac_at(const Frame &frame, std::size_t offset) {
    MacAddr mac;
    std::copy_n(frame.bytes.begin() + static_cast<std::ptrdiff_t>(offset), mac.bytes.size(), mac.bytes.begin());
    return mac;
}

MacAddr source_of(const Frame &frame) { return mac_at(frame, 6); }

bool is_learning(const Frame &frame) {
    return frame.bytes.size() >= 14 && frame.bytes[12] == 0x90 && frame.bytes[13] == 0;
}

json balance_of(const Lab &lab) { return lab.cli().json("status bond0").at("bonds").at(0).at("balance"); }

constexpr const char *bond_ip = "10.99.0.1";

// Each source address moves at most once from wire to wire: returns the first that came back.
std::string flapping(const Wires &wires, int slaves) {
    std::map<std::string, std::map<std::chrono::nanoseconds, int>> seen;
    for (int wire = 0; wire < slaves; ++wire) {
        for (const Frame &frame : wires.wire(wire).frames()) {
            seen[source_of(frame).str()][frame.time] = wire;
        }
    }
    for (const auto &[mac, times] : seen) {
        int moves = 0, last = times.begin()->second;
        std::string path = mac + ": " + std::to_string(last);
        for (const auto &[time, wire] : times) {
            if (wire != last) {
                ++moves;
                last = wire;
                path += " " + std::to_string(wire);
            }
        }
        if (moves > 1) {
            return path;
        }
    }
    return {};
}

} // namespace

TEST_CASE("T5 mode 5: frames on a slave carry its own address, on the active one the bond's") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-tlb xmit_hash_policy layer3+4");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0\nneigh add 10.99.0.2 lladdr " + station_mac.str() +
                " dev bond0 nud permanent");
    const Wires wires(lab, 2);
    const auto before = lab.status();
    CHECK(before.slave("e1").mac != before.mac);
    CHECK(before.slave("e0").mac == before.mac);
    lab.cli().ok("link set bond0 type bond active_slave e1"); // buckets are placed anew: on e0, which is the first
    const Injector bond(lab.ns(), "bond0");
    for (std::uint64_t i = 0; i < 20; ++i) {
        bond.send(udp_frame(i, {.to = station_mac, .from = before.mac}));
    }
    bond.send(arp_request_frame(before.mac, bond_ip, "10.99.0.77")); // not balanced: on the active slave
    REQUIRE(wires.wait_total(numbered_udp(), 20));
    const auto after = lab.status();
    CHECK(after.mac == before.mac);
    CHECK(after.slave("e1").mac == before.mac);
    CHECK(after.slave("e0").mac == before.slave("e1").mac);
    for (const Frame &frame : wires.wire(0).frames(numbered_udp())) {
        CHECK(source_of(frame) == after.slave("e0").mac);
    }
    CHECK(wires.wire(1).wait_count([](const Frame &f) { return as_arp(f).has_value(); }, 1));
    CHECK(wires.count(0, [](const Frame &f) { return as_arp(f).has_value(); }) == 0);
    for (const Frame &frame : wires.wire(1).frames([](const Frame &f) { return as_arp(f).has_value(); })) {
        CHECK(source_of(frame) == after.mac);
    }
}

TEST_CASE("T7 T8 mode 6: each slave has its address, the active one the bond's; failover swaps them") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-alb");
    const auto before = lab.status();
    CHECK(before.slave("e0").mac == before.mac);
    CHECK(before.slave("e1").mac == before.slave("e1").perm_mac);
    CHECK(lab.ns().mac("e0") == before.mac);
    CHECK(lab.ns().mac("e1") == before.slave("e1").mac);
    lab.host().cut(0);
    REQUIRE(lab.wait_active("e1"));
    REQUIRE(wait_until([&] { return lab.ns().mac("e1") == before.mac; }));
    CHECK(wait_until([&] { return lab.ns().mac("e0") == before.slave("e1").mac; }));
    CHECK(lab.ns().mac("bond0") == before.mac);
}

TEST_CASE("T13 lp_interval 1: each slave shows its own address once a second") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-alb lp_interval 1");
    const Wires wires(lab, 2);
    const auto status = lab.status();
    for (int wire = 0; wire < 2; ++wire) {
        REQUIRE(wires.wire(wire).wait_count(is_learning, 3));
        const MacAddr own = status.slave("e" + std::to_string(wire)).mac;
        const auto frames = wires.wire(wire).frames(is_learning);
        for (const Frame &frame : frames) {
            CHECK(source_of(frame) == own);
            CHECK(mac_at(frame, 0) == own);
            CHECK(frame.bytes.size() == 60);
        }
        const auto apart = frames[2].time - frames[1].time;
        CHECK(apart > 800ms);
        CHECK(apart < 1200ms);
    }
}

TEST_CASE("T14 mode 6: unicast to a slave's own address comes to the bond, broadcast only on the active one") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode balance-alb");
    const auto status = lab.status();
    const Sniffer bond(lab.ns(), "bond0");
    const Injector other(lab.switch_ns(), "s1"), active(lab.switch_ns(), "s0");
    const Bytes flood = udp_frame(1, {.to = mac_broadcast, .from = station_mac});
    other.send(flood);
    other.send(udp_frame(2, {.to = status.slave("e1").mac, .from = station_mac}));
    const auto second = [](const Frame &f) { return number_of(f) == 2; };
    REQUIRE(bond.wait_count(second, 1));
    CHECK(mac_at(bond.frames(second).at(0), 0) == status.mac);
    CHECK(bond.count(same_as(flood)) == 0);
    active.send(flood);
    CHECK(bond.wait_count(same_as(flood), 1));
}

TEST_CASE("ALB: neighbours use different slaves; one dies, they are told at once; no address flaps") {
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode balance-alb miimon 100");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    std::vector<std::unique_ptr<Station>> stations;
    for (int n = 11; n < 15; ++n) {
        stations.push_back(std::make_unique<Station>(lab.network(), n));
    }
    const Wires wires(lab, 2);
    for (const auto &station : stations) {
        REQUIRE(station->pings(bond_ip));
    }
    const auto caches = [&](const std::string &mac) {
        return std::count_if(stations.begin(), stations.end(),
                             [&](const auto &station) { return station->neighbour(bond_ip) == mac; });
    };
    const auto before = lab.status();
    const std::string first = before.slave("e0").mac.str(), second = before.slave("e1").mac.str();
    INFO(balance_of(lab).dump(1));
    REQUIRE(wait_until([&] { return caches(first) == 2 && caches(second) == 2; }));
    CHECK(balance_of(lab).at("clients").size() >= 4);
    // Linux keeps what it has just learned for a second (locktime), whoever says otherwise.
    CHECK(holds_for([&] { return caches(first) == 2; }, 1500ms, 100ms));
    for (const auto &station : stations) {
        CHECK(station->pings(bond_ip));
    }
    const auto spread = lab.status();
    CHECK(spread.slave("e0").rx_packets > before.slave("e0").rx_packets);
    CHECK(spread.slave("e1").rx_packets > before.slave("e1").rx_packets);
    CHECK(flapping(wires, 2).empty());

    SECTION("the slave that is not active dies") {
        lab.host().cut(1);
        CHECK(wait_until([&] { return caches(first) == 4; }, 300ms, 1ms));
        for (const auto &station : stations) {
            CHECK(station->pings(bond_ip));
        }
        CHECK(flapping(wires, 2).empty());
        lab.host().join(1);
        REQUIRE(lab.wait_link("e1", "up"));
        CHECK(wait_until([&] { return caches(second) == 2; }, 8s)); // clients are spread anew
        for (const auto &station : stations) {
            CHECK(station->pings(bond_ip));
        }
    }
    SECTION("the active slave dies") {
        lab.host().cut(0);
        CHECK(wait_until([&] { return caches(first) == 4; }, 300ms, 1ms)); // the bond's address, on e1 now
        CHECK(lab.wait_active("e1"));
        for (const auto &station : stations) {
            CHECK(station->pings(bond_ip));
        }
        CHECK(flapping(wires, 2).empty());
    }
    SECTION("a slave is released and enslaved again") {
        lab.cli().ok("link set e1 nomaster");
        CHECK(wait_until([&] { return caches(first) == 4; }, 300ms, 1ms));
        for (const auto &station : stations) {
            CHECK(station->pings(bond_ip));
        }
        lab.enslave(1);
        REQUIRE(lab.wait_link("e1", "up"));
        CHECK(wait_until([&] { return caches(second) == 2; }, 8s));
        CHECK(flapping(wires, 2).empty());
    }
    SECTION("the daemon is killed and comes back: nothing is lost") {
        const auto known = balance_of(lab).at("clients");
        lab.daemon().kill9();
        for (const auto &station : stations) {
            CHECK(station->pings(bond_ip));
        }
        lab.daemon().start();
        CHECK(balance_of(lab).at("clients").size() == known.size());
        CHECK(caches(first) == 2);
        CHECK(flapping(wires, 2).empty());
    }
}
