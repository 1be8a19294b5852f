// SPDX-License-Identifier: MIT
// A network namespace is its cookie: what another one left is applied to nothing here, and goes when that has gone.
#include <bpf/bpf.h>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/fd.h"
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

// A namespace with a bond of two slaves, whose controller is killed.
class Abandoned {
public:
    explicit Abandoned(const BpfFs &bpffs) : ns_(std::make_unique<NetNs>()) {
        const NetNs &ns = *ns_;
        ns.ip("link add v0 type veth peer name w0\nlink add v1 type veth peer name w1\nlink set w0 up\nlink set w1 up");
        pins_ = bpffs.path() / "xbond" / std::to_string(ns.inode());
        run_dir_ = fs::path("/run/xbond") / std::to_string(ns.inode());
        daemon_ = std::make_unique<Process>(Argv{program("xbondd"), "--bpffs", bpffs.path()}, ns.fd());
        const auto xbond = [&](const std::string &words) { return ns.run(split(program("xbond") + " " + words)).ok(); };
        const bool made = wait_until([&] { return xbond("status -j"); }, 30s) && xbond("link add bond0 type bond") &&
                          xbond("link set v0 master bond0") && xbond("link set v1 master bond0") &&
                          xbond("link set bond0 up");
        if (!made) {
            throw std::runtime_error("no bond: " + daemon_->err());
        }
        note_objects();
    }
    void kill() const { daemon_->signal(SIGKILL); }
    void forget() {
        daemon_->wait(10s);
        ns_.reset();
    }
    bool left_something() const {
        const auto exists = [](int fd) { return static_cast<bool>(xbond::Fd(fd)); };
        return fs::exists(pins_) || fs::exists(run_dir_) ||
               std::any_of(programs_.begin(), programs_.end(),
                           [&](auto id) { return exists(bpf_prog_get_fd_by_id(id)); }) ||
               std::any_of(maps_.begin(), maps_.end(), [&](auto id) { return exists(bpf_map_get_fd_by_id(id)); });
    }
    std::size_t objects() const { return programs_.size() + maps_.size(); }

private:
    void note_objects() { // of which each has its own kind of description
        for (const auto &entry : fs::directory_iterator(pins_ / "bond0")) {
            const xbond::Fd fd(bpf_obj_get(entry.path().c_str()));
            std::error_code a_mark;
            const auto what = fs::read_symlink("/proc/self/fd/" + std::to_string(fd.get()), a_mark).string();
            bpf_prog_info program{};
            bpf_map_info map{};
            std::uint32_t size = sizeof program;
            if (what == "anon_inode:bpf-prog" && bpf_obj_get_info_by_fd(fd.get(), &program, &size) == 0) {
                programs_.push_back(program.id);
            }
            size = sizeof map;
            if (what == "anon_inode:bpf-map" && bpf_obj_get_info_by_fd(fd.get(), &map, &size) == 0) {
                maps_.push_back(map.id);
            }
        }
    }

    std::unique_ptr<NetNs> ns_;
    std::unique_ptr<Process> daemon_;
    fs::path pins_, run_dir_;
    std::vector<std::uint32_t> programs_, maps_;
};

} // namespace

TEST_CASE("netns: of twenty that are killed and deleted at once nothing is left after five seconds of an xbondd") {
    const BpfFs bpffs;
    std::vector<std::unique_ptr<Abandoned>> all;
    for (int n = 0; n < 20; ++n) {
        all.push_back(std::make_unique<Abandoned>(bpffs));
        REQUIRE(all.back()->objects() >= 12);
    }
    for (const auto &one : all) {
        one->kill();
    }
    for (const auto &one : all) {
        one->forget();
    }
    const NetNs here;
    Process fresh({program("xbondd"), "--bpffs", bpffs.path()}, here.fd());
    REQUIRE(wait_until([&] { return here.run({program("xbond"), "status"}).ok(); }, 20s));
    CHECK(wait_until(
        [&] { return std::none_of(all.begin(), all.end(), [](const auto &one) { return one->left_something(); }); },
        5s));
    INFO(fresh.err());
    fresh.signal(SIGTERM);
    CHECK(fresh.wait(10s) == 0);
}

TEST_CASE("watch: the data path's timer runs only while the bond is up and has a slave") {
    Lab lab(Kind::wires, 2);
    lab.cli().ok("link add bond0 type bond mode active-backup");
    const auto runs = [&] {
        return lab.cli().json("status bond0").at("bonds").at(0).at("datapath").at("watch_runs").get<std::uint64_t>();
    };
    const auto runs_now = [&] {
        const auto before = runs();
        return !holds_for([&] { return runs() == before; }, 300ms, 20ms);
    };
    if (lab.status().carrier_check == "none") {
        return;
    }
    lab.cli().ok("link set bond0 up");
    CHECK_FALSE(runs_now());
    lab.enslave(0);
    lab.enslave(1);
    CHECK(runs_now());
    lab.cli().ok("link set bond0 down");
    CHECK_FALSE(runs_now());
    lab.cli().ok("link set bond0 up");
    CHECK(runs_now());
    lab.ns().ip("link del e0\nlink del e1");
    REQUIRE(wait_until([&] { return lab.status().slaves.empty(); }));
    CHECK_FALSE(runs_now());
    lab.host().add_slave(5);
    lab.cli().ok("link set e5 master bond0");
    CHECK(runs_now());
}

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
