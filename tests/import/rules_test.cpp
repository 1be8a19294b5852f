// SPDX-License-Identifier: MIT
// Rules of formats that no case of the corpus shows.
#include <catch2/catch.hpp>

#include "tests/import/tree.h"

using namespace xbond;
using nlohmann::ordered_json;
using test::Contents;
using test::import_tree;
using test::Tree;

namespace {

ordered_json config_of(const std::map<std::string, std::string> &files) {
    const Tree tree(files);
    const auto imported = import_tree(tree.root());
    INFO((imported ? "" : imported.error().message));
    REQUIRE(imported);
    return imported->config["bonds"];
}

std::string refusal_of(const std::map<std::string, std::string> &files) {
    const Tree tree(files);
    const auto imported = import_tree(tree.root());
    return imported ? "" : imported.error().message;
}

std::string notes_of(const std::map<std::string, std::string> &files) {
    const Tree tree(files);
    const auto imported = import_tree(tree.root());
    return imported ? import::notes_text(*imported) : "refused: " + imported.error().message;
}

const std::string ifcfg = "etc/sysconfig/network-scripts/ifcfg-";

} // namespace

TEST_CASE("import: two formats that define a bond differently are refused, both named; alike they are one") {
    const std::string networkd = "[NetDev]\nName=bond0\nKind=bond\n[Bond]\nMode=active-backup\n";
    const std::string port = "[Match]\nName=eth0\n[Network]\nBond=bond0\n";
    const std::string debian = "iface bond0 inet manual\n bond-slaves eth0\n bond-mode ";
    const auto files = [&](const std::string &mode) {
        return std::map<std::string, std::string>{{"etc/systemd/network/a.netdev", networkd},
                                                  {"etc/systemd/network/b.network", port},
                                                  {"etc/network/interfaces", debian + mode + "\n"}};
    };
    const auto refused = refusal_of(files("balance-xor"));
    CHECK(refused.find("etc/systemd/network/a.netdev") != std::string::npos);
    CHECK(refused.find("etc/network/interfaces") != std::string::npos);
    CHECK(config_of(files("1")).size() == 1);
}

TEST_CASE("import: files that netplan has generated are no second definition") {
    const auto bonds = config_of(
        {{"etc/netplan/a.yaml", "network: {version: 2, ethernets: {e0: {}}, bonds: {bond0: {interfaces: [e0]}}}\n"},
         {"run/systemd/network/10-netplan-bond0.netdev", "[NetDev]\nName=bond0\nKind=bond\n[Bond]\nMode=802.3ad\n"},
         {"run/NetworkManager/system-connections/netplan-bond0.nmconnection",
          "[connection]\ntype=bond\ninterface-name=bond0\n[bond]\nmode=4\n"}});
    CHECK(bonds["bond0"]["mode"] == "balance-rr");
}

TEST_CASE("import: units that are masked, or hidden by the same name in /etc, do not count") {
    const Tree tree(Contents{{"usr/lib/systemd/network/a.netdev", "[NetDev]\nName=bond0\nKind=bond\n"},
                             {"usr/lib/systemd/network/b.netdev", "[NetDev]\nName=bond1\nKind=bond\n"},
                             {"usr/lib/systemd/network/c.netdev", "[NetDev]\nName=bond2\nKind=bond\n"},
                             {"etc/systemd/network/b.netdev", ""}});
    std::filesystem::create_symlink("/dev/null", tree.root() / "etc/systemd/network/a.netdev");
    const auto imported = import_tree(tree.root());
    REQUIRE(imported);
    CHECK(imported->config["bonds"].size() == 1);
    CHECK(imported->config["bonds"].contains("bond2"));
}

TEST_CASE("import: the first .network file that fits an interface is the one that counts") {
    const std::map<std::string, std::string> files{
        {"etc/systemd/network/10-all.network", "[Match]\nName=en*\n[Network]\nDHCP=yes\n"},
        {"etc/systemd/network/20-port.network", "[Match]\nName=en0\n[Network]\nBond=bond0\n"},
        {"etc/systemd/network/bond.netdev", "[NetDev]\nName=bond0\nKind=bond\n"}};
    CHECK(config_of(files)["bond0"]["slaves"].empty());
    CHECK(notes_of(files).find("20-port.network:4: Bond: etc/systemd/network/10-all.network comes first") !=
          std::string::npos);
}

