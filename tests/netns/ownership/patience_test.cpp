// SPDX-License-Identifier: MIT
// A bond that is left alone is tried again while the disk, or everybody's lock in the kernel, is waited for. Serial:
// the lock is the whole machine's.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/harness/trouble/rtnl_holder.h"
#include "tests/harness/trouble/slow_directory.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;
namespace fs = std::filesystem;

namespace {

std::string slurp(const fs::path &path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

void spill(const fs::path &path, const std::string &text) { std::ofstream(path) << text; }

} // namespace

TEST_CASE("left alone: while the disk or the kernel's lock is waited for to try a bond again, others are served") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    lab.cli().ok("link add bond1 type bond");
    REQUIRE(lab.daemon().stop() == 0);
    const fs::path file = lab.daemon().state_dir() / "bonds/bond1.json";
    const std::string good = slurp(file);
    spill(file, "{");
    lab.daemon().start();
    REQUIRE(lab.wait_active("e0"));
    std::optional<SlowDirectory> slow;
    std::optional<RtnlHolder> busy;
    SECTION("the disk") {
        slow.emplace(file.parent_path());
        lab.daemon().hang_up();
        CHECK(wait_until([&] { return slow->somebody_waits(); }));
    }
    SECTION("the lock") {
        spill(file, good);
        busy.emplace(); // nothing here may touch a device until it goes
        lab.daemon().hang_up();
    }
    Clock::duration slowest{};
    const auto is_served = [&] {
        const auto begin = Clock::now();
        const bool answers = lab.cli()("--timeout 2 status").ok();
        slowest = std::max(slowest, Clock::now() - begin);
        return answers;
    };
    CHECK(holds_for(is_served, 2s, 50ms));
    CHECK(slowest < 500ms);
    slow.reset();
    busy.reset();
    spill(file, good);
    CHECK(wait_until([&] { return lab.cli().json("status").at("bonds").size() == 2; }, 10s));
}
