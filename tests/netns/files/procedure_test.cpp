// SPDX-License-Identifier: MIT
// The procedure of the old how-tos as README.zh-CN.md tells it: its first chapter's commands, run as they stand there
// on a machine whose /etc is empty and whose files are served below /run/xbond.
#include <catch2/catch.hpp>

#include "tests/docs/pages.h"
#include "tests/netns/files/mounted.h"
#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

// The blocks of the first chapter that run.
std::vector<std::string> commands() {
    const auto all = test::docs::blocks("README.zh-CN.md");
    std::vector<std::string> first;
    for (const auto &block : all) {
        if (block.chapter == all.front().chapter && block.language == "sh" && block.not_run.empty()) {
            first.push_back(block.text);
        }
    }
    return first;
}

class Machine {
public:
    Machine() : sw_(Kind::bridge), host_(sw_, 0), daemon_(host_.ns()) {
        for (int n = 0; n < 2; ++n) {
            const auto name = "eth" + std::to_string(n), port = "s" + std::to_string(n);
            host_.ns().veth(name, sw_.ns(), port);
            host_.ns().ip("link set " + name + " address 00:00:5e:00:53:1" + std::to_string(n));
            sw_.add_port(port);
        }
        sw_.ns().ip("addr add 192.168.101.254/24 dev br0\nlink set br0 up");
        daemon_.start();
        files_.emplace(host_.ns(), daemon_);
        // Where they are on a machine: the control socket of its namespace, and the short names. /run is this test's.
        const std::filesystem::path run = "/run/xbond", own = run / std::to_string(host_.ns().inode());
        std::filesystem::create_symlink(daemon_.socket(), own / "control");
        std::filesystem::create_symlink(files_->dir() / "proc", run / "proc");
        std::filesystem::create_symlink(files_->dir() / "sys", run / "sys");
        std::filesystem::create_directory(daemon_.dir() / "etc");
    }
    Machine(const Machine &) = delete;
    Machine &operator=(const Machine &) = delete;
    ~Machine() {
        for (const char *name : {"/run/xbond/proc", "/run/xbond/sys"}) {
            std::filesystem::remove(name);
        }
    }
    // In a mount namespace whose /etc is this machine's.
    CommandResult shell(const std::string &script) const {
        const auto bin = std::filesystem::path(program("xbond")).parent_path().string();
        const std::string begin =
            "mount --bind " + (daemon_.dir() / "etc").string() + " /etc || exit 1; PATH=" + bin + ":$PATH; set -e; ";
        return host_.ns().run({"unshare", "--mount", "sh", "-c", begin + "eval \"$0\"", script});
    }
    std::string proc() const { return text_of("/run/xbond/proc/net/bonding/bond0"); }
    bool proc_says(const std::string &text) const {
        return wait_until([&] { return proc().find(text) != std::string::npos; }, 10s);
    }
    void check_equal_addresses() const {
        CHECK(host_.ns().mac("eth0") == host_.ns().mac("bond0"));
        CHECK(host_.ns().mac("eth1") == host_.ns().mac("bond0"));
    }
    const Switch &network() const { return sw_; }
    Cli cli() const { return daemon_.cli(); }

private:
    Switch sw_;
    Host host_;
    harness::Daemon daemon_;
    std::optional<Mounted> files_;
};

} // namespace

TEST_CASE(
    "README.zh-CN: the commands of its first chapter lead from files on disk to a bond, and through its restart") {
    if (no_fuse()) {
        return;
    }
    const bool arp = GENERATE(false, true);
    DYNAMIC_SECTION((arp ? "mode=1 arp_interval=500 with a target" : "mode=1 miimon=100")) {
        const Machine machine;
        const auto blocks = commands();
        REQUIRE(blocks.size() == 10);
        for (const auto &block : blocks) {
            if (!arp && block.find("arp_interval") != std::string::npos) {
                continue; // one of the two lines
            }
            INFO(block);
            const bool looks = block.find("grep -q") != std::string::npos || block.find("test ") != std::string::npos;
            if (looks) { // a look comes when the monitor has made up its mind
                CHECK(machine.proc_says("Currently Active Slave: eth0\nMII Status: up\n"));
                machine.check_equal_addresses();
            }
            const auto done = machine.shell(block);
            INFO(done.out << done.err);
            REQUIRE(done.ok());
        }
        CHECK(machine.proc_says("Bonding Mode: fault-tolerance (active-backup)\n"));
        CHECK(machine.proc_says(arp ? "ARP Polling Interval (ms): 500\n" : "MII Polling Interval (ms): 100\n"));
        CHECK(machine.proc_says(arp ? "ARP IP target/s (n.n.n.n form): 192.168.101.254\n" : "Slave Interface: eth1\n"));
        CHECK(machine.proc_says("Currently Active Slave: eth0\nMII Status: up\n"));
        machine.check_equal_addresses();
        machine.network().cut("s0");
        CHECK(machine.proc_says("Currently Active Slave: eth1\nMII Status: up\n"));
        CHECK(text_of("/run/xbond/sys/class/net/bond0/bonding/active_slave") == "eth1\n");
    }
}
