// SPDX-License-Identifier: MIT
// The data path stands in for a controller that is away: what it answers to, with what, how often and for how long.
#include <catch2/catch.hpp>

#include <ctime>
#include <linux/pkt_cls.h>
#include <utility>

#include "tests/bpf/data_path.h"
#include "tests/harness/device.h"
#include "tests/harness/packet_socket.h"
#include "user/core/lacp/pdu.h"

using namespace xbond;
using namespace xbond::harness;
using namespace xbond::test;

namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint8_t steady = 0x3f; // active, short timeout, aggregatable, in sync, collecting, distributing

std::uint64_t now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * second + static_cast<std::uint64_t>(time.tv_nsec);
}

lacp::Lacpdu of_partner() {
    lacp::Lacpdu pdu;
    pdu.actor = {
        .system_priority = 127, .system = test_mac(9), .key = 7, .port_priority = 1, .port = 3, .state = steady};
    pdu.partner = {
        .system_priority = 65535, .system = test_mac(1), .key = 15, .port_priority = 255, .port = 1, .state = steady};
    return pdu;
}

Bytes frame(const lacp::Lacpdu &pdu, const MacAddr &source) {
    const auto made = lacp::encode(pdu, source);
    return {made.begin(), made.end()};
}

// A bond of mode 802.3ad with one slave, whose controller should have sent an LACPDU half a second ago.
struct Silent {
    Silent() {
        enter_bond_netns();
        add_veth("e0");
        path = std::make_unique<DataPath>(
            xb_config{.bond_ifindex = ifindex("bond0"), .peer_ifindex = ifindex("bond0p"), .mode = XB_MODE_8023AD});
        e0.ifindex = path->set_slot(0, "e0");
        std::ranges::copy(mac_of("e0").bytes, path->bank().slot[0].mac);
        path->table().lease_until = now() - second / 2;
    }
    // How often this is answered, with what the controller would have said.
    int answers(const lacp::Lacpdu &heard) {
        const PacketSocket wire("e0_p");
        auto answer = heard;
        std::swap(answer.actor, answer.partner);
        const Bytes in = frame(heard, test_mac(9));
        const Run run = path->rx(in, e0);
        CHECK(run.verdict == TC_ACT_UNSPEC);
        CHECK(run.frame == in); // who listens on the slave gets it as it came
        return wire.count(frame(answer, mac_of("e0")), 0);
    }

    std::unique_ptr<DataPath> path;
    RunContext e0;
};

} // namespace

TEST_CASE("stand-in: a partner of which all is as it was hears what the controller would have said, twice a second") {
    Silent bond;
    CHECK(bond.answers(of_partner()) == 1);
    CHECK(bond.path->counters(0).rx_link_local == 1);
    CHECK(bond.answers(of_partner()) == 0);
    CHECK(bond.path->stamps().slot[0].stood_in_ms != 0);
    bond.path->stamps().slot[0].stood_in_ms -= 500;
    CHECK(bond.answers(of_partner()) == 1);
}

TEST_CASE("stand-in: only for a controller that is late, for three seconds, and not where a lease says what then") {
    Silent bond;
    for (const std::uint64_t due : {std::uint64_t{0}, now() + second, now() - 4 * second}) {
        bond.path->table().lease_until = due;
        CHECK(bond.answers(of_partner()) == 0);
    }
    bond.path->table().lease_until = now() - 2 * second;
    bond.path->bank().flags |= XB_BANK_LEASED;
    CHECK(bond.answers(of_partner()) == 0);
    bond.path->bank().flags = 0;
    CHECK(bond.answers(of_partner()) == 1);
}

TEST_CASE("stand-in: a partner that says anything new is left to the controller") {
    Silent bond;
    const auto refused = [&](auto change) {
        auto pdu = of_partner();
        change(pdu);
        CHECK(bond.answers(pdu) == 0);
    };
    refused([](auto &pdu) { pdu.actor.set(lacp::flag::timeout, false); }); // it waits for 90 s
    for (const auto bit : {lacp::flag::synchronization, lacp::flag::collecting, lacp::flag::distributing}) {
        refused([&](auto &pdu) { pdu.actor.set(bit, false); });
        refused([&](auto &pdu) { pdu.partner.set(bit, false); });
    }
    for (const auto bit : {lacp::flag::defaulted, lacp::flag::expired}) {
        refused([&](auto &pdu) { pdu.actor.set(bit, true); });
        refused([&](auto &pdu) { pdu.partner.set(bit, true); });
    }
    refused([](auto &pdu) { pdu.partner.system = pdu.actor.system; }); // a loop
    const PacketSocket wire("e0_p");
    Bytes marker = frame(of_partner(), test_mac(9));
    marker.at(14) = 2;
    CHECK(bond.path->rx(marker, bond.e0).verdict == TC_ACT_UNSPEC);
    Bytes cut = frame(of_partner(), test_mac(9));
    cut.resize(100);
    CHECK(bond.path->rx(cut, bond.e0).verdict == TC_ACT_UNSPEC);
    CHECK(bond.path->stamps().slot[0].stood_in_ms == 0);
}
