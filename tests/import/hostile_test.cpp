// SPDX-License-Identifier: MIT
// Files that were made to hurt: refused with file and line, at once, with nothing run.
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <random>
#include <sys/stat.h>

#include "tests/import/tree.h"

using namespace xbond;
using test::Contents;
using test::import_tree;
using test::Tree;

namespace {

constexpr std::size_t hundred_kb = 100000;

std::string repeat(const std::string &text, std::size_t bytes = hundred_kb) {
    std::string out;
    while (out.size() < bytes) {
        out += text;
    }
    return out;
}

struct Target {
    std::string path, head; // what makes the file one of its format
};
const std::vector<Target> targets{
    {"etc/sysconfig/network-scripts/ifcfg-bond0", "DEVICE=bond0\nTYPE=Bond\n"},
    {"etc/sysconfig/network/ifcfg-bond0", "BONDING_MASTER=yes\n"},
    {"etc/modprobe.d/bond.conf", "alias bond0 bonding\n"},
    {"etc/rc.local", "ifenslave bond0 eth0\n"},
    {"etc/network/interfaces", "iface bond0 inet manual\n  bond-mode 1\n"},
    {"etc/netplan/a.yaml", "network:\n  version: 2\n"},
    {"etc/systemd/network/a.netdev", "[NetDev]\nName=bond0\nKind=bond\n"},
    {"etc/NetworkManager/system-connections/a.nmconnection", "[connection]\ntype=bond\ninterface-name=bond0\n"},
    {"etc/teamd/a.conf", "{\"device\": \"team0\",\n"},
    {"etc/udev/rules.d/a.rules", "KERNEL==\"eth*\", NAME=\"eth0\"\n"}};

void check_refused(const std::string &path, const std::string &text, bool with_line = true) {
    const Tree tree(Contents{{path, text}});
    const auto before = std::chrono::steady_clock::now();
    const auto imported = import_tree(tree.root());
    const auto took = std::chrono::steady_clock::now() - before;
    INFO(path << ": " << text.substr(0, 80));
    REQUIRE_FALSE(imported);
    INFO(imported.error().message);
    CHECK(imported.error().message.starts_with(path + (with_line ? ":" : "")));
    CHECK(imported.error().message.size() < 400);
#ifdef __SANITIZE_ADDRESS__
    CHECK(took < std::chrono::seconds(10));
#else
    CHECK(took < std::chrono::seconds(1));
#endif
}

} // namespace

TEST_CASE("import: a line of 100 kB, and a NUL byte, are refused in every format with file and line") {
    for (const auto &[path, head] : targets) {
        check_refused(path, head + repeat("A"));
        check_refused(path, head + "x=" + std::string(1, '\0') + "y\n" + repeat("# comment\n"));
        check_refused(path, head + std::string(hundred_kb, '\0'));
    }
}

TEST_CASE("import: YAML nested deep, or multiplied by aliases, is refused with file and line") {
    const std::string path = "etc/netplan/a.yaml";
    std::string deep = "network:\n  version: 2\n  bonds:\n";
    for (std::size_t depth = 2; deep.size() < hundred_kb; ++depth) {
        deep += std::string(depth * 2, ' ') + "a:\n";
    }
    check_refused(path, deep);
    std::string flow = "network: ";
    for (std::size_t i = 0; i < hundred_kb; ++i) {
        flow += i % 1000 == 0 ? "\n [" : "[";
    }
    check_refused(path, flow);
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; bomb.size() < hundred_kb; ++i) {
        const auto alias = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + alias;
        for (int k = 0; k < 9; ++k) {
            bomb += ", " + alias;
        }
        bomb += "]\n";
    }
    check_refused(path, bomb);
    check_refused(path, "network: &a\n  version: 2\n  bonds: *b\n");
    check_refused(path, "network:\n" + repeat("  \t- {[\n"));
}

