// SPDX-License-Identifier: MIT
// Options in the saved state: all of them, and nothing that is no option's value.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/core/options/changed_options.h"
#include "tests/core/options/extended_table.h"
#include "user/daemon/saved/saved_options.h"

using namespace xbond;
using namespace xbond::daemon;
using nlohmann::json;

TEST_CASE("saved options: every member comes back, also where none has its default") {
    CHECK(options_of(saved_options(test::changed_options())) == test::changed_options());
    CHECK(options_of(saved_options({})) == core::Options{});
}

TEST_CASE("saved options: a value that its option cannot have is refused by the option's key") {
    const auto refused = [](const char *key, const json &value) {
        json saved = saved_options({});
        saved[key] = value;
        try {
            options_of(saved);
        } catch (const std::exception &e) {
            return std::string(e.what());
        }
        return std::string();
    };
    for (const core::OptionRow &row : core::option_table()) {
        const auto *number = std::get_if<core::NumberMember>(&row.storage.member);
        if (number != nullptr && number->is_enum) {
            CHECK(refused(std::string(row.storage.saved).c_str(), row.words.back().value + 1) ==
                  std::string(row.storage.saved) + ": out of range: " + std::to_string(row.words.back().value + 1));
        }
    }
    CHECK(refused("mode", -1) == "mode: out of range: -1");
    CHECK(refused("ad_user_port_key", 65536) == "ad_user_port_key: out of range: 65536");
    CHECK(refused("miimon_ms", 4294967296) == "miimon_ms: out of range: 4294967296");
    CHECK(refused("ad_actor_system", "x") == "ad_actor_system: not a MAC address: \"x\"");
    CHECK(refused("arp_ip_targets", json::array_t(XB_MAX_TARGETS + 1)).starts_with("arp_ip_targets: too many targets"));
    CHECK_FALSE(refused("lacp_fast", 1).empty());
    json incomplete = saved_options({});
    incomplete.erase("monitors");
    CHECK_THROWS_WITH(options_of(incomplete), Catch::Contains("monitors"));
}

TEST_CASE("saved options: those of the first revision are read for ever, what is younger has its default") {
    std::ifstream in(XB_TEST_DATA "/saved_options.json");
    const core::Options options = options_of(json::parse(in));
    CHECK(core::traits(options.mode).lacp);
    CHECK(options.lacp_fast);
    CHECK(options.min_links == 2);
    for (const core::OptionRow &row : core::option_table()) {
        if (row.storage.younger) {
            CHECK_FALSE(row.storage.saved.empty());
            CHECK(core::get_option(options, row) == core::get_option(core::Options{}, row));
        }
    }
}

TEST_CASE("saved options: a new row of the table is saved and read") {
    const auto table = test::extended_table();
    core::Options options;
    options.min_links = 3;
    const json saved = saved_options(options, table);
    CHECK(saved.at("spare_count") == 3);
    CHECK(options_of(saved, table) == options);
    CHECK_FALSE(saved_options(options).contains("spare_count"));
}

TEST_CASE("saved options: a slave's are those of its table") {
    core::Slave slave;
    slave.prio = -5;
    slave.queue_id = 16;
    slave.actor_port_prio = 65535;
    json saved;
    save_slave_options(saved, slave);
    CHECK(saved.dump() == R"({"actor_port_prio":65535,"prio":-5,"queue_id":16})");
    core::Slave loaded;
    load_slave_options(saved, loaded);
    CHECK(loaded.prio == -5);
    CHECK(loaded.queue_id == 16);
    CHECK(loaded.actor_port_prio == 65535);
    saved["queue_id"] = 70000;
    CHECK_THROWS_WITH(load_slave_options(saved, loaded), "queue_id: out of range: 70000");
}
