// SPDX-License-Identifier: MIT
// The rows of what is saved: none is missing, none is written twice, each carries its member's value.
#include <catch2/catch.hpp>
#include <set>

#include "tests/daemon/saved/saved_example.h"
#include "user/daemon/saved/bond_rows.h"
#include "user/daemon/saved/lacp_rows.h"

using namespace xbond;
namespace saved = daemon::saved;

namespace {

struct Pair {
    int first = 1;
    int second = 2;
};
struct Various {
    Pair pair;
    std::optional<Time> time, other;
    std::array<Time, 3> times{};
    std::vector<Pair> list;
    std::string text;
    MacAddr mac;
    lacp::RxState state = lacp::RxState::current;
};
static_assert(saved::member_count<Pair>() == 2);
static_assert(saved::member_count<Various>() == 8); // a row left out of those of such a struct does not compile

struct Walk { // over the rows of one struct
    std::set<std::string> keys = {};
    std::set<const void *> members = {};

    template <typename Struct, typename Member, typename Form>
    void row(const saved::Field<Struct, Member, Form> &field, const Struct &example) {
        INFO(field.key);
        CHECK(keys.insert(field.key).second);
        CHECK(members.insert(&(example.*field.member)).second);
        CHECK_FALSE(example.*field.member == Struct{}.*field.member);
        auto j = saved::write(example);
        if constexpr (!saved::as_list<Struct>) {
            j.erase(field.key);
            CHECK_THROWS_WITH(saved::read<Struct>(j), std::string(field.key) + ": missing");
        }
    }
    template <typename Struct, typename Member>
    void row(const saved::Spread<Struct, Member> &field, const Struct &example) {
        std::apply([&](const auto &...inner) { (row(inner, example.*field.member), ...); }, saved::rows<Member>);
    }
    template <typename Struct, typename Member>
    void row(const saved::Unsaved<Struct, Member> &field, const Struct &example) {
        CHECK(members.insert(&(example.*field.member)).second);
    }
};

template <typename Struct> void check_rows(const char *name, const Struct &example) {
    INFO(name);
    Walk walk;
    std::apply([&](const auto &...row) { (walk.row(row, example), ...); }, saved::rows<Struct>);
    CHECK(saved::read<Struct>(saved::write(example)) == example);
}

} // namespace

TEST_CASE("every member of what is saved has a row of its own, and comes back with another value than its default") {
    const auto state = test::saved_example("boot");
    const auto &bond = state.bonds.at(0);
    check_rows("SavedState", state);
    check_rows("SavedController", bond);
    check_rows("SavedBond", bond.core);
    check_rows("Slave", bond.core.slaves.at(0));
    check_rows("SlaveOriginal", bond.originals.at(0));

    const auto lacp = test::lacp_example();
    check_rows("SystemState", lacp);
    check_rows("Aggregator", lacp.aggregators.at(0));
    check_rows("Port", lacp.ports.at(0));
    check_rows("PortLink", lacp.ports.at(0).link);
    check_rows("PortInfo", lacp.ports.at(0).actor);
}

TEST_CASE("every counter of LACP comes back with another value than its default") {
    const auto counters = test::lacp_example().ports.at(0).counters;
    std::set<std::uint64_t> values;
    for (const auto &[name, member] : lacp::counter_table) {
        INFO(name);
        CHECK(counters.*member != 0);
        CHECK(values.insert(counters.*member).second);
    }
    CHECK(saved::read<lacp::Counters>(saved::write(counters)) == counters);
}

TEST_CASE("a saved value that does not fit its member is refused with the keys that lead to it") {
    const auto refused = [](const char *pointer, const saved::json &value, const char *message) {
        auto j = saved::write(test::lacp_example());
        j[saved::json::json_pointer(pointer)] = value;
        CHECK_THROWS_WITH(saved::read<lacp::SystemState>(j), message);
    };
    refused("/active", -1, "active: not a number in range: -1");
    refused("/active", 4294967296, "active: not a number in range: 4294967296");
    refused("/active", 1.5, "active: not a number in range: 1.5");
    refused("/active", true, "active: not a number in range: true");
    refused("/ports", 3, "ports: not a list: 3");
    refused("/ports/0", 3, "ports: not an object: 3");
    refused("/ports/0/slot", 255, "ports: slot: not a slot: 255");
    refused("/ports/0/rx", 6, "ports: rx: not a number in range: 6");
    refused("/ports/0/loop", 1, "ports: loop: not true or false: 1");
    refused("/ports/0/tx_gate", "soon", "ports: tx_gate: not a number in range: \"soon\"");
    refused("/ports/0/actor/5", 256, "ports: actor: state: not a number in range: 256");
    refused("/ports/0/actor/6", 0, "ports: actor: not a list of 6 values: an array");
    refused("/ports/0/mac", saved::json::array({1, 2}), "ports: mac: not a list of 6 values: an array");

    auto j = saved::write(test::saved_example("boot"));
    j["bonds"][0]["slaves"][0]["mac"] = "02:00";
    CHECK_THROWS_WITH(saved::read<daemon::SavedState>(j), "bonds: slaves: mac: not a MAC address: \"02:00\"");
}
