// SPDX-License-Identifier: MIT
// A network namespace is its cookie: what another one left is applied to nothing here, and goes when that has gone.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/netns/lab.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;
namespace fs = std::filesystem;

namespace {

// As if the namespace had got the inode of one that has gone: what is on disk and pinned is that one's.
void estrange(Lab &lab, bool of_an_earlier_revision) {
    const auto path = lab.daemon().state_dir() / "bonds/bond0.json";
    auto file = json::parse(std::ifstream(path));
    REQUIRE(file.at("netns").get<std::uint64_t>() != 0);
    const auto mark = lab.daemon().pin_dir() / "bond0" / ("netns_" + file.at("netns").dump());
    REQUIRE(fs::exists(mark));
    fs::remove(mark);
    if (of_an_earlier_revision) { // which knew no cookies
        file.erase("netns");
        for (const auto &entry : fs::directory_iterator(lab.daemon().pin_dir() / "bond0")) {
            if (entry.path().filename().string().starts_with("was_")) {
                fs::remove(entry.path());
            }
        }
    } else {
        file["netns"] = 1;
        fs::create_directory(lab.daemon().pin_dir() / "bond0/netns_1");
    }
    std::ofstream(path) << file;
}

struct Device {
    xbond::MacAddr mac;
    int mtu = 0;
    bool up = false;
    std::string arp_ignore;
    bool operator==(const Device &) const = default;
};
Device device(const Lab &lab, const std::string &name) {
    return {lab.ns().mac(name), lab.ns().mtu(name), lab.ns().is_up(name),
            lab.ns().sysctl("net.ipv4.conf." + name + ".arp_ignore")};
}

} // namespace

TEST_CASE("netns: what one that has gone left is applied to no device of the next with its inode") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    lab.daemon().kill9();
    const std::string bond = std::to_string(lab.ns().ifindex("bond0")),
                      peer = std::to_string(lab.ns().ifindex("bond0p"));
    const std::string slave = std::to_string(lab.ns().ifindex("e0"));
    lab.ns().ip("link del bond0\nlink del e0\nlink del e1");
    // The same numbers, and even the same kind of devices: all are somebody else's.
    lab.ns().ip("link add keep0 index " + bond + " mtu 1300 type veth peer name keep1 index " + peer + "\n" +
                "link add e0 index " + slave + " mtu 1400 type veth peer name e0p\n" +
                "link set keep0 up\nlink set e0 up");
    const std::vector before{device(lab, "keep0"), device(lab, "keep1"), device(lab, "e0")};
    const bool of_an_earlier_revision = GENERATE(false, true);
    estrange(lab, of_an_earlier_revision);
    SECTION("start") {
        lab.daemon().start();
        CHECK(lab.cli().json("status").at("bonds").empty());
        CHECK(lab.cli().json("status").at("not_under_control").empty());
        CHECK_FALSE(fs::exists(lab.daemon().pin_dir() / "bond0"));
        lab.cli().ok("link add bond0 type bond"); // the name is free
    }
    SECTION("teardown") { CHECK(lab.daemon().run_to_end({"--teardown"}).ok()); }
    CHECK(std::vector{device(lab, "keep0"), device(lab, "keep1"), device(lab, "e0")} == before);
}

TEST_CASE("netns: pins and state of one that has gone are swept by any xbondd of the host") {
    const BpfFs bpffs;
    const NetNs here;
    const Argv sweep{program("xbondd"), "--bpffs", bpffs.path(), "--teardown"};
    auto gone = std::make_unique<NetNs>();
    const auto pins = bpffs.path() / "xbond" / std::to_string(gone->inode());
    const auto run_dir = fs::path("/run/xbond") / std::to_string(gone->inode());
    gone->ip("link add v0 type veth peer name v1");
    {
        Process daemon({program("xbondd"), "--bpffs", bpffs.path()}, gone->fd());
        const auto xbond = [&](const std::string &words) {
            return gone->run(split(program("xbond") + " " + words)).ok();
        };
        REQUIRE(wait_until([&] { return xbond("status -j"); }, 20s));
        REQUIRE(xbond("link add bond0 type bond"));
        REQUIRE(xbond("link set v0 master bond0"));
        REQUIRE(xbond("link add bond1 type bond"));
        daemon.signal(SIGKILL);
        daemon.wait(10s);
    }
    REQUIRE(here.run(sweep).ok()); // alive, though no process is in it
    CHECK(fs::exists(pins / "bond0"));
    CHECK(fs::exists(run_dir / "state/bonds/bond0.json"));
    gone.reset();
    CHECK(wait_until([&] { return here.run(sweep).ok() && !fs::exists(pins); }, 20s, 100ms));
    CHECK_FALSE(fs::exists(run_dir));
}
