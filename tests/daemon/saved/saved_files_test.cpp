// SPDX-License-Identifier: MIT
// The two files as a whole: what a controller of another revision wrote, and what it finds.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>
#include <utility>
#include <vector>

#include "tests/daemon/saved/saved_example.h"
#include "user/daemon/saved/bond_file.h"
#include "user/daemon/saved/lacp_state.h"

using namespace xbond;
using namespace xbond::daemon;
using test::slurp;

namespace {

using nlohmann::json;

const std::filesystem::path data = XB_TEST_DATA;

// What somebody may have put in the place of any value: of another type, without end, too long, too large.
std::vector<std::string> hostile_texts() {
    constexpr std::size_t depth = 50'000;
    return {"null",
            "true",
            "-1",
            "77",
            "1e300",
            "18446744073709551615",
            "-9223372036854775808",
            "\"nobody\"",
            "[]",
            "{}",
            "[1,2,3,4,5,6,7]",
            std::string(depth, '[') + std::string(depth, ']')};
}

// The document with everything in turn replaced by each of those: of a list the list itself and the first of its
// values.
template <typename Try> void replace_each(json &document, json &below, const Try &attempt) {
    static const auto hostile = hostile_texts();
    const std::string mark = "\"in its place\"";
    for (auto &value : below) {
        if (below.is_array() && &value != &below.front()) {
            break;
        }
        if (value.is_structured()) {
            replace_each(document, value, attempt);
        }
        const auto kept = std::exchange(value, json::parse(mark));
        const auto text = document.dump();
        for (const auto &bad : hostile) {
            attempt(std::string(text).replace(text.find(mark), mark.size(), bad));
        }
        value = kept;
    }
}

} // namespace

TEST_CASE("state.json is, byte for byte, what the revisions before wrote") {
    const test::TempDir dir;
    REQUIRE(save_state(dir.path, test::saved_example("of-the-example")));
    const auto text = slurp(dir.path / "state.json");
    auto state = nlohmann::json::parse(text);
    CHECK(text == state.dump(1));
    state["bonds"][0].erase("options"); // they grow, and have tests of their own
    state["bonds"][0].erase("chain");   // not of the revisions before
    state["bonds"][0].erase("device_netns");
    CHECK(state.dump(1) == slurp(data / "saved_state.json"));
}

TEST_CASE("the file of LACP is, byte for byte, what the revisions before wrote") {
    const test::TempDir dir;
    REQUIRE(save_lacp(dir.path, "bond0", test::lacp_example()));
    CHECK(slurp(dir.path / "lacp-bond0.json") == slurp(data / "saved_lacp.json"));
}

TEST_CASE("what is saved comes back equal") {
    const test::TempDir dir;
    const auto state = test::saved_example(boot_id());
    REQUIRE(save_state(dir.path, state));
    CHECK(load_state(dir.path) == state);
    const auto lacp = test::lacp_example();
    REQUIRE(save_lacp(dir.path, "bond0", lacp));
    CHECK(load_lacp(dir.path, "bond0") == lacp);
}

TEST_CASE("a hostile value anywhere in a saved file is an error that names the file, never a crash") {
    const test::TempDir dir;
    int refused = 0;
    const auto told = [&](const auto &loaded, const char *file) {
        if (!loaded) {
            ++refused;
            CHECK(loaded.error().message.find(file) != std::string::npos);
        }
    };
    REQUIRE(save_state(dir.path, test::saved_example(boot_id())));
    auto state = json::parse(slurp(dir.path / "state.json"));
    replace_each(state, state, [&](const std::string &bad) {
        test::spill(dir.path / "state.json", bad);
        told(load_state(dir.path), "state.json");
    });
    REQUIRE(save_lacp(dir.path, "bond0", test::lacp_example()));
    auto lacp = json::parse(slurp(dir.path / "lacp-bond0.json"));
    replace_each(lacp, lacp, [&](const std::string &bad) {
        test::spill(dir.path / "lacp-bond0.json", bad);
        told(load_lacp(dir.path, "bond0"), "lacp-bond0.json");
    });
    spdlog::set_level(spdlog::level::off); // that LACP starts anew
    const auto path = bond_file(dir.path, "bond0");
    std::filesystem::remove(dir.path / "state.json");
    std::filesystem::create_directory(path.parent_path());
    auto file = json::parse(text_of({boot_id(), test::saved_example(boot_id()).bonds.at(0), test::lacp_example()}));
    file["bond"]["name"] = "bond0";
    replace_each(file, file, [&](const std::string &bad) {
        test::spill(path, bad);
        for (const auto &unreadable : load_bonds(dir.path, 1).unreadable) {
            told(Result<void>(tl::unexpected(unreadable.why)), "bond0.json");
        }
    });
    spdlog::set_level(spdlog::level::info);
    CHECK(refused > 2000);
}
