// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/ovs.h"
#include "tests/harness/traffic/sniffer.h"
#include "tests/harness/wait.h"

using namespace xbond::harness;

namespace {

bool ovs() {
    if (!OvsSwitch::installed()) {
        std::cout << "SKIPPED: Open vSwitch is not installed (scripts/deps)\n";
    }
    return OvsSwitch::installed();
}

constexpr const char *fast = "bond_mode=balance-tcp lacp=active other_config:lacp-time=fast";

bool is_lacpdu(const Frame &frame) {
    return !frame.outgoing && frame.bytes.size() == 124 && frame.bytes[12] == 0x88 && frame.bytes[13] == 0x09 &&
           frame.bytes[14] == 1;
}

// The processes of this program `name` that run in the namespace.
int processes_in(const NetNs &ns, const std::string &name) {
    int found = 0;
    for (const auto &entry : std::filesystem::directory_iterator("/proc")) {
        std::error_code gone;
        const auto where = std::filesystem::read_symlink(entry.path() / "ns/net", gone);
        const auto what = std::filesystem::read_symlink(entry.path() / "exe", gone);
        found += where == "net:[" + std::to_string(ns.inode()) + "]" && what.filename() == name ? 1 : 0;
    }
    return found;
}

std::ptrdiff_t directories() { return std::ranges::distance(std::filesystem::directory_iterator("/run")); }

} // namespace

TEST_CASE("harness: Open vSwitch sends LACPDUs on its bond at the fast rate and shows the state of each port") {
    if (!ovs()) {
        return;
    }
    const NetNs host, lan; // first: from here on /run is the sandbox's
    const auto directories_before = directories();
    for (const std::string n : {"0", "1"}) {
        host.veth("e" + n, lan, "p" + n);
        host.set_up("e" + n, true);
    }
    {
        const OvsSwitch sw(lan);
        sw.add_bond("bond0", {"p0", "p1"}, fast);
        const Sniffer sniffer(host, "e0");
        CHECK(sniffer.wait_count(is_lacpdu, 3, 10s));
        const OvsLacp shown = sw.lacp_show("bond0");
        CHECK(shown.fields.at("lacp_time") == "fast");
        CHECK(shown.fields.at("status").starts_with("active"));
        REQUIRE(shown.members.size() == 2);
        CHECK(shown.member("p1").fields.at("actor state").starts_with("activity timeout aggregation"));
        CHECK(shown.member("p1").fields.at("partner sys_id") == "00:00:00:00:00:00");
        sw.set_port("bond0", "other_config:lacp-time=slow");
        CHECK(sw.lacp_show("bond0").fields.at("lacp_time") == "slow");
        sw.del_port("bond0");
        CHECK_THROWS(sw.lacp_show("bond0"));
        CHECK(processes_in(lan, "ovs-vswitchd") == 1);
    }
    CHECK(processes_in(lan, "ovs-vswitchd") + processes_in(lan, "ovsdb-server") == 0);
    CHECK_FALSE(lan.exists("br0"));
    CHECK(directories() == directories_before);
}

TEST_CASE("harness: two passive bonds of Open vSwitch default; once one is active they negotiate and forward") {
    if (!ovs()) {
        return;
    }
    const NetNs a, b;
    for (const std::string n : {"0", "1"}) {
        a.veth("a" + n, b, "b" + n);
    }
    const OvsSwitch left(a), right(b);
    for (const auto &[sw, ports] : {std::pair{&left, std::vector<std::string>{"a0", "a1"}}, {&right, {"b0", "b1"}}}) {
        sw->add_bond("bond0", ports, "lacp=passive other_config:lacp-time=fast");
    }
    CHECK(holds_for([&] { return !left.lacp_show("bond0").member("a0").status.starts_with("current"); }, 4s, 50ms));
    CHECK(left.lacp_show("bond0").member("a0").status.starts_with("defaulted"));
    left.set_port("bond0", "lacp=active");
    const auto negotiated = [&] {
        const auto shown = left.lacp_show("bond0");
        return shown.fields.at("status") == "active negotiated" &&
               std::ranges::all_of(shown.members, [](const auto &m) {
                   return m.status == "current attached" && m.fields.at("may_enable") == "true";
               });
    };
    CHECK(wait_until(negotiated, 15s, 50ms));
    CHECK(left.lacp_show("bond0").member("a0").fields.at("partner sys_id") ==
          right.lacp_show("bond0").fields.at("sys_id"));

    const NetNs c, d;
    a.veth("ca", c, "c0");
    b.veth("db", d, "d0");
    left.add_port("ca");
    right.add_port("db");
    c.ip("link set c0 up\naddr add 10.98.0.1/24 dev c0");
    d.ip("link set d0 up\naddr add 10.98.0.2/24 dev d0");
    CHECK(wait_until([&] { return c.run(split("ping -c1 -W1 10.98.0.2")).ok(); }, 10s));
}

TEST_CASE("harness: Open vSwitch dies with a test that is killed") {
    if (!ovs()) {
        return;
    }
    const NetNs lan;
    REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); // to reap the orphans
    const pid_t test = fork();
    if (test == 0) {
        try {
            const OvsSwitch sw(lan);
            raise(SIGKILL);
        } catch (const std::exception &e) {
            std::cerr << e.what() << '\n';
        }
        _exit(1);
    }
    int status = 0;
    REQUIRE(waitpid(test, &status, 0) == test);
    CHECK(WIFSIGNALED(status));
    CHECK(wait_until([&] { return waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; }));
    CHECK(processes_in(lan, "ovs-vswitchd") + processes_in(lan, "ovsdb-server") == 0);
}
