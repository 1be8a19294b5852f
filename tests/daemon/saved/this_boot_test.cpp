// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/daemon/saved/saved_example.h"
#include "user/daemon/saved/this_boot.h"

using namespace xbond::daemon;
using nlohmann::ordered_json;
namespace test = xbond::test;

TEST_CASE("this boot: what was marked comes back in the same boot and network namespace only") {
    const test::TempDir dir;
    const auto path = dir.path / "applied";
    const ThisBoot now{"a-boot", 4711};
    test::spill(path, mark(now, ordered_json::object({{"what", 5}})).dump());
    const auto same = read_marked(now, path);
    REQUIRE(same);
    CHECK(same->at("what") == 5);
    CHECK_FALSE(read_marked({"another-boot", 4711}, path));
    CHECK_FALSE(read_marked({"a-boot", 4712}, path));
    CHECK_FALSE(read_marked(now, dir.path / "nothing"));
}

TEST_CASE("this boot: a file that is none, or of other types, is as if it were not there") {
    const test::TempDir dir;
    const auto path = dir.path / "applied";
    constexpr std::size_t depth = 100'000;
    const std::string nested = std::string(depth, '[') + std::string(depth, ']');
    for (const std::string &text :
         {std::string(), std::string("{"), std::string("[]"), std::string("null"), nested,
          std::string(R"({"boot_id": 5, "netns": 4711})"), std::string(R"({"boot_id": "a-boot", "netns": "4711"})"),
          std::string(R"({"boot_id": ["a-boot"], "netns": {}})"),
          R"({"boot_id": "a-boot", "netns": 4711, "config": )" + nested + "}"}) {
        INFO(text.substr(0, 80));
        test::spill(path, text);
        CHECK_FALSE(read_marked({"a-boot", 4711}, path));
    }
    std::filesystem::remove(path);
    std::filesystem::create_directory(path);
    CHECK_FALSE(read_marked({"a-boot", 4711}, path));
}