TEST_CASE("import: JSON nested deep is refused with file and line") {
    std::string deep;
    for (std::size_t i = 0; i < hundred_kb; ++i) {
        deep += i % 100 == 0 ? "\n[" : "[";
    }
    check_refused("etc/teamd/a.conf", deep);
    check_refused("etc/teamd/a.conf", "{\"device\": \"team0\", \"device\": \"team1\"}");
    std::string keys = "{";
    for (int i = 0; keys.size() < hundred_kb; ++i) {
        keys += "\n\"k" + std::to_string(i) + "\": 1,";
    }
    check_refused("etc/teamd/a.conf", keys + "\"z\": 1}");
}

TEST_CASE("import: a command substitution is refused, and nothing is run") {
    const std::string mark = "/tmp/xbond-import-ran";
    for (const auto &text :
         std::vector<std::string>{"BONDING_OPTS=\"mode=1 miimon=$(touch " + mark + "; echo 100)\"\n",
                                  "BONDING_OPTS=`touch " + mark + "`\n", "IPADDR=$(touch " + mark + ")\n"}) {
        check_refused("etc/sysconfig/network-scripts/ifcfg-bond0", "DEVICE=bond0\n" + repeat(text));
        check_refused("etc/sysconfig/network/ifcfg-bond0", "BONDING_MASTER=yes\n" + repeat(text));
    }
    check_refused("etc/sysconfig/network-scripts/ifcfg-bond0", "DEVICE=bond0\nMASTER=$NAME\n");
    check_refused("etc/rc.local", "modprobe bonding mode=$(touch " + mark + ")\n");
    struct stat st {};
    CHECK(::stat(mark.c_str(), &st) != 0);
}

TEST_CASE("import: a quote, a section or a bracket without end is refused with file and line") {
    check_refused("etc/sysconfig/network-scripts/ifcfg-bond0",
                  "DEVICE=bond0\nBONDING_OPTS=\"mode=1\n" + repeat("A=b\n"));
    check_refused("etc/systemd/network/a.netdev", "[NetDev]\n[Bond\n" + repeat("A=b\n"));
    check_refused("etc/NetworkManager/system-connections/a", "[connection]\nid=\\q\n" + repeat("A=b\n"));
    check_refused("etc/network/interfaces", "iface bond0 inet manual\n" + repeat("  bond-mode\n"));
    check_refused("etc/netplan/a.yaml", "network: {version: 2,\n" + repeat(" x: [1,\n"));
}

TEST_CASE("import: many bonds, slaves, stanzas and assignments take no long time") {
    std::string ini, stanzas = "iface lo inet loopback\n", names;
    for (int i = 0; i < 1500; ++i) {
        names += " eth" + std::to_string(i);
    }
    for (int i = 0; i < 3000; ++i) {
        stanzas += "iface bond" + std::to_string(i) + " inet manual\n bond-slaves eth" + std::to_string(i) + "\n";
    }
    const Tree tree(Contents{{"etc/network/interfaces", stanzas},
                             {"etc/systemd/network/a.netdev", "[NetDev]\nName=agg0\nKind=bond\n"},
                             {"etc/systemd/network/b.network", "[Match]\nName=" + names + "\nDriver=" + names +
                                                                   "\nPath=" + names + "\n[Network]\nBond=agg0\n"}});
    const auto before = std::chrono::steady_clock::now();
    (void)import_tree(tree.root());
    CHECK(std::chrono::steady_clock::now() - before <
          std::chrono::seconds(15)); // with sanitizers on a busy machine; 0.2 s else
}

TEST_CASE("import: symlinks lead nowhere outside the root, and what is no file is no configuration") {
    const Tree outside(Contents{{"secret", "DEVICE=bond9\nTYPE=Bond\n"}});
    const Tree tree(Contents{{"etc/sysconfig/network-scripts/ifcfg-bond0", "DEVICE=bond0\nTYPE=Bond\n"}});
    const auto directory = tree.root() / "etc/sysconfig/network-scripts";
    std::filesystem::create_symlink(outside.root() / "secret", directory / "ifcfg-bond9");
    std::filesystem::create_symlink("../../../../../../.." + (outside.root() / "secret").string(),
                                    directory / "ifcfg-bond8");
    const auto imported = import_tree(tree.root());
    REQUIRE(imported);
    CHECK(imported->config["bonds"].size() == 1);

    REQUIRE(::mkfifo((directory / "ifcfg-bond7").c_str(), 0600) == 0);
    const auto refused = import_tree(tree.root());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.starts_with("etc/sysconfig/network-scripts/ifcfg-bond7"));
}

