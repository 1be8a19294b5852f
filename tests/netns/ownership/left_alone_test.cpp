// SPDX-License-Identifier: MIT
// A bond that cannot be taken over is left forwarding, is shown with the reason, and tried again; nothing is deleted
// because something failed.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/harness/trouble/syscall_watch.h"
#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;
namespace fs = std::filesystem;

namespace {

std::string slurp(const fs::path &path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

void spill(const fs::path &path, const std::string &text) { std::ofstream(path) << text; }

fs::path file_of(Lab &lab, const std::string &bond) { return lab.daemon().state_dir() / "bonds" / (bond + ".json"); }

// Why a bond is not under control; "" when it is, or is not there.
std::string why_left(const Lab &lab, const std::string &bond) {
    const auto status = lab.cli().json("status");
    for (const auto &left : status.at("not_under_control")) {
        if (left.at("name") == bond) {
            return left.at("why");
        }
    }
    return "";
}

bool has_bond(const Lab &lab, const std::string &name) {
    const json bonds = lab.cli().json("status").at("bonds");
    return std::any_of(bonds.begin(), bonds.end(), [&](const json &bond) { return bond.at("name") == name; });
}

bool forwards(const Lab &lab) {
    const Wires wires(lab, 2);
    Injector(lab.ns(), "bond0").send(udp_frame(0));
    return wires.wait_total(numbered_udp(), 1);
}

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

bool has_address(const Lab &lab, const std::string &name) {
    return !lab.ns().ip_json("address show dev " + name).at(0).at("addr_info").empty();
}

bool has_pins(Lab &lab, const std::string &bond) { return fs::exists(lab.daemon().pin_dir() / bond); }

struct Device {
    xbond::MacAddr mac;
    int mtu = 0;
    bool up = false;
    bool operator==(const Device &) const = default;
};
Device device(const Lab &lab, const std::string &name) {
    return {lab.ns().mac(name), lab.ns().mtu(name), lab.ns().is_up(name)};
}

std::size_t descriptors(pid_t pid) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd"), {}));
}

// A controller that may open only so many files.
class Poor {
public:
    Poor(Lab &lab, std::size_t limit)
        : process_({"prlimit", "--nofile=" + std::to_string(limit), program("xbondd"), "--socket",
                    lab.daemon().socket(), "--state-dir", lab.daemon().state_dir(), "--bpffs",
                    lab.daemon().pin_dir().parent_path().parent_path()},
                   lab.ns().fd()) {
        serves_ =
            wait_until([&] { return !process_.running() || lab.cli()("status -j").ok(); }, 30s) && process_.running();
    }
    bool serves() const { return serves_; }
    std::string log() const { return process_.out() + process_.err(); }
    std::optional<int> stop() {
        process_.signal(SIGTERM);
        return process_.wait(20s);
    }

private:
    Process process_;
    bool serves_ = false;
};

using Damage = std::string (*)(const std::string &);
const std::vector<std::pair<std::string, Damage>> damages{
    {"cut off", [](const std::string &text) { return text.substr(0, 700); }},
    {"empty", [](const std::string &) { return std::string(); }},
    {"of a newer xbond",
     [](const std::string &text) {
         auto j = json::parse(text);
         j["version"] = 99;
         return j.dump();
     }},
    {"of another bond",
     [](const std::string &text) {
         auto j = json::parse(text);
         j["bond"]["name"] = "bond7";
         return j.dump();
     }},
    {"nested without end", [](const std::string &) { return std::string(100000, '['); }},
};

} // namespace

