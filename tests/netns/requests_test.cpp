// SPDX-License-Identifier: MIT
// What requests may cost: the bond nothing that was not asked for, other users nothing, and a failure nothing at all.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <sys/stat.h>
#include <thread>

#include "tests/harness/traffic/udp_stream.h"
#include "tests/harness/trouble/syscall_watch.h"
#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using nlohmann::json;
using Kind = Switch::Kind;

namespace {

std::string config_file(Lab &lab, const std::string &name, const json &bonds) {
    const auto path = lab.daemon().dir() / name;
    std::ofstream(path) << json{{"bonds", bonds}}.dump();
    return path;
}

std::vector<std::string> lines_of(const std::string &text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line.substr(line.starts_with("would: ") ? 7 : 0));
    }
    return lines;
}

} // namespace

TEST_CASE("apply: a dry run prints what apply does, and changes nothing") {
    Lab lab(Kind::wires, 3);
    lab.make_bond("mode active-backup");
    const auto file = config_file(
        lab, "config.json",
        {{"bond0", {{"mode", "active-backup"}, {"miimon", 50}, {"slaves", {"e0", {{"name", "e1"}, {"prio", 10}}}}}},
         {"bond1", {{"mode", "balance-rr"}, {"slaves", {"e2"}}}}});
    const auto before = lab.status_without_times();
    const auto plan = lines_of(lab.cli().ok("apply " + file + " --dry-run"));
    CHECK(lab.status_without_times() == before);
    CHECK_FALSE(lab.ns().exists("bond1"));
    CHECK(plan == std::vector<std::string>{"bond0: set miimon 50", "bond0: e1 set prio 10", "bond0: release e2",
                                           "bond1: create", "bond1: enslave e2", "bond1: up"});
    CHECK(lines_of(lab.cli().ok("apply " + file)) == plan);
    CHECK(lab.cli().ok("apply " + file) == "nothing to change\n");
    CHECK(lab.status().slave("e1").name == "e1");
}

TEST_CASE("apply: a second time rtnetlink is asked for nothing") {
    Lab lab(Kind::wires, 2);
    const auto file =
        config_file(lab, "config.json",
                    {{"bond0", {{"mode", "active-backup"}, {"miimon", 50}, {"up", true}, {"slaves", {"e0", "e1"}}}}});
    lab.cli().ok("apply " + file);
    REQUIRE(lab.wait_link("e0", "up"));
    REQUIRE(lab.wait_link("e1", "up"));
    std::vector<std::unique_ptr<SyscallWatch>> threads;
    for (const auto &thread :
         std::filesystem::directory_iterator("/proc/" + std::to_string(lab.daemon().pid()) + "/task")) {
        threads.push_back(std::make_unique<SyscallWatch>(std::stoi(thread.path().filename())));
    }
    CHECK(lab.cli().ok("apply " + file) == "nothing to change\n");
    std::set<std::string> asked;
    for (const auto &watch : threads) {
        asked.merge(watch->could_sleep());
    }
    std::erase_if(asked, [](const std::string &call) { return !call.starts_with("netlink"); });
    CHECK(asked == std::set<std::string>());
}

TEST_CASE("apply: what fails in the middle leaves everything as it was, devices that were up among it") {
    Lab lab(Kind::wires, 3);
    lab.cli().ok("link add bond0 type bond mode active-backup");
    lab.cli().ok("link set e0 down");
    lab.cli().ok("link set e0 master bond0");
    lab.cli().ok("link set bond0 up");
    lab.ns().ip("addr add 192.0.2.7/24 dev e1\nlink set e1 up\ntuntap add dev t0 mode tun"); // no Ethernet: refused
    const auto file = config_file(
        lab, "config.json", {{"bond0", {{"mode", "active-backup"}, {"miimon", 30}, {"slaves", {"e0", "e1", "t0"}}}}});
    const auto options = lab.cli().json("status bond0").at("bonds").at(0).at("options");
    const auto refused = lab.cli()("apply " + file);
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.find("bonds.bond0: ") != std::string::npos);
    CHECK(lab.cli().json("status bond0").at("bonds").at(0).at("options") == options);
    CHECK(lab.status().slaves.size() == 1);
    CHECK(lab.ns().is_up("e1"));
    CHECK(lab.ns().ip_json("addr show dev e1").at(0).at("addr_info").at(0).at("local") == "192.0.2.7");
}

TEST_CASE("link set: of several changes all are made or none") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    lab.ns().ip("link add m0 type veth peer name m1\ntuntap add dev t0 mode tap");
    lab.cli().ok("link set t0 master bond0");
    const auto before = lab.status_without_times();
    CHECK(lab.cli()("link set bond0 mtu 65535 type bond miimon 50").exit_code == 1); // a tap takes no such mtu
    CHECK(lab.status_without_times() == before);
    CHECK(lab.cli()("link set m0 master bond0 type bond_slave prio abc").exit_code == 1);
    CHECK(lab.status().slaves.size() == 3);
    CHECK(lab.ns().ip_json("link show dev m0").at(0).value("master", "") == "");
}

