// SPDX-License-Identifier: MIT
// The counters of the data path, from the sum over the processors to every output: none is lost on the way.
#include <catch2/catch.hpp>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/show/view_builder.h"
#include "user/show/render.h"
#include "xbond/counters.h"

using namespace xbond;
using nlohmann::ordered_json;

namespace {

constexpr auto count = data_path_counters.size();

// 1001, 1002, ... in the order of abi.h, which need not be the table's.
xb_counters distinct(std::uint64_t from) {
    std::array<std::uint64_t, count> values;
    for (std::size_t i = 0; i < count; ++i) {
        values.at(i) = from + 1 + i;
    }
    xb_counters counters;
    static_assert(sizeof counters == sizeof values);
    std::memcpy(&counters, values.data(), sizeof counters);
    return counters;
}

const auto first = distinct(1000), second = distinct(20000), of_the_bond = distinct(300000);

show::Snapshot snapshot() {
    auto bond = test::bond_view(Mode::round_robin);
    bond.slaves.at(0).counters = first;
    bond.slaves.at(1).counters = second;
    bond.counters = of_the_bond;
    return test::snapshot_of(bond);
}

std::string text_of(std::uint64_t number) { return std::to_string(number); }

} // namespace

TEST_CASE("every member of xb_counters has one row, and the sum over processors has each") {
    auto sum = first;
    add(sum, second);
    std::array<std::uint64_t, count> sums;
    std::memcpy(sums.data(), &sum, sizeof sum);
    for (std::size_t i = 0; i < count; ++i) {
        CHECK(sums.at(i) == 1000 + 20000 + 2 * (1 + i));
    }
}

TEST_CASE("status JSON has every counter of the data path where it counts") {
    const auto bond = show::status_json(snapshot())["bonds"][0];
    std::size_t on_slaves = 0, on_bond = 0;
    for (const auto &[name, member, where, column] : data_path_counters) {
        INFO(name);
        const std::string key(name);
        const bool slaves = where == CountedOn::slave, shown = where != CountedOn::program;
        on_slaves += slaves ? 1 : 0;
        on_bond += shown ? 1 : 0;
        for (const auto &[slave, counters] : {std::pair{0, &first}, std::pair{1, &second}}) {
            const auto &json = bond["slaves"][static_cast<std::size_t>(slave)]["counters"];
            CHECK((slaves ? json.value(key, ordered_json()) == counters->*member : !json.contains(key)));
        }
        const auto &json = bond["counters"];
        const auto sum = of_the_bond.*member + (slaves ? first.*member + second.*member : 0);
        CHECK((shown ? json.value(key, ordered_json()) == sum : !json.contains(key)));
    }
    CHECK(bond["slaves"][0]["counters"].size() == on_slaves);
    CHECK(bond["counters"].size() == on_bond);
}

TEST_CASE("status text has a column for every counter whose row names one") {
    const auto text = show::status_text(show::status_json(snapshot()));
    INFO(text);
    for (const auto &[name, member, where, column] : data_path_counters) {
        INFO(name);
        const bool has_column = !column.empty();
        CHECK((!has_column || where == CountedOn::slave));
        CHECK((!has_column || text.find("  " + std::string(column)) != std::string::npos));
        CHECK((text.find("  " + text_of(first.*member)) != std::string::npos) == has_column);
        CHECK((text.find("  " + text_of(second.*member)) != std::string::npos) == has_column);
    }
    const auto sum = [](auto member) { return text_of(first.*member + second.*member + of_the_bond.*member); };
    CHECK(text.find("tx " + sum(&xb_counters::tx_packets) + " packets " + sum(&xb_counters::tx_bytes) + " bytes, " +
                    text_of(of_the_bond.tx_dropped) + " dropped; rx " + sum(&xb_counters::rx_packets) + " packets " +
                    sum(&xb_counters::rx_bytes) + " bytes") != std::string::npos);
    CHECK(text.find("XDP   TX     RX     SUPPRESSED  FAILOVER\n") != std::string::npos);
}

TEST_CASE("ip link's statistics are the data path's counters") {
    const auto shown = snapshot();
    const auto slave = show::ip_link_json(shown, "v0", false, true)[0]["stats64"];
    CHECK(slave["tx"]["packets"] == first.tx_packets);
    CHECK(slave["tx"]["bytes"] == first.tx_bytes);
    CHECK(slave["rx"]["packets"] == first.rx_packets);
    CHECK(slave["rx"]["bytes"] == first.rx_bytes);
    CHECK(slave["rx"]["dropped"] == first.rx_suppressed);
    const auto bond = show::ip_link_json(shown, "bond0", false, true)[0]["stats64"];
    CHECK(bond["tx"]["packets"] == first.tx_packets + second.tx_packets + of_the_bond.tx_packets);
    CHECK(bond["tx"]["dropped"] == of_the_bond.tx_dropped);
}