TEST_CASE("left alone: a state file that cannot be read harms its own bond alone, which goes on forwarding") {
    Lab lab(Kind::wires, 2);
    lab.ns().ip("link set e0 mtu 1400");
    const std::vector before{device(lab, "e0"), device(lab, "e1")};
    lab.make_bond("mode active-backup");
    lab.cli().ok("link add bond1 type bond mode balance-rr");
    REQUIRE(lab.daemon().stop() == 0);
    const auto file = file_of(lab, "bond0");
    const std::string good = slurp(file);
    for (const auto &[what, damage] : damages) {
        INFO(what);
        spill(file, damage(good));
        lab.daemon().start();
        CHECK(has_bond(lab, "bond1"));
        CHECK_FALSE(has_bond(lab, "bond0"));
        CHECK_THAT(why_left(lab, "bond0"), Catch::Contains(file.string()));
        CHECK(contains(lab.cli().ok("status"), "bond0: not under control: "));
        CHECK(forwards(lab));
        CHECK(slurp(file) == damage(good));
        const auto refused = lab.cli()("link add bond0 type bond");
        CHECK_FALSE(refused.ok());
        CHECK(contains(refused.err, "not under control"));
        REQUIRE(lab.daemon().stop() == 0);
    }
    spill(file, "{");
    lab.daemon().start();
    spill(file, good); // somebody mends it
    CHECK(wait_until([&] { return has_bond(lab, "bond0"); }, 5s));
    CHECK(lab.status().slaves.size() == 2);
    REQUIRE(lab.daemon().stop() == 0);
    spill(file, "{");
    lab.daemon().start();
    lab.cli().ok("link del bond0"); // from pins and devices alone
    CHECK(why_left(lab, "bond0").empty());
    CHECK_FALSE(lab.ns().exists("bond0"));
    CHECK_FALSE(has_pins(lab, "bond0"));
    CHECK(device(lab, "e0") == before.at(0));
    CHECK(device(lab, "e1") == before.at(1));
    CHECK(slurp(file.string() + ".broken") == "{");
    lab.make_bond("mode active-backup");
    CHECK(forwards(lab));
}

TEST_CASE("left alone: what is noted beside the bonds' files may be anything, and keeps no controller from starting") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    for (const std::string &text : {std::string(R"({"boot_id": 5, "netns": "x"})"), std::string("[1"),
                                    R"({"config": )" + std::string(100000, '[')}) {
        REQUIRE(lab.daemon().stop() == 0);
        for (const char *file : {"applied", "unfinished.json"}) {
            spill(lab.daemon().state_dir() / file, text);
        }
        lab.daemon().start();
        CHECK(has_bond(lab, "bond0"));
        CHECK(forwards(lab));
    }
}

TEST_CASE("left alone: --teardown needs neither state that can be read nor the same options") {
    Lab lab(Kind::wires, 2);
    lab.ns().ip("link set e0 mtu 1400");
    const std::vector before{device(lab, "e0"), device(lab, "e1")};
    lab.make_bond(GENERATE("mode active-backup", "mode balance-rr xdp native"));
    lab.daemon().kill9();
    const auto file = file_of(lab, "bond0");
    Argv options;
    SECTION("a broken file") { spill(file, "\"version\": 4"); }
    SECTION("no file") { fs::remove(file); }
    SECTION("a broken file of an earlier revision") {
        fs::remove(file);
        spill(lab.daemon().state_dir() / "state.json", "[]");
    }
    const auto teardown = lab.daemon().run_to_end({"--teardown"});
    INFO(teardown.err);
    CHECK(teardown.ok());
    CHECK_FALSE(lab.ns().exists("bond0"));
    CHECK(lab.ns().ip_json("link show").size() == 3);
    CHECK_FALSE(has_pins(lab, "bond0"));
    CHECK(device(lab, "e0") == before.at(0));
    CHECK(device(lab, "e1") == before.at(1));
}

TEST_CASE("left alone: --teardown finds what was made with another --bpffs and another --state-dir") {
    Lab lab(Kind::wires, 2);
    lab.ns().ip("link set e0 mtu 1400");
    const std::vector before{device(lab, "e0"), device(lab, "e1")};
    lab.make_bond("mode active-backup");
    lab.daemon().kill9();
    const Daemon other(lab.ns()); // a socket, state and pins of its own, the same namespace
    const auto teardown = other.run_to_end({"--teardown"});
    INFO(teardown.err);
    CHECK(teardown.ok());
    CHECK(lab.ns().ip_json("link show").size() == 3);
    CHECK_FALSE(has_pins(lab, "bond0"));
    CHECK(device(lab, "e0") == before.at(0));
    CHECK(device(lab, "e1") == before.at(1));
}

TEST_CASE("left alone: with another --bpffs the data path that is found nowhere does not go on to decide") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    lab.daemon().kill9();
    const BpfFs elsewhere;
    Process second({program("xbondd"), "--socket", lab.daemon().socket(), "--state-dir", lab.daemon().state_dir(),
                    "--bpffs", elsewhere.path()},
                   lab.ns().fd());
    REQUIRE(wait_until([&] { return lab.cli()("status -j").ok(); }, 20s));
    REQUIRE(lab.wait_active("e0"));
    CHECK(forwards(lab));
    lab.cli().ok("link set bond0 type bond active_slave e1");
    const Wires wires(lab, 2);
    Injector(lab.ns(), "bond0").send(udp_frame(0));
    CHECK(wires.wait_total(numbered_udp(), 1));
    CHECK(wires.count(1, numbered_udp()) == 1);
    second.signal(SIGTERM);
    CHECK(second.wait(10s) == 0);
}

