// SPDX-License-Identifier: MIT
// What the ARP/NS monitor reads from and tells the data path: stamps and own addresses.
#include <catch2/catch.hpp>

#include <bpf/bpf.h>
#include <net/if.h>
#include <set>

#include "loader/pins.h"
#include "tests/harness/packet.h"
#include "tests/harness/wait.h"
#include "tests/loader/lab.h"
#include "user/sys/event_loop.h"
#include "user/sys/packet_socket.h"

using namespace xbond;
using namespace xbond::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t target = 0xfe00000a, other_target = 0xfd00000a, own = 0x0100000a; // 10.0.0.x, network order

loader::Bank watching(std::uint32_t first, std::uint32_t second = 0) {
    loader::Bank bank = bank_on(0);
    bank.slot[0].flags = XB_SLOT_HEAR_VALID;
    bank.active = 0;
    bank.monitor.target4[0] = first;
    bank.monitor.target4[1] = second;
    bank.monitor.n_targets4 = second != 0 ? 2 : 1;
    bank.monitor.own4[0] = own;
    bank.monitor.n_own4 = 1;
    return bank;
}

void answer_from(const char *ip) {
    const auto frame =
        Packet(mac_broadcast, test_mac(9)).arp_reply(test_mac(9), ip, test_mac(1), "10.0.0.1").payload(18).build();
    REQUIRE(need(sys::PacketSocket::open()).send(if_nametoindex("s0p"), frame));
}

std::set<Ipv4Addr> keys_of(const std::filesystem::path &pin) {
    const Fd map = need(loader::open_pin(pin));
    std::set<Ipv4Addr> keys;
    Ipv4Addr key{}, next{};
    for (const void *previous = nullptr; bpf_map_get_next_key(map.get(), previous, next.data()) == 0;
         previous = key.data()) {
        key = next;
        keys.insert(key);
    }
    return keys;
}

} // namespace

TEST_CASE("4.1 an answer stamps its slave and target; another target in its place has not been heard") {
    const Lab lab;
    auto path = make_path(lab, features());
    path.publish(watching(target, other_target));
    CHECK(path.stamps(0).last_rx == Time{});
    const Time before = sys::now();
    answer_from("10.0.0.254");
    REQUIRE(harness::wait_until([&] { return path.stamps(0).target_rx[0] != Time{}; }));
    const auto heard = path.stamps(0);
    CHECK(heard.target_rx[0] >= before);
    CHECK(heard.target_rx[0] <= sys::now());
    CHECK(heard.last_rx == heard.target_rx[0]);
    CHECK(heard.target_rx[1] == Time{});
    CHECK(path.stamps(1).last_rx == Time{});

    auto adopted = need(loader::DataPath::adopt(lab.config(), features()));
    CHECK(adopted.stamps(0).target_rx[0] == heard.target_rx[0]);

    path.publish(watching(other_target));
    CHECK(path.stamps(0).target_rx[0] == Time{});
    CHECK(path.stamps(0).last_rx == heard.last_rx);
}

TEST_CASE("4.1 a slot given to another device has heard nothing") {
    const Lab lab;
    auto path = make_path(lab, features());
    path.publish(watching(target));
    answer_from("10.0.0.254");
    REQUIRE(harness::wait_until([&] { return path.stamps(0).last_rx != Time{}; }));
    path.publish(empty_bank());
    path.detach_slave(0, if_nametoindex("s0"));
    path.clear_slot(0);
    need(path.set_slot(0, if_nametoindex("s0p")));
    CHECK(path.stamps(0).last_rx == Time{});
    CHECK(path.stamps(0).target_rx[0] == Time{});
}

TEST_CASE("4.4 own addresses: the data path knows those it was told last, whatever it knew before") {
    const Lab lab;
    auto path = make_path(lab, features());
    const auto known = [&] { return keys_of(lab.config().pin_dir / XB_MAP_OWN4); };
    const Ipv4Addr a{10, 0, 0, 1}, b{10, 0, 0, 2}, c{10, 0, 0, 3};
    need(path.set_own_addresses(std::vector{a, b}, {}));
    CHECK(known() == std::set{a, b});
    need(path.set_own_addresses(std::vector{b, c, c}, {}));
    CHECK(known() == std::set{b, c});
    auto adopted = need(loader::DataPath::adopt(lab.config(), features()));
    need(adopted.set_own_addresses({}, {}));
    CHECK(known().empty());
}

TEST_CASE("4.4 own addresses: as many as there is room for are told, also when all of them are others than before") {
    const Lab lab;
    auto path = make_path(lab, features());
    const auto known = [&] { return keys_of(lab.config().pin_dir / XB_MAP_OWN4); };
    const auto addresses = [](std::uint8_t first, std::size_t count) {
        std::vector<Ipv4Addr> made;
        for (std::size_t i = 0; i < count; ++i) {
            made.push_back({first, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)});
        }
        return made;
    };
    need(path.set_own_addresses(addresses(10, XB_OWN_ENTRIES), {}));
    need(path.set_own_addresses(addresses(11, XB_OWN_ENTRIES), {})); // nobody else's room
    CHECK(known().size() == XB_OWN_ENTRIES);
    CHECK(known().begin()->at(0) == 11);
    const std::vector<Ipv6Addr> v6(1, Ipv6Addr{0xfe, 0x80});
    const auto done = path.set_own_addresses(addresses(12, XB_OWN_ENTRIES + 100), v6);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == E2BIG);
    CHECK(known().size() == XB_OWN_ENTRIES);
    CHECK(known().begin()->at(0) == 12);
    const Fd map6 = need(loader::open_pin(lab.config().pin_dir / XB_MAP_OWN6));
    std::uint8_t one = 0;
    CHECK(bpf_map_lookup_elem(map6.get(), v6.front().data(), &one) == 0);
}
