// SPDX-License-Identifier: MIT
// Receive load balancing in the core (`balance.clients`): who is given which slave, who is told, and when.
#include <catch2/catch.hpp>

#include "tests/core/lab.h"

using namespace xbond;
using namespace xbond::test;
using namespace std::chrono_literals;

namespace {

using core::balance::Client;
using core::balance::Update;

constexpr Ipv4Addr server{10, 0, 0, 1};

Client client(std::uint8_t number, SlotId slot) {
    return {.assigned = true,
            .server = server,
            .client = {10, 0, 0, number},
            .server_mac = mac(1),
            .client_mac = mac(number),
            .slot = slot};
}

Lab two_slaves() {
    Lab lab(OptionList{{"mode", "balance-alb"}});
    lab.enslave("e0");
    lab.enslave("e1");
    lab.walk(lab.now + 12s);
    lab.forget();
    return lab;
}

std::vector<int> update_times(const Lab &lab, Time since) {
    std::vector<int> times;
    for (const auto &[when, update] : lab.seen<Update>()) {
        times.push_back(static_cast<int>((when - since) / Ms(1)));
    }
    return times;
}

void data_path_tells(Lab &lab) { lab.handle(core::BalanceObserved{lab.table, lab.vlan_ids}); }

} // namespace

TEST_CASE(
    "T10 a client's slave goes down: it is told of the new one, 4 times 21 ticks apart, and the first time at once") {
    Lab lab = two_slaves();
    lab.table.clients[50] = client(50, lab.slot("e1"));
    const Time start = lab.now;
    lab.carrier("e1", false);
    lab.walk(lab.now + 20s);
    const auto updates = lab.seen<Update>();
    REQUIRE(updates.size() == 4);
    for (const auto &[when, update] : updates) {
        CHECK(update.slot == lab.slot("e0"));
        CHECK(update.mac == lab.slave("e0").mac);
        CHECK(update.client.client_mac == mac(50));
    }
    const auto times = update_times(lab, start);
    CHECK(times[0] <= 100); // at the monitor's tick
    for (std::size_t i = 1; i < times.size(); ++i) {
        CHECK(times[i] - times[i - 1] == 2100);
    }
    CHECK(lab.table.clients[50].slot == lab.slot("e0"));
    CHECK_FALSE(lab.table.clients[50].tell);
}

TEST_CASE("T11 a request leaves at tick 0: no update before tick 21") {
    Lab lab = two_slaves();
    lab.table.clients[50] = client(50, lab.slot("e1"));
    lab.table.clients[60] = client(60, lab.slot("e0")); // has the address that the request taught
    lab.table.clients[70] = client(70, lab.slot("e1"));
    lab.table.clients[70].server = {10, 0, 0, 2}; // of another address of ours
    lab.table.clients[80] = {.assigned = true,
                             .server = server,
                             .client = {10, 0, 0, 80},
                             .server_mac = mac(1),
                             .client_mac = {{255, 255, 255, 255, 255, 255}},
                             .slot = lab.slot("e0"),
                             .asked = true};
    const Time start = lab.now;
    data_path_tells(lab);
    lab.walk(lab.now + 10s);
    CHECK(update_times(lab, start) == std::vector<int>{2100});
    CHECK(lab.seen<Update>().front().second.client.client_mac == mac(50));
    CHECK_FALSE(lab.table.clients[80].asked);
}

TEST_CASE("a client that the data path was just given is told once") {
    Lab lab = two_slaves();
    lab.table.clients[50] = client(50, lab.slot("e1"));
    lab.table.clients[50].tell = true;
    data_path_tells(lab);
    CHECK(lab.seen<Update>().size() == 1);
    lab.walk(lab.now + 10s);
    CHECK(lab.seen<Update>().size() == 1);
}

