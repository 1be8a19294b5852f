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

constexpr std::uint64_t here = 4711; // this network namespace

SavedBondFile example(const std::string &name) {
    SavedBondFile file{boot_id(), test::saved_example(boot_id()).bonds.at(0), test::lacp_example(), here};
    file.bond.core.name = name;
    return file;
}

void put(const std::filesystem::path &dir, const std::string &name, const std::string &text) {
    std::filesystem::create_directories(bond_file(dir, name).parent_path());
    test::spill(bond_file(dir, name), text);
}

std::vector<SavedBondFile> load(const std::filesystem::path &dir) { return load_bonds(dir, here).bonds; }

} // namespace

TEST_CASE("a bond's file holds version, boot, bond and LACP, and comes back equal") {
    const test::TempDir dir;
    put(dir.path, "bond1", text_of(example("bond1")));
    put(dir.path, "bond0", text_of(example("bond0")));
    CHECK(load(dir.path) == std::vector{example("bond0"), example("bond1")});
    const auto j = json::parse(test::slurp(bond_file(dir.path, "bond0")));
    CHECK(j.size() == 5);
    CHECK(j.at("netns") == here);
    CHECK(j.at("version") == 4);
    CHECK(j.at("boot_id") == boot_id());
    CHECK(j.at("bond").at("name") == "bond0");
    CHECK(j.at("lacp").at("ports").size() == test::lacp_example().ports.size());
    auto without = example("bond0");
    without.lacp.reset();
    put(dir.path, "bond0", text_of(without));
    CHECK(load(dir.path).at(0) == without);
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
    auto bonds = load(dir.path);
    REQUIRE(bonds.size() == 2);
    CHECK(bonds.at(0).bond == example("bond0").bond);
    CHECK(bonds.at(0).lacp == example("bond0").lacp);
    CHECK(bonds.at(0).netns == 0); // nobody knows
    CHECK_FALSE(bonds.at(1).lacp);

    auto later = example("bond1");
    later.bond.mtu = 9000;
    put(dir.path, "bond1", text_of(later));
    bonds = load(dir.path);
    REQUIRE(bonds.size() == 2);
    CHECK(bonds.at(1) == later);

    forget_earlier_files(dir.path);
    CHECK_FALSE(std::filesystem::exists(dir.path / "state.json"));
    CHECK_FALSE(std::filesystem::exists(dir.path / "lacp-bond0.json"));
    CHECK(load(dir.path) == std::vector{later});
}

TEST_CASE("a bond's file of another boot is void, of another version harms itself alone, and LACP alone is no reason") {
    const test::TempDir dir;
    CHECK(load(dir.path).empty());
    auto other = example("bond0");
    other.boot_id = "another";
    put(dir.path, "bond0", text_of(other));
    CHECK(load(dir.path).empty());

    auto j = json::parse(text_of(example("bond0")));
    j["version"] = 5;
    put(dir.path, "bond0", j.dump());
    put(dir.path, "bond1", text_of(example("bond1")));
    const auto both = load_bonds(dir.path, here);
    CHECK(both.bonds == std::vector{example("bond1")});
    REQUIRE(both.unreadable.size() == 1);
    CHECK(both.unreadable.at(0).name == "bond0");
    CHECK(both.unreadable.at(0).why.code == EPROTO);
    std::filesystem::remove(bond_file(dir.path, "bond1"));

    j["version"] = 4;
    j["lacp"]["ports"] = "none";
    put(dir.path, "bond0", j.dump());
    const auto bonds = load(dir.path);
    REQUIRE(bonds.size() == 1);
    CHECK(bonds.at(0).bond == example("bond0").bond);
    CHECK_FALSE(bonds.at(0).lacp);
}

TEST_CASE("a bond's file of another network namespace is void, of one that is not known it is not") {
    const test::TempDir dir;
    auto other = example("bond0");
    other.netns = here + 1;
    put(dir.path, "bond0", text_of(other));
    CHECK(load(dir.path).empty());
    auto j = json::parse(text_of(other));
    j.erase("netns"); // of an earlier revision
    put(dir.path, "bond0", j.dump());
    REQUIRE(load(dir.path).size() == 1);
    CHECK(load(dir.path).at(0).netns == 0);
    j["netns"] = "4711";
    put(dir.path, "bond0", j.dump());
    CHECK(load_bonds(dir.path, here).unreadable.size() == 1);
}

TEST_CASE("a state file that cannot be understood is told of, never in the way of others, and can be set aside") {
    const test::TempDir dir;
    put(dir.path, "bond1", text_of(example("bond1")));
    put(dir.path, "bond2", text_of(example("bond3")));
    std::filesystem::create_directory(bond_file(dir.path, "bond4"));
    const auto found = load_bonds(dir.path, here);
    CHECK(found.bonds == std::vector{example("bond1")});
    CHECK(found.unreadable.size() == 2);
    CHECK_FALSE(found.incomplete);
    test::spill(state_file(dir.path), "[");
    CHECK(load_bonds(dir.path, here).incomplete->message.find("state.json") != std::string::npos);
    CHECK(load(dir.path).size() == 1);
    const auto first = set_aside(bond_file(dir.path, "bond2"));
    put(dir.path, "bond2", "{");
    const auto second = set_aside(bond_file(dir.path, "bond2"));
    REQUIRE((first && second));
    CHECK(test::slurp(*first) == text_of(example("bond3")));
    CHECK(test::slurp(*second) == "{");
    CHECK_FALSE(set_aside(bond_file(dir.path, "bond2")));
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
