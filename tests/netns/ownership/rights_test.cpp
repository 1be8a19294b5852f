// SPDX-License-Identifier: MIT
// How little of root's rights a controller needs, as a service manager would give them to it, and what it keeps of all.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/netns/frames.h"
#include "tests/netns/lab.h"

using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

// CAP_DAC_READ_SEARCH, NET_BROADCAST, NET_ADMIN, NET_RAW, IPC_LOCK, SYS_PTRACE, SYS_ADMIN, SYS_NICE, PERFMON, BPF
constexpr const char *kept = "000000c000a87804";

std::string rights_of(pid_t pid, const std::string &which) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(which + ":\t")) {
            return line.substr(which.size() + 2);
        }
    }
    return "";
}

// In place of the laboratory's own daemon.
class Limited {
public:
    Limited(Lab &lab, const std::string &rights)
        : lab_(lab),
          daemon_({"setpriv", "--bounding-set", "-all," + rights, "--inh-caps", "-all", program("xbondd"), "--socket",
                   lab.daemon().socket(), "--state-dir", lab.daemon().state_dir(), "--bpffs",
                   lab.daemon().pin_dir().parent_path().parent_path()},
                  lab.ns().fd()) {
        const bool serves = wait_until([&] { return lab_.cli()("-j status").ok(); }, 20s);
        INFO(daemon_.err());
        REQUIRE(serves);
    }
    void stop() {
        daemon_.signal(SIGTERM);
        REQUIRE(daemon_.wait(20s) == 0);
    }

private:
    Lab &lab_;
    Process daemon_;
};

bool forwards(const Lab &lab) {
    const Wires wires(lab, 2);
    Injector(lab.ns(), "bond0").send(udp_frame(0));
    return wires.wait_total(numbered_udp(), 1);
}

constexpr const char *enough = "+net_admin,+net_raw,+bpf,+perfmon,+sys_admin";
constexpr const char *without_admin = "+net_admin,+net_raw,+bpf,+perfmon";

} // namespace

TEST_CASE("rights: a controller keeps what it needs, of all that root may, in each of its threads") {
    Lab lab(Kind::wires, 1);
    const auto tasks = std::filesystem::directory_iterator("/proc/" + std::to_string(lab.daemon().pid()) + "/task");
    for (const auto &task : tasks) {
        const auto thread = static_cast<pid_t>(std::stol(task.path().filename()));
        for (const auto *which : {"CapEff", "CapPrm", "CapBnd"}) {
            CHECK(rights_of(thread, which) == kept);
        }
        CHECK(rights_of(thread, "NoNewPrivs") == "1");
        CHECK(rights_of(thread, "Seccomp") == "2"); // a filter, under which all tests run
    }
}

TEST_CASE("rights: five capabilities are enough for everything, through a restart") {
    Lab lab(Kind::wires, 2);
    REQUIRE(lab.daemon().stop() == 0);
    const auto mac = lab.ns().mac("e1");
    const std::string mode = GENERATE("active-backup", "802.3ad", "balance-rr xdp native");
    {
        Limited daemon(lab, enough);
        lab.make_bond("mode " + mode);
        lab.cli().ok("link set bond0 type bond miimon 50");
        lab.cli().ok("link set bond0 mtu 1400");
        daemon.stop();
    }
    Limited daemon(lab, enough);
    CHECK(lab.status().slaves.size() == 2);
    CHECK((forwards(lab) || mode == "802.3ad")); // which waits for a partner
    lab.cli().ok("link set e1 nomaster");
    CHECK(lab.ns().mac("e1") == mac);
    lab.cli().ok("link del bond0");
    daemon.stop();
}

TEST_CASE("rights: without CAP_SYS_ADMIN bonds are made and run; they are not adopted, and go on") {
    Lab lab(Kind::wires, 2);
    REQUIRE(lab.daemon().stop() == 0);
    {
        Limited daemon(lab, without_admin);
        lab.make_bond("mode active-backup");
        CHECK(forwards(lab));
        lab.cli().ok("link set e1 nomaster");
        lab.enslave(1);
        daemon.stop();
    }
    {
        Limited daemon(lab, without_admin);
        CHECK(lab.cli().json("status").at("not_under_control").size() == 1);
        CHECK(forwards(lab));
        daemon.stop();
    }
    Limited daemon(lab, enough);
    CHECK(lab.status().slaves.size() == 2);
    daemon.stop();
}