TEST_CASE("a slave that is renamed, or swaps its name with another, has lost no link") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 5");
    for (int i = 0; i < 10; ++i) {
        lab.ns().ip("link set e0 name x0\nlink set e1 name e0\nlink set x0 name e1");
        lab.ns().ip("link set e0 name x0\nlink set e1 name e0\nlink set x0 name e1");
    }
    REQUIRE(wait_until([&] { return lab.status().slave("e0").link == "up" && lab.status().slave("e1").link == "up"; }));
    const auto status = lab.status();
    INFO(lab.daemon().log());
    CHECK(status.slave("e0").failures == 0);
    CHECK(status.slave("e1").failures == 0);
    CHECK(status.active_slave == "e0");
}

TEST_CASE("slaves that swap their names, also while the controller stands still, lose no packet and announce nothing") {
    Lab lab(Kind::bridge, 2);
    lab.make_bond("mode active-backup miimon 100");
    const Server server(lab.network(), "10.99.0.2/24");
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(wait_until([&] { return lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok(); }, 10s));
    const std::string swap = "link set e0 name x0\nlink set e1 name e0\nlink set x0 name e1\n";
    if (!lab.ns().run(split("ip link set e0 name x0")).ok()) {
        return; // before Linux 6.2
    }
    lab.ns().ip("link set x0 name e0");
    REQUIRE(wait_until([&] { return lab.status().slave("e0").active; }));
    const auto active = lab.ns().ifindex("e0");
    const Wires wires(lab, 2);
    UdpEcho echo(lab.ns(), server.ns(), "10.99.0.2", 500);
    lab.daemon().freeze();
    lab.ns().ip(swap);
    lab.daemon().thaw();
    for (int i = 0; i < 20; ++i) {
        lab.ns().ip(swap);
    }
    REQUIRE(wait_until([&] { return lab.status().active_slave == "e1"; })); // the name that the device has now
    CHECK(lab.ns().ifindex("e1") == active);
    const auto reports = echo.finish();
    CHECK(reports.outbound.lost == 0);
    CHECK(wires.total([](const Frame &frame) {
        const auto arp = as_arp(frame);
        return arp && arp->gratuitous();
    }) == 0);
    const auto status = lab.status();
    INFO(lab.daemon().log());
    CHECK(status.slave("e0").failures == 0);
    CHECK(status.slave("e1").failures == 0);
    lab.cli().ok("link set bond0 type bond primary e0"); // a name: whoever bears it
    REQUIRE(lab.wait_active("e0"));
    lab.ns().ip(swap);
    CHECK(wait_until([&] { return lab.status().primary == "e0" && lab.status().active_slave == "e0"; }));
    CHECK(lab.ns().ifindex("e0") == active);
}

TEST_CASE("a device name that is no UTF-8 is shown, and ends nobody") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup");
    REQUIRE(lab.ns().run({"ip", "link", "set", "e1", "name", "e\xe9"}).ok());
    REQUIRE(wait_until([&] {
        const auto slaves = lab.cli().json("status bond0").at("bonds").at(0).at("slaves");
        return std::ranges::any_of(slaves, [](const json &s) { return s.at("name") == "e\xef\xbf\xbd"; });
    }));
    lab.host().cut(0);
    REQUIRE(wait_until([&] { return lab.status().slave("e0").link == "down"; }));
    lab.daemon().kill9();
    lab.daemon().start();
    CHECK(lab.status().slaves.size() == 2);
    REQUIRE(lab.ns().run({"ip", "link", "set", "e\xe9", "name", "e1"}).ok());
    CHECK(lab.wait_link("e1", "up"));
}

TEST_CASE("a user without rights keeps no daemon from starting") {
    const NetNs ns;
    // The name that earlier versions took for their lock.
    Process squatter(
        {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "-c",
         "import signal,socket\ns=socket.socket(socket.AF_UNIX)\ns.bind('\\0xbondd')\nprint('held',flush=True)\n"
         "signal.pause()"},
        ns.fd());
    REQUIRE(wait_until([&] { return squatter.out().find("held") != std::string::npos; }));
    Daemon daemon(ns);
    daemon.start();
    CHECK(daemon.cli()("status").ok());
    const auto second = daemon.run_to_end({});
    CHECK(second.exit_code == 1);
    CHECK(second.err.find("another xbondd (pid ") != std::string::npos);
    CHECK(daemon.stop() == 0);
}

