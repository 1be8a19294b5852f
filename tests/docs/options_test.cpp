// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "tests/docs/options_page.h"
#include "tests/docs/pages.h"
#include "user/api/protocol.h"

using namespace xbond;
using namespace xbond::test;

TEST_CASE("docs/options.md: the tables are those of the program") {
    docs::check_section("docs/options.md", "options", docs::options_section());
    docs::check_section("docs/options.md", "written", docs::written_section());
    docs::check_section("docs/options.md", "slave-options", docs::slave_options_section());
}

TEST_CASE("docs/options.md: what it writes into a config file is taken there") {
    for (const auto &option : docs::written_options()) {
        const auto *row = core::find_option(option.name);
        REQUIRE(row != nullptr);
        std::string mode; // one that knows the option
        for (const auto &traits : core::mode_table) {
            mode = mode.empty() && row->modes.contains(traits.mode) ? traits.keyword : mode;
        }
        const std::string more = option.name == "mode" ? "" : R"("mode": ")" + mode + "\", ";
        const auto config = R"({"bonds": {"bond0": {)" + more + option.config + "}}}";
        INFO(config);
        CHECK((option.config.empty() || api::parse_config(config, "options.md")));
    }
}