TEST_CASE("left alone: a slave that a lost data path still holds is taken in all the same") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    lab.daemon().kill9();
    lab.ns().ip("link del bond0"); // the hooks on the slaves stay
    const Daemon other(lab.ns());
    Process second({program("xbondd"), "--socket", lab.daemon().socket(), "--state-dir", other.state_dir(), "--bpffs",
                    other.pin_dir().parent_path().parent_path()},
                   lab.ns().fd());
    REQUIRE(wait_until([&] { return lab.cli()("status -j").ok(); }, 20s));
    lab.ns().ip("link set e0 down\nlink set e1 down");
    lab.make_bond("mode active-backup");
    Injector(lab.switch_ns(), "s0").send(udp_frame(0));
    CHECK(wait_until([&] { return lab.status().slave("e0").rx_packets > 0; }, 3s));
    second.signal(SIGTERM);
    CHECK(second.wait(10s) == 0);
}

TEST_CASE("left alone: a broken file of a bond that is not here is kept aside and keeps no name") {
    Lab lab(Kind::wires, 2);
    REQUIRE(lab.daemon().stop() == 0);
    fs::create_directories(file_of(lab, "bond0").parent_path());
    spill(file_of(lab, "bond0"), "{");
    lab.daemon().start();
    CHECK(why_left(lab, "bond0").empty());
    CHECK(slurp(file_of(lab, "bond0").string() + ".broken") == "{");
    lab.make_bond("mode active-backup");
    CHECK(forwards(lab));
}

TEST_CASE("left alone: without descriptors bonds keep devices, addresses and traffic, and are taken over later") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    const auto with_one = descriptors(lab.daemon().pid());
    for (int n = 1; n < 6; ++n) {
        const std::string name = "bond" + std::to_string(n);
        lab.cli().ok("link add " + name + " type bond");
        lab.ns().ip("addr add 192.0.2." + std::to_string(n) + "/32 dev " + name);
    }
    const auto with_all = descriptors(lab.daemon().pid()), of_a_bond = (with_all - with_one) / 5;
    REQUIRE(lab.daemon().stop() == 0);
    Poor poor(lab, with_all - of_a_bond - of_a_bond / 2); // for four, and half of one
    INFO(poor.log());
    REQUIRE(poor.serves());
    const auto status = lab.cli().json("status");
    CHECK(status.at("not_under_control").size() == 2);
    CHECK(status.at("bonds").size() == 4);
    CHECK(contains(status.at("not_under_control").at(0).at("why"), "Too many open files"));
    CHECK(forwards(lab));
    for (int n = 1; n < 6; ++n) {
        CHECK(has_address(lab, "bond" + std::to_string(n)));
        CHECK(fs::exists(file_of(lab, "bond" + std::to_string(n))));
    }
    lab.cli().ok("link del bond1"); // which frees some
    CHECK(wait_until([&] { return lab.cli().json("status").at("not_under_control").size() == 1; }, 15s));
    CHECK(lab.cli().json("status").at("bonds").size() == 4);
    CHECK(poor.stop() == 0);
}

TEST_CASE("left alone: however few descriptors there are, bonds forward and the controller answers, or says why not") {
    Lab lab(Kind::wires, 2);
    lab.cli().ok("link add bond1 type bond");
    lab.make_bond("mode active-backup");
    const auto enough = descriptors(lab.daemon().pid()) + 4;
    REQUIRE(lab.daemon().stop() == 0);
    std::vector<std::size_t> limits{28, 20, 12};
    for (std::size_t less = 0; less < 24; ++less) { // a bond and what a client takes
        limits.push_back(enough - less);
    }
    for (const auto limit : limits) {
        Poor poor(lab, limit);
        INFO(limit << " descriptors: " << poor.log());
        if (poor.serves()) {
            const auto status = lab.cli().json("status");
            CHECK(status.at("bonds").size() + status.at("not_under_control").size() == 2);
            CHECK(poor.stop() == 0);
        } else {
            CHECK(contains(poor.log(), "Too many open files"));
        }
        CHECK(forwards(lab));
    }
    lab.daemon().start();
    CHECK(lab.cli().json("status").at("bonds").size() == 2);
    CHECK(lab.status().slaves.size() == 2);
}

