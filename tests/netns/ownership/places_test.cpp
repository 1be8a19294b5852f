// SPDX-License-Identifier: MIT
// What users without rights can prepare where xbond keeps its things: it is neither believed nor in the way.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;
namespace fs = std::filesystem;

namespace {

constexpr uid_t nobody = 65534;

void give_to_nobody(const fs::path &path) { REQUIRE(::lchown(path.c_str(), nobody, nobody) == 0); }

mode_t mode_of(const fs::path &path) {
    struct stat st {};
    REQUIRE(::lstat(path.c_str(), &st) == 0);
    return st.st_mode & 07777;
}

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

} // namespace

TEST_CASE("places: directories for pins that somebody else was first to make are moved away, and not believed") {
    Lab lab(Kind::wires, 2);
    REQUIRE(lab.daemon().stop() == 0);
    const auto pins = lab.daemon().pin_dir(), root = pins.parent_path(), bpffs = root.parent_path();
    const auto mac = lab.ns().mac("e0");
    lab.ns().set_up("e0", true);
    fs::create_directories(pins / "bond7");
    // As if a bond that is half here had taken this device in.
    fs::create_directory(pins / "bond7" /
                         ("was_" + std::to_string(lab.ns().ifindex("e0")) + "_020000000001_1300_down"));
    fs::create_directory(bpffs / "precious");
    fs::create_symlink(bpffs / "precious", pins / "evil");
    const bool whole = GENERATE(true, false);
    give_to_nobody(pins);
    if (whole) {
        give_to_nobody(root);
    }
    lab.daemon().start();
    CHECK(fs::exists(bpffs / "precious"));
    CHECK(fs::exists(whole ? fs::path(root.string() + "_not_ours") : fs::path(pins.string() + "_not_ours")));
    CHECK(contains(lab.daemon().log(), "was not made by root"));
    CHECK(lab.cli().json("status").at("not_under_control").empty());
    CHECK(lab.ns().mac("e0") == mac);
    CHECK(lab.ns().is_up("e0"));
    lab.ns().set_up("e0", false);
    lab.make_bond("mode active-backup");
    for (const auto &directory : {root, pins, pins / "bond0"}) {
        CHECK((mode_of(directory) & 0022) == 0);
    }
    lab.cli().ok("link del bond0");
}

TEST_CASE("places: nobody is first while there is no bond yet") {
    Lab lab(Kind::wires, 2);
    REQUIRE(lab.daemon().stop() == 0);
    const auto pins = lab.daemon().pin_dir(), root = pins.parent_path(), bpffs = root.parent_path();
    const auto as_nobody = [&](const std::string &command) {
        return lab.ns().run(split("setpriv --reuid 65534 --regid 65534 --clear-groups " + command)).ok();
    };
    const bool open_from_the_start = GENERATE(true, false);
    fs::permissions(bpffs, fs::perms(open_from_the_start ? 01777 : 0755));
    lab.daemon().start();
    fs::permissions(bpffs, fs::perms(01777));
    if (open_from_the_start) {
        CHECK_FALSE(as_nobody("mkdir -p " + pins.string()));
        lab.make_bond("mode active-backup");
        CHECK_FALSE(as_nobody("mv " + root.string() + " " + root.string() + "_taken"));
        CHECK((mode_of(root) & 0022) == 0);
        lab.cli().ok("link del bond0");
        return;
    }
    REQUIRE(as_nobody("mkdir -p " + pins.string())); // whoever mounts it so while xbondd runs
    const auto refused = lab.cli()("link add bond0 type bond");
    CHECK(refused.exit_code == 1);
    CHECK(contains(refused.err, "is not root's own"));
    CHECK_FALSE(lab.ns().exists("bond0"));
    CHECK_FALSE(fs::exists(pins / "bond0"));
    REQUIRE(lab.daemon().stop() == 0);
    lab.daemon().start(); // which makes room
    lab.make_bond("mode active-backup");
    lab.cli().ok("link del bond0");
}