TEST_CASE("import: both monitors, as each tool has them") {
    const std::string both = "miimon=100 arp_interval=500 arp_ip_target=192.0.2.1";
    const auto red_hat = config_of({{ifcfg + "bond0", "DEVICE=bond0\nBONDING_OPTS=\"mode=1 " + both + "\"\n"}});
    CHECK(red_hat["bond0"].value("arp_interval", "") == "500"); // written last
    CHECK_FALSE(red_hat["bond0"].contains("miimon"));
    CHECK(refusal_of({{"etc/sysconfig/network/ifcfg-bond0",
                       "BONDING_MASTER=yes\nBONDING_MODULE_OPTS='mode=1 " + both + "'\n"}}) != "");
    const auto module =
        config_of({{"etc/modprobe.d/a.conf", "alias bond0 bonding\noptions bond0 mode=1 " + both + "\n"}});
    CHECK(module["bond0"].value("miimon", "") == "100");
    CHECK_FALSE(module["bond0"].contains("arp_interval"));
}

TEST_CASE("import: what keeps the module from being loaded is refused, what it only warns of is noted") {
    const auto with = [](const std::string &options) {
        return std::map<std::string, std::string>{
            {"etc/modprobe.d/a.conf", "alias bond0 bonding\noptions bond0 " + options + "\n"}};
    };
    CHECK(refusal_of(with("mode=1 fail_over_mac=sometimes")).starts_with("etc/modprobe.d/a.conf:2"));
    CHECK(refusal_of(with("mode=5 miimon=often")).starts_with("etc/modprobe.d/a.conf:2"));
    CHECK(refusal_of(with("mode=backup")).starts_with("etc/modprobe.d/a.conf:2"));
    CHECK(refusal_of(with("mode=1 arp_validate=all")).starts_with("etc/modprobe.d/a.conf:2"));
    CHECK(notes_of(with("mode=1 lacp_rate=fast")).find("lacp_rate") != std::string::npos);
    CHECK(notes_of(with("mode=1 miimon=-5")).find("miimon") != std::string::npos);
    CHECK(notes_of(with("mode=1 arp_interval=100")).find("arp_interval") != std::string::npos);
}

TEST_CASE("import: a boot script alone makes a bond") {
    const auto bonds =
        config_of({{"etc/rc.local", "#!/bin/sh\nmodprobe bonding mode=4 miimon=50 && ip link set bond0 up\n"
                                    "ifenslave bond0 eth0 eth1 # both\n"}});
    CHECK(bonds["bond0"]["mode"] == "802.3ad");
    CHECK(bonds["bond0"]["miimon"] == "50");
    CHECK(bonds["bond0"]["slaves"].size() == 2);
    const auto sysfs = config_of({{"etc/rc.local", "echo +bond7 > /sys/class/net/bonding_masters\n"
                                                   "echo active-backup > /sys/class/net/bond7/bonding/mode\n"
                                                   "echo +eth3 > /sys/class/net/bond7/bonding/slaves\n"}});
    CHECK(sysfs["bond7"]["mode"] == "active-backup");
    CHECK(sysfs["bond7"]["slaves"][0] == "eth3");
    const auto ip =
        config_of({{"etc/rc.local", "ip link add bond3 type bond mode balance-xor xmit_hash_policy layer3+4\n"
                                    "ip link set eth0 down; ip link set dev eth0 master bond3\n"}});
    CHECK(ip["bond3"]["xmit_hash_policy"] == "layer3+4");
    CHECK(ip["bond3"]["slaves"][0] == "eth0");
}

TEST_CASE("import: a kernel's bond by /proc alone") {
    const auto bonds = config_of(
        {{"proc/net/bonding/bond0",
          "Ethernet Channel Bonding Driver: v6.1.0\n\nBonding Mode: IEEE 802.3ad Dynamic link aggregation\n"
          "Transmit Hash Policy: layer3+4 (1)\nMII Status: up\nMII Polling Interval (ms): 50\nUp Delay (ms): 100\n"
          "LACP rate: fast\nMin links: 2\n\nSlave Interface: eth0\nMII Status: up\n"
          "Permanent HW addr: 00:00:5e:00:53:90\nSlave queue ID: 3\n"}});
    CHECK(bonds["bond0"] ==
          ordered_json::parse(R"({"mode":"802.3ad","miimon":"50","updelay":"100","xmit_hash_policy":"layer3+4",
        "min_links":"2","lacp_rate":"fast","slaves":[{"name":"eth0","mac":"00:00:5e:00:53:90","queue_id":3}]})"));
}

