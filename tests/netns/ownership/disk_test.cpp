// SPDX-License-Identifier: MIT
// A state directory that has no room left.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sys/mount.h>

#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;
namespace fs = std::filesystem;

namespace {

// A disk of its own in the place of a directory; what was in it is there as well.
class SmallDisk {
public:
    explicit SmallDisk(fs::path place) : place_(std::move(place)) {
        const fs::path aside = place_.string() + ".aside";
        fs::copy(place_, aside, fs::copy_options::recursive);
        if (::mount("xbond-test", place_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=128k") != 0) {
            throw std::system_error(errno, std::generic_category(), "mount");
        }
        fs::copy(aside, place_, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
        fs::remove_all(aside);
    }
    SmallDisk(const SmallDisk &) = delete;
    SmallDisk &operator=(const SmallDisk &) = delete;
    ~SmallDisk() { ::umount2(place_.c_str(), MNT_DETACH); }
    void fill() const {
        std::ofstream file(place_ / "filler");
        const std::string block(512, 'x');
        while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {}
    }
    void empty() const { fs::remove(place_ / "filler"); }

private:
    fs::path place_;
};

} // namespace

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