TEST_CASE("the state directory is root's alone, the socket everybody's, whatever the umask was") {
    const NetNs ns;
    Daemon daemon(ns);
    const auto before = ::umask(GENERATE(0U, 077U));
    daemon.start();
    daemon.cli().ok("link add bond0 type bond");
    ::umask(before);
    struct stat state {};
    struct stat socket {};
    REQUIRE(::stat(daemon.state_dir().c_str(), &state) == 0);
    REQUIRE(::stat(daemon.socket().c_str(), &socket) == 0);
    CHECK((state.st_mode & 07777) == 0700);
    CHECK((socket.st_mode & 0777) == 0666);
    daemon.cli().ok("link del bond0");
    CHECK(daemon.stop() == 0);
}

TEST_CASE("SIGHUP reads the config file again; a broken one changes nothing") {
    const NetNs ns;
    ns.ip("link add e0 type veth peer name s0\nlink set s0 up");
    Daemon daemon(ns);
    const auto path = daemon.dir() / "config.json";
    const auto write = [&](const std::string &text) { std::ofstream(path) << text; };
    write(R"({"bonds":{"bond0":{"mode":"active-backup","miimon":100,"slaves":["e0"]}}})");
    daemon.start({"--config", path});
    const auto miimon = [&] {
        return daemon.cli().json("status bond0").at("bonds").at(0).at("options").at("miimon").get<int>();
    };
    CHECK(miimon() == 100);
    write(R"({"bonds":{"bond0":{"mode":"active-backup","miimon":70,"slaves":["e0"]}}})");
    daemon.hang_up();
    CHECK(wait_until([&] { return miimon() == 70; }));
    write(R"({"bonds":{)");
    daemon.hang_up();
    CHECK(wait_until([&] { return daemon.log().find("SIGHUP: nothing was changed") != std::string::npos; }));
    CHECK(miimon() == 70);
    CHECK(daemon.stop() == 0);
}

TEST_CASE("what somebody sets on the bond's device while a long change is in work: the last word counts") {
    Lab lab(Kind::wires, 2);
    lab.make_bond("mode active-backup miimon 100");
    json bonds;
    for (int n = 1; n <= 12; ++n) {
        bonds["b" + std::to_string(n)] = json::object();
    }
    bonds["bond0"] = {{"mode", "active-backup"}, {"miimon", 100}, {"slaves", {"e0", "e1"}}};
    const auto path = config_file(lab, "long.json", bonds);
    std::thread applying([&] { lab.cli()("apply " + path); });
    REQUIRE(wait_until([&] { return lab.ns().exists("b1"); }));
    lab.ns().ip("link set bond0 mtu 1400");
    CHECK(holds_for([&] { return lab.ns().mtu("bond0") == 1400; }, 100ms)); // it is told of, and waits for its turn
    lab.ns().ip("link set bond0 mtu 1500");                                 // as it was: nothing to do
    applying.join();
    CHECK(holds_for([&] { return lab.ns().mtu("bond0") == 1500 && lab.ns().mtu("e0") == 1500; }, 500ms));
}

TEST_CASE("the loop makes no call that can sleep, whatever is asked of it and whatever happens") {
    const auto mode = GENERATE(as<std::string>{}, "active-backup miimon 100 fail_over_mac active resend_igmp 2",
                               "802.3ad miimon 100 lacp_rate fast", "balance-alb miimon 100",
                               "active-backup arp_interval 100 arp_ip_target 10.99.0.2 arp_validate all");
    DYNAMIC_SECTION(mode) {
        Lab lab(Switch::Kind::wires, 3);
        const SyscallWatch watch(lab.daemon().pid());
        lab.cli().ok("link add bond0 type bond mode " + mode);
        lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
        lab.cli().ok("link set bond0 up");
        for (int n = 0; n < 3; ++n) {
            lab.enslave(n);
        }
        lab.host().cut(0);
        CHECK(wait_until([&] { return lab.status().slave("e0").link != "up"; }));
        lab.host().join(0);
        lab.cli().ok("link set bond0 mtu 1400 address 02:00:00:00:77:01");
        lab.cli().ok("link set bond0 type bond resend_igmp 3");
        lab.cli().ok("link set e1 nomaster");
        lab.ns().ip("link del e2\nlink set bond0 promisc on\nlink set e0 name f0");
        CHECK(wait_until([&] { return lab.status().slaves.size() == 1; }));
        for (const char *question : {"status", "-d link show", "proc bond0", "explain bond0 tcp 10.99.0.1 10.99.0.2"}) {
            (void)lab.cli()(question);
        }
        CHECK(lab.refusal(R"({"v":1,"cmd":"link.set","name":"f0","master":"nobody"})") == "ENODEV");
        lab.cli().ok("link del bond0");
        CHECK(watch.seen() > 100);
        CHECK(watch.could_sleep() == std::set<std::string>());
    }
}
