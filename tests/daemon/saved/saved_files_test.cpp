// SPDX-License-Identifier: MIT
// The two files as a whole: what a controller of another revision wrote, and what it finds.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/daemon/saved/saved_example.h"
#include "user/daemon/saved/lacp_state.h"

using namespace xbond;
using namespace xbond::daemon;
using test::slurp;

namespace {

const std::filesystem::path data = XB_TEST_DATA;

} // namespace

TEST_CASE("state.json is, byte for byte, what the revisions before wrote") {
    const test::TempDir dir;
    REQUIRE(save_state(dir.path, test::saved_example("of-the-example")));
    const auto text = slurp(dir.path / "state.json");
    auto state = nlohmann::json::parse(text);
    CHECK(text == state.dump(1));
    state["bonds"][0].erase("options"); // they grow, and have tests of their own
    CHECK(state.dump(1) == slurp(data / "saved_state.json"));
}

TEST_CASE("the file of LACP is, byte for byte, what the revisions before wrote") {
    const test::TempDir dir;
    REQUIRE(save_lacp(dir.path, "bond0", test::lacp_example()));
    CHECK(slurp(dir.path / "lacp-bond0.json") == slurp(data / "saved_lacp.json"));
}
