// SPDX-License-Identifier: MIT
// xbond xsk: rules are an option of the bond.
#include <catch2/catch.hpp>

#include "tests/cli/words.h"

using namespace xbond;
using namespace xbond::cli;

namespace {

std::string option(const std::string &line) {
    const auto in = test::parse_line(line);
    const auto *request = in ? std::get_if<api::Request>(&in->action) : nullptr;
    const auto *set = request == nullptr ? nullptr : std::get_if<api::LinkSet>(request);
    return set == nullptr ? "" : set->name + " " + set->options.at(0).name + " " + set->options.at(0).value;
}

} // namespace

TEST_CASE("cli: xsk allow and forbid add and remove a rule of the bond, in one spelling") {
    CHECK(option("xsk allow bond0 group quant match udp dst 4789") ==
          "bond0 xsk_allow +group quant match udp dst 4789");
    CHECK(option("xsk forbid bond0 group quant match dst 4789 udp") ==
          "bond0 xsk_allow -group quant match udp dst 4789");
    CHECK(option("xsk a bond0 group 7 match all") == "bond0 xsk_allow +group 7 match all");
    const auto show = test::parse_line("xsk show bond0 -j");
    REQUIRE(show);
    REQUIRE(std::get_if<XskRules>(&show->action) != nullptr);
    CHECK(std::get_if<XskRules>(&show->action)->bond == "bond0");
    CHECK(show->globals.json);
    for (const char *bad :
         {"xsk", "xsk allow", "xsk allow bond0", "xsk allow bond0 match all", "xsk show", "xsk show a b",
          "xsk take bond0 group q match all", "xsk allow bond0 group q match port 3"}) {
        INFO(bad);
        CHECK_FALSE(test::parse_line(bad));
    }
}
