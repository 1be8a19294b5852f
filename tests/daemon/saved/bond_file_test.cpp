// SPDX-License-Identifier: MIT
// A file a bond, and what is made of the files of earlier revisions.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/daemon/saved/saved_example.h"
#include "user/daemon/saved/bond_file.h"
#include "user/daemon/saved/lacp_state.h"

using namespace xbond;
using namespace xbond::daemon;
using nlohmann::json;

namespace {

SavedBondFile example(const std::string &name) {
    SavedBondFile file{boot_id(), test::saved_example(boot_id()).bonds.at(0), test::lacp_example()};
    file.bond.core.name = name;
    return file;
}

void put(const std::filesystem::path &dir, const std::string &name, const std::string &text) {
    std::filesystem::create_directories(bond_file(dir, name).parent_path());
    test::spill(bond_file(dir, name), text);
}

} // namespace

TEST_CASE("a bond's file holds version, boot, bond and LACP, and comes back equal") {
    const test::TempDir dir;
    put(dir.path, "bond1", text_of(example("bond1")));
    put(dir.path, "bond0", text_of(example("bond0")));
    CHECK(load_bonds(dir.path) == std::vector{example("bond0"), example("bond1")});
    const auto j = json::parse(test::slurp(bond_file(dir.path, "bond0")));
    CHECK(j.size() == 4);
    CHECK(j.at("version") == 4);
    CHECK(j.at("boot_id") == boot_id());
    CHECK(j.at("bond").at("name") == "bond0");
    CHECK(j.at("lacp").at("ports").size() == test::lacp_example().ports.size());
    auto without = example("bond0");
    without.lacp.reset();
    put(dir.path, "bond0", text_of(without));
    CHECK(load_bonds(dir.path)->at(0) == without);
}

TEST_CASE("files of earlier revisions are read for bonds that have none of their own") {
    const test::TempDir dir;
    auto earlier = test::saved_example(boot_id());
    earlier.bonds.resize(1);
    earlier.bonds.push_back(earlier.bonds.at(0));
    earlier.bonds.at(0).core.name = "bond0";
    earlier.bonds.at(1).core.name = "bond1";
    REQUIRE(save_state(dir.path, earlier));
    REQUIRE(save_lacp(dir.path, "bond0", test::lacp_example()));
    auto bonds = load_bonds(dir.path).value();
    REQUIRE(bonds.size() == 2);
    CHECK(bonds.at(0) == example("bond0"));
    CHECK_FALSE(bonds.at(1).lacp);

    auto later = example("bond1");
    later.bond.mtu = 9000;
    put(dir.path, "bond1", text_of(later));
    bonds = load_bonds(dir.path).value();
    REQUIRE(bonds.size() == 2);
    CHECK(bonds.at(1) == later);

    forget_earlier_files(dir.path);
    CHECK_FALSE(std::filesystem::exists(dir.path / "state.json"));
    CHECK_FALSE(std::filesystem::exists(dir.path / "lacp-bond0.json"));
    CHECK(load_bonds(dir.path) == std::vector{later});
}

TEST_CASE("a bond's file of another boot is void, of another version an error, and LACP alone no reason for one") {
    const test::TempDir dir;
    CHECK(load_bonds(dir.path)->empty());
    auto other = example("bond0");
    other.boot_id = "another";
    put(dir.path, "bond0", text_of(other));
    CHECK(load_bonds(dir.path)->empty());

    auto j = json::parse(text_of(example("bond0")));
    j["version"] = 5;
    put(dir.path, "bond0", j.dump());
    CHECK(load_bonds(dir.path).error().code == EPROTO);

    j["version"] = 4;
    j["lacp"]["ports"] = "none";
    put(dir.path, "bond0", j.dump());
    const auto bonds = load_bonds(dir.path).value();
    REQUIRE(bonds.size() == 1);
    CHECK(bonds.at(0).bond == example("bond0").bond);
    CHECK_FALSE(bonds.at(0).lacp);
}

TEST_CASE("forgotten files take the directories along, unless something else is in them") {
    const test::TempDir dir;
    const auto state = dir.path / "state";
    put(state, "bond0", text_of(example("bond0")));
    test::spill(state / "precious", "kept");
    forget_files(state);
    CHECK_FALSE(std::filesystem::exists(state / "bonds"));
    CHECK(test::slurp(state / "precious") == "kept");
    std::filesystem::remove(state / "precious");
    forget_files(state);
    CHECK_FALSE(std::filesystem::exists(state));
}