TEST_CASE("places: a name that is taken for what is moved away keeps no start") {
    Lab lab(Kind::wires, 1);
    REQUIRE(lab.daemon().stop() == 0);
    const auto root = lab.daemon().pin_dir().parent_path();
    for (const auto *suffix : {"", "_not_ours", "_not_ours2"}) {
        fs::create_directories(root.string() + suffix + "/full");
        give_to_nobody(root.string() + suffix);
    }
    lab.daemon().start();
    lab.cli().ok("link add bond0 type bond mode active-backup");
    CHECK((mode_of(root) & 0022) == 0);
    lab.cli().ok("link del bond0");
}

TEST_CASE("places: --teardown looks into no bpffs that others could have prepared") {
    Lab lab(Kind::wires, 2);
    const BpfFs theirs;
    const auto pins = theirs.path() / "xbond" / std::to_string(lab.ns().inode());
    lab.make_bond("mode active-backup"); // for the name of the mark
    std::string mark;
    for (const auto &entry : fs::directory_iterator(lab.daemon().pin_dir() / "bond0")) {
        if (const auto name = entry.path().filename().string(); name.starts_with("netns_")) {
            mark = name;
        }
    }
    lab.cli().ok("link del bond0");
    REQUIRE(lab.daemon().stop() == 0);
    fs::create_directories(pins / "bond7" / mark);
    fs::create_directory(pins / "bond7" /
                         ("was_" + std::to_string(lab.ns().ifindex("e0")) + "_020000000001_1300_down"));
    give_to_nobody(theirs.path() / "xbond");
    lab.ns().set_up("e0", true);
    CHECK(lab.daemon().run_to_end({"--teardown"}).ok());
    CHECK(lab.ns().is_up("e0"));
    CHECK(lab.ns().mtu("e0") == 1500);
}

TEST_CASE("places: state that others could have written is not read, and its bond is left alone with the reason") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    REQUIRE(lab.daemon().stop() == 0);
    const auto file = lab.daemon().state_dir() / "bonds/bond0.json";
    SECTION("a file of somebody else") {
        give_to_nobody(file);
        lab.daemon().start();
        CHECK(contains(lab.cli().json("status").at("not_under_control").at(0).at("why"), "not read"));
        REQUIRE(::chown(file.c_str(), 0, 0) == 0); // who looks into it and finds it good
        CHECK(wait_until([&] { return lab.cli().json("status").at("bonds").size() == 1; }, 5s));
    }
    SECTION("directories that an earlier revision left open") {
        ::chmod(lab.daemon().state_dir().c_str(), 0777);
        ::chmod((lab.daemon().state_dir() / "bonds").c_str(), 0777);
        lab.daemon().start();
        CHECK(mode_of(lab.daemon().state_dir()) == 0700);
        CHECK(mode_of(lab.daemon().state_dir() / "bonds") == 0700);
        CHECK(lab.status().slaves.size() == 2);
    }
    SECTION("a directory of somebody else") {
        give_to_nobody(lab.daemon().state_dir());
        const auto refused = lab.daemon().run_to_end({});
        CHECK_FALSE(refused.ok());
        CHECK(contains(refused.err, lab.daemon().state_dir().string()));
        REQUIRE(::chown(lab.daemon().state_dir().c_str(), 0, 0) == 0);
        lab.daemon().start();
        CHECK(lab.status().slaves.size() == 2);
    }
}

TEST_CASE("places: a socket is not put where somebody else could put his own") {
    const NetNs ns;
    const TempDir dir("open");
    const BpfFs bpffs;
    ::chmod(dir.path().c_str(), 0777);
    const auto start = ns.run({program("xbondd"), "--socket", dir.path() / "control", "--bpffs", bpffs.path()});
    CHECK_FALSE(start.ok());
    CHECK(contains(start.err, "others may write in it"));
}