TEST_CASE("a failover of the active slave: everybody is told, for all addresses have moved") {
    Lab lab = two_slaves();
    lab.table.clients[50] = client(50, lab.slot("e0"));
    lab.table.clients[60] = client(60, lab.slot("e1"));
    lab.carrier("e0", false);
    lab.tell();
    const auto updates = lab.seen<Update>();
    REQUIRE(updates.size() == 2);
    for (const auto &[when, update] : updates) {
        CHECK(update.slot == lab.slot("e1"));
        CHECK(update.mac == mac(1)); // the bond's, which e1 has now
    }
}

TEST_CASE("a slave that joins is given clients") {
    Lab lab(OptionList{{"mode", "balance-alb"}});
    lab.enslave("e0");
    lab.walk(lab.now + 12s);
    for (std::uint8_t i = 50; i < 54; ++i) {
        lab.table.clients[i] = client(i, lab.slot("e0"));
    }
    lab.enslave("e1");
    lab.walk(lab.now + 3s);
    int on_e1 = 0;
    for (std::uint8_t i = 50; i < 54; ++i) {
        on_e1 += lab.table.clients[i].slot == lab.slot("e1");
    }
    CHECK(on_e1 == 2);
    CHECK(lab.seen<Update>().size() == 2); // only they are told
}

TEST_CASE("NEXT: only the fastest slaves are used, in turn") {
    Lab lab = two_slaves();
    lab.enslave("e2");
    const auto &slaves = lab.bond.slaves;
    CHECK(core::balance::next_slot(slaves, no_slot) == lab.slot("e0"));
    CHECK(core::balance::next_slot(slaves, lab.slot("e0")) == lab.slot("e1"));
    CHECK(core::balance::next_slot(slaves, lab.slot("e2")) == lab.slot("e0"));
    lab.speed("e1", 100, core::duplex_full);
    lab.tell();
    CHECK(core::balance::next_slot(slaves, lab.slot("e0")) == lab.slot("e2"));
    CHECK(core::balance::next_slot(slaves, lab.slot("e1")) == lab.slot("e2"));
}

TEST_CASE("without any slave clients keep their entry, and are told when one is back") {
    Lab lab = two_slaves();
    lab.table.clients[50] = client(50, lab.slot("e1"));
    lab.carrier("e0", false);
    lab.carrier("e1", false);
    lab.walk(lab.now + 20s);
    CHECK(lab.table.clients[50].slot == no_slot);
    CHECK(lab.table.clients[50].assigned);
    lab.forget();
    lab.carrier("e1", true);
    lab.walk(lab.now + 200ms);
    CHECK(lab.table.clients[50].slot == lab.slot("e1"));
    CHECK(lab.seen<Update>().size() == 1);
}

TEST_CASE("a VLAN goes: its clients are forgotten") {
    Lab lab = two_slaves();
    lab.vlan_ids = {7};
    lab.table.clients[50] = client(50, lab.slot("e1"));
    lab.table.clients[50].vlan_id = 7;
    lab.walk(lab.now + 2s);
    CHECK(lab.table.clients[50].assigned);
    lab.vlan_ids.clear();
    lab.walk(lab.now + 2s);
    CHECK_FALSE(lab.table.clients[50].assigned);
}

TEST_CASE("a client whose place another one took is told of the active slave") {
    Lab lab = two_slaves();
    lab.handle(core::ClientDisplaced{client(50, lab.slot("e1"))});
    REQUIRE(lab.seen<Update>().size() == 1);
    const Update update = lab.seen<Update>().front().second;
    CHECK(update.slot == lab.slot("e0"));
    CHECK(update.mac == mac(1));
}

TEST_CASE("a restart in between: what was not told yet is told") {
    Lab lab = two_slaves();
    lab.table.clients[50] = client(50, lab.slot("e1"));
    lab.table.clients[50].tell = true;
    lab.bond = core::restore(core::save(lab.bond), 1500, lab.now);
    lab.walk(lab.now + 2s);
    CHECK(lab.seen<Update>().size() == 1);
    CHECK(lab.slave("e1").mac == mac(2));
}