// Bytes are changed, doubled and left out of files that are in order: whatever comes out, it comes at once and whole.
TEST_CASE("import: files that were tampered with are taken or refused") {
    std::mt19937 dice(20260927);
    const auto number = [&](std::size_t below) {
        return std::uniform_int_distribution<std::size_t>(0, below - 1)(dice);
    };
    const std::vector<std::pair<std::string, std::string>> good{
        {"etc/netplan/a.yaml",
         "network:\n  version: 2\n  ethernets: {eno1: {match: {name: \"e*\"}}}\n  bonds:\n    bond0:\n"
         "      interfaces: [eno1]\n      parameters: {mode: 802.3ad, up-delay: 2s}\n"},
        {"etc/teamd/a.conf",
         "{\"device\": \"team0\", \"runner\": {\"name\": \"lacp\", \"tx_hash\": [\"eth\"]},\n"
         "\"link_watch\": [{\"name\": \"ethtool\"}, {\"name\": \"arp_ping\", \"target_host\": \"192.0.2.1\"}]}"},
        {"etc/network/interfaces",
         "iface bond0 inet static\n up ifenslave bond0 eth0\n bond-slaves glob swp1-4\n bond-mode 4\n"},
        {"etc/sysconfig/network-scripts/ifcfg-bond0",
         "DEVICE='bond0'\nBONDING_OPTS=\"mode=1 arp_ip_target=+192.0.2.1\" # x\n"},
        {"etc/systemd/network/a.netdev",
         "[NetDev]\nName=bond0\nKind=bond\n[Bond]\nMode=802.3ad\nMIIMonitorSec=0.1s\\\n\n"},
        {"etc/systemd/network/a.network",
         "[Match]\nName=e[a-z]* !x\nPath=pci-*\n[Network]\nBond=bond0\nPrimarySlave=yes\n"},
        {"etc/NetworkManager/system-connections/a",
         "[connection]\ntype=bond\ninterface-name=bond0\n[bond]\nmode=1\nminiimon=1\n"},
        {"etc/modprobe.d/a.conf",
         "alias bond0 bonding\noptions bond0 mode=1 max_bonds=3 arp_interval=0x10 \\\n primary=eth0\n"},
        {"etc/rc.local",
         "modprobe bonding mode=1 && ifenslave bond0 eth0 eth1\necho +eth2 > /sys/class/net/bond0/bonding/slaves\n"},
        {"proc/net/bonding/bond0",
         "Bonding Mode: load balancing (round-robin) (fail_over_mac active)\nPrimary Slave: a (primary_reselect b)\n"}};
    for (int round = 0; round < 400; ++round) {
        const auto &[path, text] = good[number(good.size())];
        auto bytes = text;
        for (std::size_t changes = 1 + number(4); changes > 0 && !bytes.empty(); --changes) {
            const auto at = number(bytes.size());
            const auto what = number(4);
            if (what == 0) {
                bytes[at] = static_cast<char>(number(256));
            } else if (what == 1) {
                bytes.insert(at, bytes.substr(at / 2, number(40)));
            } else if (what == 2) {
                bytes.erase(at, 1 + number(8));
            } else {
                constexpr std::string_view odd = "\"'\\${}[]:,#=&*!\n -%";
                bytes.insert(at, 1, odd[number(odd.size())]);
            }
        }
        const Tree tree(Contents{{path, bytes}});
        INFO(path << "\n" << bytes);
        const auto imported = import_tree(tree.root());
        if (imported) {
            CHECK_NOTHROW(import::to_json(*imported).dump());
        } else {
            CHECK_FALSE(imported.error().message.empty());
        }
    }
}
