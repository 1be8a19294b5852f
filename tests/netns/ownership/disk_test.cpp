// SPDX-License-Identifier: MIT
// A state directory that has no room left.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/netns/lab.h"
#include "tests/netns/ownership/small_disk.h"

using namespace xbond::harness;
using Kind = Switch::Kind;
namespace fs = std::filesystem;

TEST_CASE("disk: a state directory that is full keeps what was saved, and keeps no controller from a start") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    REQUIRE(lab.daemon().stop() == 0);
    const SmallDisk disk(lab.daemon().state_dir());
    const fs::path saved = lab.daemon().state_dir() / "bonds/bond0.json";
    lab.daemon().start();
    disk.fill();
    const auto before = fs::file_size(saved);
    REQUIRE(before > 0);
    lab.host().cut(1); // worth saving
    REQUIRE(wait_until([&] { return lab.status().slave("e1").link == "down"; }));
    CHECK(wait_until([&] { return lab.daemon().log().find("No space left") != std::string::npos; }));
    CHECK(fs::file_size(saved) == before);
    lab.daemon().kill9();
    lab.daemon().start();
    CHECK(lab.status().slaves.size() == 2);
    CHECK(lab.wait_link("e1", "down"));
    disk.empty();
    lab.cli().ok("link set bond0 type bond miimon 50");
}

TEST_CASE("disk: a bond that cannot be put on record is not made, and leaves nothing") {
    Lab lab(Kind::wires, 2);
    const SmallDisk disk(lab.daemon().state_dir());
    disk.fill();
    const auto made = lab.cli()("link add bond0 type bond mode active-backup");
    CHECK_FALSE(made.ok());
    CHECK(made.err.find("No space left") != std::string::npos);
    CHECK_FALSE(lab.ns().exists("bond0"));
    CHECK_FALSE(lab.ns().exists("bond0p"));
    disk.empty();
    lab.make_bond("mode active-backup");
}
