// SPDX-License-Identifier: MIT
// What ordinary users may and may not.
#include <catch2/catch.hpp>

#include <filesystem>

#include "tests/netns/afxdp/application.h"
#include "tests/netns/frames.h"

using namespace xbond::harness;
using xbond::test::Packet;

namespace {

// As uid 65534 in group 4711, with CAP_NET_RAW alone. The program and its library are copied to where anybody may read
// them, as after an install: a build may lie in a directory that only root may enter.
Argv as_user(Daemon &daemon, const std::string &example) {
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
    return argv;
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
