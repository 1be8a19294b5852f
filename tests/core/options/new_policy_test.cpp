// SPDX-License-Identifier: MIT
// Built with a copy of xbond/numbers.h that has one hash policy more, "test+policy", with the function of vlan+srcmac:
// everything that lists the policies must know it, or has a list of its own.
#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/cli/words.h"
#include "user/daemon/saved/saved_state.h"
#include "user/show/explain.h"
#include "xbond/hash.h"

using namespace xbond;
using namespace xbond::core;

namespace {

constexpr std::string_view keyword = "test+policy";
const std::string number = std::to_string(static_cast<int>(HashPolicy::test_policy));

Options with_policy(const std::string &text) {
    Options options;
    const auto done = set_option(options, {}, {"xmit_hash_policy", text}, nullptr);
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
    return options;
}

} // namespace

TEST_CASE("a new hash policy: the option takes its keyword and its number, and names it to the user") {
    CHECK(with_policy(std::string(keyword)).xmit_hash_policy == HashPolicy::test_policy);
    CHECK(with_policy(number).xmit_hash_policy == HashPolicy::test_policy);
    CHECK(get_option(with_policy(number), "xmit_hash_policy") == keyword);
    CHECK(find_option("xmit_hash_policy")->values.ends_with("|test+policy (0.." + number + ")"));
    Options options;
    const auto refused = set_option(options, {}, {"xmit_hash_policy", "odd"}, nullptr);
    CHECK(refused.error().message.find(keyword) != std::string::npos);
}

TEST_CASE("a new hash policy: explain takes it, names it where another word stands, and runs its function") {
    const auto taken = test::parse_line("explain --policy test+policy --slaves 3 --frame 00");
    REQUIRE(taken);
    CHECK(std::get<cli::ExplainOffline>(taken->action).policy == HashPolicy::test_policy);
    const auto refused = test::parse_line("explain --policy odd --slaves 3 --frame 00");
    CHECK(refused.error().message.find(" or test+policy, got") != std::string::npos);

    constexpr std::array<std::uint8_t, 14> frame{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7, 8, 0};
    const auto explained = show::explain_policy(HashPolicy::test_policy, 3, frame, 100);
    CHECK(explained["policy"] == keyword);
    CHECK(explained["hash"] == flow_hash(frame, 100, HashPolicy::vlan_srcmac));
    CHECK(explained["hash"] != flow_hash(frame, 100, HashPolicy::layer2)); // what an unknown policy would give
}

TEST_CASE("a new hash policy: the daemon reads back the state that it has saved") {
    std::string dir = (std::filesystem::temp_directory_path() / "xbond-policy-XXXXXX").string();
    REQUIRE(::mkdtemp(dir.data()) != nullptr);
    daemon::SavedState state{daemon::boot_id(), {}};
    state.bonds.emplace_back().core.options = with_policy(number);
    REQUIRE(daemon::save_state(dir, state));
    const auto loaded = daemon::load_state(dir);
    INFO((loaded ? "" : loaded.error().message));
    REQUIRE(loaded);
    CHECK(loaded->bonds.at(0).core.options.xmit_hash_policy == HashPolicy::test_policy);
    std::filesystem::remove_all(dir);
}
