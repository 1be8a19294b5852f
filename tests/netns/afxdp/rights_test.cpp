// SPDX-License-Identifier: MIT
// What ordinary users may and may not.
#include <catch2/catch.hpp>

#include <filesystem>

#include "tests/netns/afxdp/application.h"
#include "tests/netns/frames.h"
#include "tests/netns/lacp/partner.h"

using namespace xbond::harness;
using xbond::test::Packet;

namespace {

// As uid 65534 in group 4711, with CAP_NET_RAW alone. The program and its library are copied to where anybody may read
// them, as after an install: a build may lie in a directory that only root may enter.
Argv as_user(Daemon &daemon, const std::string &example, const std::vector<std::string> &more = {}) {
    namespace fs = std::filesystem;
    fs::permissions(daemon.dir(), fs::perms::others_exec, fs::perm_options::add);
    const fs::path public_dir = daemon.dir() / "public";
    fs::create_directory(public_dir);
    fs::permissions(public_dir, fs::perms(0755));
    for (const fs::path &file : {fs::path(program(example)), fs::path(program("../xsk/libxbond-xsk.so.0"))}) {
        fs::copy_file(file, public_dir / file.filename()); // follows the library's link
        fs::permissions(public_dir / file.filename(), fs::perms(0755));
    }
    Argv argv = split("setpriv --reuid 65534 --regid 4711 --clear-groups --inh-caps -all,+net_raw --ambient-caps "
                      "-all,+net_raw --bounding-set -all,+net_raw --no-new-privs");
    for (const std::string &word : {std::string("env"), "LD_LIBRARY_PATH=" + public_dir.string(),
                                    (public_dir / example).string(), std::string("bond0"), daemon.socket().string()}) {
        argv.push_back(word);
    }
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
}

// Its sockets are open, and it has tried what else it might get.
bool has_tried(const Process &application) {
    return wait_until([&] { return application.out() == "nothing more\n"; }, 15s);
}

} // namespace

TEST_CASE("a user without a rule gets no sockets, one with a rule and CAP_NET_RAW alone gets its frames") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode balance-xor");
    const auto argv = as_user(lab.daemon(), "xbond-xsk-count");
    lab.cli().ok("xsk allow bond0 group 4712 match all");
    const auto refused = lab.ns().run(argv);
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.find("no rule of xsk_allow is for a group of uid 65534") != std::string::npos);

    lab.cli().ok("xsk forbid bond0 group 4712 match all");
    lab.cli().ok("xsk allow bond0 group 4711 match udp dst 4789");
    CHECK(lab.cli().ok("xsk show bond0") == "group 4711 match udp dst 4789\n");
    REQUIRE(wait_until([&] { return lab.status().slave("e1").xdp != "none"; }));
    Process counter(argv, lab.ns().fd());
    const auto frame =
        Packet(lab.status().mac, station_mac).ipv4("10.99.0.2", "10.99.0.1").udp(4000, 4789).payload(18).build();
    const Injector out(lab.switch_ns(), "s0");
    const bool counted = wait_until(
        [&] {
            out.send(frame);
            const auto said = counter.out();
            return said.find(" packets") != std::string::npos && said.find("\n0 packets") == std::string::npos &&
                   said.rfind("0 packets", 0) != 0;
        },
        10s, 20ms);
    INFO(counter.err());
    CHECK(counted);
}

TEST_CASE("a user with a rule gets nothing beyond it: no map of the bond by descriptor, number or pin, and no change") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode active-backup");
    lab.cli().ok("xsk allow bond0 group 4711 match udp dst 4789");
    REQUIRE(wait_until([&] { return lab.status().slave("e1").xdp != "none"; }));
    const auto pins = (lab.daemon().pin_dir() / "bond0").string();
    const auto tried = lab.ns().run(as_user(lab.daemon(), "xb_hostile_application", {pins}));
    INFO(tried.err);
    CHECK(tried.out == "nothing more\n");
    CHECK(tried.exit_code == 0);
    CHECK(lab.cli().ok("xsk show bond0") == "group 4711 match udp dst 4789\n");
}

TEST_CASE("802.3ad LACP at the fast rate goes on beside a user's application that takes all and reads nothing") {
    PartnerLab lab(1);
    REQUIRE(lab.make_bond("lacp_rate fast xdp native"));
    lab.host().cli().ok("xsk allow bond0 group 4711 match all");
    const Process application(as_user(lab.host().daemon(), "xb_hostile_application", {"/", "stay"}),
                              lab.host().ns().fd());
    INFO(application.err());
    REQUIRE(has_tried(application));
    const auto received = [&] { return lab.host().port("e0").at("stats").at("lacpdu_rx").get<std::uint64_t>(); };
    const auto at_first = received();
    const int expired = lab.expired();
    const auto flood =
        Packet(lab.host().ns().mac("bond0"), station_mac).ipv4("10.98.0.2", "10.98.0.1").udp(1, 2).build();
    const Injector wire(lab.lan(), "p0");
    CHECK(wait_until(
        [&] {
            wire.send(flood, 500); // more than the application's rings hold
            return received() >= at_first + 4;
        },
        15s));
    CHECK(lab.expired() == expired);
    CHECK(lab.host().distributing() == lab.slaves());
}

TEST_CASE("the ARP monitor hears its target beside a user's application that takes all and reads nothing") {
    Lab lab(Switch::Kind::bridge, 2);
    const Server server(lab.network(), "10.99.0.2/24");
    lab.cli().ok("link add bond0 type bond mode active-backup miimon 0 arp_interval 100 arp_ip_target 10.99.0.2 "
                 "arp_validate all primary e0");
    lab.cli().ok("link set bond0 up");
    lab.enslave(0);
    lab.enslave(1);
    lab.ns().ip("addr add 10.99.0.1/24 dev bond0");
    REQUIRE(lab.wait_active("e0"));
    lab.cli().ok("xsk allow bond0 group 4711 match all");
    const Process application(as_user(lab.daemon(), "xb_hostile_application", {"/", "stay"}), lab.ns().fd());
    INFO(application.err());
    REQUIRE(has_tried(application));
    const auto failures = lab.status().slave("e0").failures;
    CHECK(holds_for([&] { return lab.status().active_slave == "e0"; }, 1500ms));
    CHECK(lab.status().slave("e0").failures == failures);
    CHECK_FALSE(lab.ns().run(split("ping -c1 -W1 10.99.0.2")).ok()); // the application has the answers
}

TEST_CASE("descriptors and nonsense beside a request for a bond's state cost the daemon nothing") {
    Lab lab(Switch::Kind::wires, 2);
    lab.make_bond("mode active-backup");
    for (int i = 0; i < 200; ++i) {
        ControlClient client(lab.daemon().socket());
        const auto reply = client.exchange(R"({"v":1,"cmd":"state.open","name":"bond0"})"
                                           "\n");
        REQUIRE(reply);
        CHECK(reply->find("\"ok\":true") != std::string::npos);
    }
    CHECK(lab.refusal(R"({"v":1,"cmd":"state.open","name":"bond9"})") == "ENODEV");
    CHECK(lab.refusal(R"({"v":1,"cmd":"state.open","name":"bond0","sockets":3})") == "EINVAL");
    CHECK(lab.refusal(R"({"v":1,"cmd":"state.open","name":"bond0","sockets":true})") == "EACCES");
    CHECK(lab.status().slaves.size() == 2);
}