TEST_CASE("import: NetworkManager's checks of a profile") {
    const auto profile = [](const std::string &options) {
        return std::map<std::string, std::string>{
            {"etc/NetworkManager/system-connections/a",
             "[connection]\ntype=bond\ninterface-name=bond0\n[bond]\n" + options}};
    };
    for (const std::string bad :
         {"mode=1\nlacp_rate=fast\n", "mode=0\nprimary=eth0\n", "mode=4\narp_interval=100\narp_ip_target=192.0.2.1\n",
          "mode=1\narp_interval=100\n", "mode=1\narp_ip_target=192.0.2.1\n", "mode=1\ncolour=red\n",
          "mode=1\nnum_grat_arp=1\nnum_unsol_na=2\n", "mode=fast\n", "mode=1\nmiimon=often\n"}) {
        INFO(bad);
        CHECK(refusal_of(profile(bad)).starts_with("etc/NetworkManager/system-connections/a:"));
    }
    CHECK(config_of(profile("mode=1\nprimary=eth\\s0\n"))["bond0"].contains("primary") == false);
}

TEST_CASE("import: netplan refuses keys and values that it does not know, and files add up") {
    const std::string head =
        "network:\n  version: 2\n  ethernets: {e0: {}, e1: {}}\n  bonds:\n    bond0:\n      interfaces: [e0, e1]\n";
    const auto with = [&](const std::string &more) {
        return std::map<std::string, std::string>{{"etc/netplan/a.yaml", head + more}};
    };
    CHECK(refusal_of(with("      colour: red\n")).starts_with("etc/netplan/a.yaml:7"));
    CHECK(refusal_of(with("      parameters: {min-links: many}\n")).starts_with("etc/netplan/a.yaml:7"));
    CHECK(refusal_of(with("      parameters: {all-members-active: perhaps}\n")).starts_with("etc/netplan/a.yaml:7"));
    CHECK(refusal_of(with("    bond1: {interfaces: [e1]}\n")).starts_with("etc/netplan/a.yaml:7"));
    CHECK(refusal_of(with("      parameters: {primary: e7}\n")).starts_with("etc/netplan/a.yaml:7"));
    const auto bonds =
        config_of({{"etc/netplan/a.yaml", head},
                   {"run/netplan/b.yaml",
                    "network: {bonds: {bond0: {parameters: {up-delay: 1s, mii-monitor-interval: 50}}}}\n"}});
    CHECK(bonds["bond0"]["updelay"] == "1000");
    CHECK(bonds["bond0"]["miimon"] == "50");
}

TEST_CASE("import: several link watches of a team are monitors that share, with one interval") {
    const std::string watches = R"("link_watch":[{"name":"ethtool","delay_up":200},
{"name":"arp_ping","interval":200,"target_host":"192.0.2.1","validate_active":true,"validate_inactive":true},
{"name":"nsna_ping","target_host":"2001:db8::1"}])";
    const auto with = [&](const std::string &runner, const std::string &more) {
        return test::Contents{
            {"etc/teamd/t.conf", R"({"device":"team0","runner":{"name":")" + runner + "\"}," + watches + more + "}"}};
    };
    const auto any = config_of(with("lacp", ""))["team0"];
    CHECK(any["monitors"] == "any");
    CHECK(any["arp_interval"] == "200");
    CHECK(any["arp_ip_target"] == "192.0.2.1");
    CHECK(any["ns_ip6_target"] == "2001:db8::1");
    CHECK(any["arp_validate"] == "all");
    CHECK(any["updelay"] == "200");
    CHECK(config_of(with("activebackup", R"(,"link_watch_policy":"all")"))["team0"]["monitors"] == "all");
    CHECK(notes_of(with("lacp", "")).find("etc/teamd/t.conf:3: interval:") != std::string::npos);
}