TEST_CASE("left alone: what is tried again, taken over, made anew or removed costs the loop no call that can sleep") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    lab.cli().ok("link add bond1 type bond");
    lab.cli().ok("link add bond2 type bond");
    REQUIRE(lab.daemon().stop() == 0);
    const auto file = file_of(lab, "bond0");
    const std::string good = slurp(file);
    for (const std::string name : {"bond0", "bond2"}) {
        spill(file_of(lab, name), "{");
    }
    lab.daemon().start();
    const SyscallWatch watch(lab.daemon().pid());
    spill(file, damages.at(2).second(good)); // another fault: it has been tried again once that is told
    lab.daemon().hang_up();
    CHECK(wait_until([&] { return contains(why_left(lab, "bond0"), "99"); }, 10s));
    CHECK(contains(lab.cli()("link set e0 master bond1").err, "bond0"));
    SECTION("its pins are as they were") {}
    SECTION("its pins are of no use") { fs::remove(lab.daemon().pin_dir() / "bond0/xb_stats"); }
    SECTION("its device has gone") {
        lab.ns().ip("link del bond0");
        fs::remove_all(lab.daemon().pin_dir() / "bond0");
    }
    spill(file, good);
    lab.daemon().hang_up();
    CHECK(wait_until([&] { return why_left(lab, "bond0").empty(); }, 10s));
    lab.cli().ok("link del bond2");
    CHECK(why_left(lab, "bond2").empty());
    CHECK(watch.seen() > 100);
    CHECK(watch.could_sleep() == std::set<std::string>());
}

TEST_CASE("left alone: a bond whose maker was killed before it was saved is cleared away by the next") {
    Lab lab(Kind::wires, 2);
    lab.cli().ok("link add bond0 type bond");
    lab.daemon().kill9();
    fs::remove(file_of(lab, "bond0"));
    lab.ns().ip("link set dev bond0p alias '' group " + std::to_string(0x78626e64));
    SECTION("with all its pins") {}
    SECTION("with some of its pins") {
        fs::remove(lab.daemon().pin_dir() / "bond0/xb_rx");
        fs::remove(lab.daemon().pin_dir() / "bond0/tx_peer");
    }
    SECTION("without pins") { fs::remove_all(lab.daemon().pin_dir() / "bond0"); }
    lab.daemon().start();
    CHECK(why_left(lab, "bond0").empty());
    CHECK_FALSE(lab.ns().exists("bond0"));
    CHECK_FALSE(has_pins(lab, "bond0"));
    lab.make_bond("mode active-backup");
    CHECK(forwards(lab));
}

TEST_CASE("left alone: the pair is marked from its first moment, and otherwise once it is saved") {
    Lab lab(Kind::wires, 1);
    lab.cli().ok("link add bond0 type bond");
    CHECK(contains(lab.ns().link("bond0p").value("ifalias", ""), "bond0"));
    CHECK(lab.ns().link("bond0p").at("group") == "default");
}

TEST_CASE("left alone: pins that are of no use are replaced without a packet lost") {
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode active-backup");
    const Server server(lab.network(), "10.99.0.2/24");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    lab.daemon().kill9();
    fs::remove(lab.daemon().pin_dir() / "bond0/xb_stats");
    UdpEcho echo(lab.ns(), server.ns(), "10.99.0.2", 500);
    lab.daemon().start();
    const auto reports = echo.finish();
    INFO(reports.outbound.text() << " / " << reports.inbound.text());
    CHECK(reports.outbound.lost == 0);
    CHECK(reports.inbound.lost == 0);
    CHECK(lab.status().hook == "tcx");
}

TEST_CASE("left alone: a bond whose pins are replaced keeps slaves and addresses, and is under control") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    lab.ns().ip("addr add 192.0.2.1/24 dev bond0");
    lab.daemon().kill9();
    fs::remove(lab.daemon().pin_dir() / "bond0" / GENERATE("xb_stats", "xb_tx", "tx_bond"));
    lab.daemon().start();
    CHECK(lab.status().slaves.size() == 2);
    CHECK(why_left(lab, "bond0").empty());
    CHECK(has_address(lab, "bond0"));
    CHECK(lab.wait_active("e0"));
    CHECK(forwards(lab));
    CHECK(std::distance(fs::directory_iterator(lab.daemon().pin_dir()), {}) == 1);
    lab.cli().ok("link set bond0 type bond active_slave e1"); // the new one decides
    const Sniffer wire(lab.switch_ns(), "s1");
    Injector(lab.ns(), "bond0").send(udp_frame(0));
    CHECK(wire.wait_count(numbered_udp(), 1));
    lab.cli().ok("link del bond0");
    CHECK_FALSE(has_pins(lab, "bond0"));
}
