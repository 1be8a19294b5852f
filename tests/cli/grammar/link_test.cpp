// SPDX-License-Identifier: MIT
// iproute2's grammar: what is typed and the request that goes to the daemon.
#include <catch2/catch.hpp>

#include "tests/cli/words.h"
#include "tests/core/options/extended_table.h"
#include "user/cli/grammar/args.h"

using namespace xbond;
using namespace xbond::cli;

namespace {

// The request as it goes over the wire, without the envelope's head.
std::string request(const std::string &line) {
    const auto in = test::parse_line(line);
    if (!in) {
        return "usage: " + in.error().message;
    }
    const auto *r = std::get_if<api::Request>(&in->action);
    if (!r) {
        return "no request";
    }
    auto text = api::encode_request(*r);
    text.pop_back();
    return text.substr(std::string(R"({"v":1,"cmd":)").size());
}

struct Case {
    std::string line, request;
};

} // namespace

TEST_CASE("cli: link add, set and delete as ip has them") {
    for (
        const auto &[line, expected] : std::vector<Case>{
            {"link add bond0 type bond", R"("link.add","name":"bond0","options":[]})"},
            {"link add dev bond0 type bond mode active-backup miimon 100",
             R"("link.add","name":"bond0","options":[["mode","active-backup"],["miimon","100"]]})"},
            {"l a name bond0 address 52:54:00:aa:bb:01 mtu 9000 type bond mode 4",
             R"("link.add","name":"bond0","options":[["mode","4"]],"address":"52:54:00:aa:bb:01","mtu":9000})"},
            {"link add bond0 type bond arp_interval 100 arp_ip_target 10.0.0.1,10.0.0.2",
             R"("link.add","name":"bond0","options":[["arp_interval","100"],["arp_ip_target","10.0.0.1,10.0.0.2"]]})"},
            {"li add bond0 mtu 1400 type bond xmit layer3+4 num_unsol_na 2 carrier 5 xdp off",
             R"("link.add","name":"bond0","options":[["xmit_hash_policy","layer3+4"],["num_unsol_na","2"],)"
             R"(["carrier_watch","5"],["xdp","off"]],"mtu":1400})"},
            {"link add bond0 type bond frobnicate 1", R"("link.add","name":"bond0","options":[["frobnicate","1"]]})"},
            {"link add bond0 up type bond", R"("link.add","name":"bond0","options":[],"up":true})"},
            {"link add dev bond0 down master br0 qlen 500 type bond mode 1",
             R"("link.add","name":"bond0","options":[["mode","1"]],"master":"br0","up":false,"device":[["txqueuelen","500"]]})"},
            {"link set bond0 name lan0",
             R"("link.set","name":"bond0","options":[],"slave_options":[],"new_name":"lan0"})"},
            {"link set dev bond0 promisc on alias uplink",
             R"("link.set","name":"bond0","options":[],"slave_options":[],"device":[["promisc","on"],["alias","uplink"]]})"},
            {"link set bond0 vrf blue",
             R"("link.set","name":"bond0","options":[],"slave_options":[],"master":"blue"})"},
            {"link set eth0 master bond0",
             R"("link.set","name":"eth0","options":[],"slave_options":[],"master":"bond0"})"},
            {"link set dev eth0 nomaster", R"("link.set","name":"eth0","options":[],"slave_options":[],"master":""})"},
            {"link set bond0 up", R"("link.set","name":"bond0","options":[],"slave_options":[],"up":true})"},
            {"link set down dev bond0", R"("link.set","name":"bond0","options":[],"slave_options":[],"up":false})"},
            {"link set bond0 type bond primary eth0 primary_reselect failure",
             R"("link.set","name":"bond0","options":[["primary","eth0"],["primary_reselect","failure"]],)"
             R"("slave_options":[]})"},
            {"link set bond0 type bond active_slave eth1",
             R"("link.set","name":"bond0","options":[["active_slave","eth1"]],"slave_options":[]})"},
            {"link set bond0 type bond clear_active_slave",
             R"("link.set","name":"bond0","options":[["active_slave",""]],"slave_options":[]})"},
            {"link set bond0 type bond clear miimon 50",
             R"("link.set","name":"bond0","options":[["active_slave",""],["miimon","50"]],"slave_options":[]})"},
            {"link set eth0 type bond_slave prio -10 queue_id 2",
             R"("link.set","name":"eth0","options":[],"slave_options":[["prio","-10"],["queue_id","2"]]})"},
            {"link set eth0 up master bond0 mtu 9000 addr 52:54:00:aa:bb:01 type bond_slave q 1",
             R"("link.set","name":"eth0","options":[],"slave_options":[["queue_id","1"]],"master":"bond0","up":true,)"
             R"("address":"52:54:00:aa:bb:01","mtu":9000})"},
            {"link set eth0 mast bond0",
             R"("link.set","name":"eth0","options":[],"slave_options":[],"master":"bond0"})"},
            {"link set dev eth0 nomast", R"("link.set","name":"eth0","options":[],"slave_options":[],"master":""})"},
            {"link set bond0 al uplink txqueue 5",
             R"("link.set","name":"bond0","options":[],"slave_options":[],"device":[["alias","uplink"],["txqueuelen","5"]]})"},
            {"link set bond0 type bond arp_ip_target +192.168.1.254",
             R"("link.set","name":"bond0","options":[["arp_ip_target","+192.168.1.254"]],"slave_options":[]})"},
            {"link set bond0 type bond arp_interval 0 arp_ip_target",
             R"("link.set","name":"bond0","options":[["arp_interval","0"],["arp_ip_target",""]],"slave_options":[]})"},
            {"link set bond0 type bond ns_ip6_target",
             R"("link.set","name":"bond0","options":[["ns_ip6_target",""]],"slave_options":[]})"},
            {"l s bond0 up", R"("link.set","name":"bond0","options":[],"slave_options":[],"up":true})"},
            {"link change bond0 up", R"("link.set","name":"bond0","options":[],"slave_options":[],"up":true})"},
            {"link set dev up down", R"("link.set","name":"up","options":[],"slave_options":[],"up":false})"},
            {"link del bond0", R"("link.del","name":"bond0"})"},
            {"link delete dev bond0 type bond", R"("link.del","name":"bond0"})"},
            {"l d bond0", R"("link.del","name":"bond0"})"}}) {
        INFO(line);
        CHECK(request(line) == expected);
    }
}

TEST_CASE("cli: link show, its abbreviations and filters") {
    const std::string all = R"("link.show","details":false,"statistics":false})";
    for (const auto &[line, expected] : std::vector<Case>{
             {"link", all},
             {"l sh", all},
             {"link list", all},
             {"link lst", all},
             {"link show bond0", R"("link.show","name":"bond0","details":false,"statistics":false})"},
             {"-d -s link show dev bond0", R"("link.show","name":"bond0","details":true,"statistics":true})"},
             {"-details -stats -json l ls bond0", R"("link.show","name":"bond0","details":true,"statistics":true})"},
             {"link show bond0 -d", R"("link.show","name":"bond0","details":true,"statistics":false})"},
             {"link show type bond", all},
             {"link show master bond0", all}}) {
        INFO(line);
        CHECK(request(line) == expected);
    }
    CHECK(test::parse_line("link show type bond")->filter.bonds_only);
    CHECK(test::parse_line("link show type bond_slave")->filter.slaves_only);
    CHECK(test::parse_line("link show up")->filter.up_only);
    CHECK(test::parse_line("link show master bond0")->filter.master == "bond0");
    CHECK(test::parse_line("link show nomaster")->filter.master == "");
    CHECK(test::parse_line("link show down novf")->filter.down_only);
    CHECK(test::parse_line("link show group 7")->filter.group == "7");
    CHECK(test::parse_line("-o link")->globals.oneline);
    CHECK(test::parse_line("link show -br")->globals.brief);
}

TEST_CASE("cli: link usage errors say what was expected") {
    for (const auto &[line, says] :
         std::vector<Case>{{"link add", "which device"},
                           {"link add bond0", "expected type bond"},
                           {"link add bond0 type bridge", "xbond knows the types bond and bond_slave"},
                           {"link add bond0 type", "type needs a value"},
                           {"link add bond0 type bond mode", "mode needs a value"},
                           {"link add bond0 type bond_slave prio 1", "expected type bond"},
                           {"link add abcdefghijklmno type bond", "at most 14 bytes"},
                           {"link add a/b type bond", "no interface name"},
                           {"link add bond0 mtu big type bond", "mtu: expected a number 68..65535, got \"big\""},
                           {"link add bond0 address zz type bond", "address: expected"},
                           {"link add bond0 address 01:00:00:00:00:01 type bond", "unicast"},
                           {"link add bond0 bond1 type bond", "two devices"},
                           {"link set", "which device"},
                           {"link set bond0", "what about bond0?"},
                           {"link set eth0 master", "master needs a value"},
                           {"link set eth0 master a/b", "master: "},
                           {"link del", "which device"},
                           {"link del bond0 up", "takes a bond and nothing else"},
                           {"link show type vlan", "xbond shows the types bond and bond_slave"},
                           {"link set bond0 promisc maybe", "expected on|off"},
                           {"link add bond0 master a/b type bond", "master: "},
                           {"link set bond0 name a/b", "no interface name"},
                           {"--jsno link", "did you mean -json?"},
                           {"lnik", "did you mean link?"},
                           {"link show a b", "unexpected \"b\""},
                           {"link set bond0 link-netns x", "are in one network namespace"},
                           {"link set dev bond0 xdp off", "xbond xdp attach"},
                           {"link set bond0 addrgenmode none", "ip link set does"},
                           {"link add bond0 numtxqueues 4 type bond", "no such thing"},
                           {"link property add dev bond0 altname x", "given by ip"},
                           {"link xstats", "expected type bond"},
                           {"link xstats type bridge", "expected type bond"},
                           {"link xstats type bond dev", "needs a value"},
                           {"-batch", "needs a value"},
                           {"-b file link show", "commands are lines of the file"},
                           {"-force link show", "-force is for -batch"},
                           {"link explode", "known: add, set, delete, show"}}) {
        INFO(line);
        const auto got = request(line);
        INFO(got);
        CHECK(got.starts_with("usage: "));
        CHECK(got.find(says) != std::string::npos);
    }
}

TEST_CASE("cli: link xstats, of bonds and of slaves") {
    const auto of = [](const std::string &line) { return std::get<Xstats>(test::parse_line(line)->action); };
    CHECK_FALSE(of("link xstats type bond").of_slaves);
    CHECK(of("link xstats type bond_slave 802.3ad").of_slaves);
    CHECK(of("l x t bond lacp dev bond0").device == "bond0");
    CHECK(test::parse_line("-j link xstats type bond dev bond0")->globals.json);
}

TEST_CASE("cli: --help is understood behind every command, and tells of it") {
    for (const char *command : {"link", "link add", "link set bond0", "link show", "status", "monitor", "proc bond0",
                                "explain", "doctor", "apply", "lacp", "options"}) {
        for (const char *word : {"--help", "-h"}) {
            INFO(command << " " << word);
            const auto in = test::parse_line(std::string(command) + " " + word);
            REQUIRE(in);
            const auto *help = std::get_if<Help>(&in->action);
            REQUIRE(help);
            CHECK(help_text(*help).find("  " + std::string(command).substr(0, std::string(command).find(' '))) !=
                  std::string::npos);
            CHECK(help_text(*help).size() < help_text(Help{}).size());
        }
    }
    CHECK(std::get<Help>(test::parse_line("link add bond0 type bond --help")->action).topic == "bond");
    CHECK(std::get<Help>(test::parse_line("link set e0 type bond_slave -h")->action).topic == "bond_slave");
}

TEST_CASE("cli: every option of the table may be abbreviated") {
    for (const auto &row : core::option_table()) {
        std::vector<std::string_view> words = core::aliases(row);
        words.push_back(row.name);
        for (const auto word : words) {
            const std::string shortened(word.substr(0, word.size() - 1));
            const auto in = test::parse_line("link set bond0 type bond " + shortened + " x");
            REQUIRE(in);
            const auto name = std::get<api::LinkSet>(std::get<api::Request>(in->action)).options.at(0).name;
            INFO(shortened << " became " << name);
            CHECK(core::find_option(name) == &row);
        }
    }
    for (const auto &row : core::slave_option_table()) {
        const std::string shortened(row.name.substr(0, row.name.size() - 1));
        CHECK(request("link set eth0 type bond_slave " + shortened + " 1") ==
              request("link set eth0 type bond_slave " + std::string(row.name) + " 1"));
    }
}

TEST_CASE("cli: a beginning that several options share is the one that ip takes it for") {
    for (const auto &[typed, means] :
         std::vector<std::pair<std::string, std::string>>{{"m", "mode"},
                                                          {"mon", "monitors"},
                                                          {"mi", "miimon"},
                                                          {"a", "active_slave"},
                                                          {"ar", "arp_interval"},
                                                          {"p", "peer_notify_delay"},
                                                          {"peer_notif", "peer_notify_delay"},
                                                          {"pr", "primary"},
                                                          {"n", "ns_ip6_target"},
                                                          {"num", "num_grat_arp"},
                                                          {"l", "lp_interval"},
                                                          {"lacp_", "lacp_rate"},
                                                          {"lacp_a", "lacp_active"},
                                                          {"ad", "ad_select"},
                                                          {"ad_a", "ad_actor_sys_prio"},
                                                          {"co", "coupled_control"},
                                                          {"x", "xmit_hash_policy"},
                                                          {"xd", "xdp"}}) {
        INFO(typed);
        CHECK(request("link set bond0 type bond " + typed + " 1") ==
              request("link set bond0 type bond " + means + " 1"));
    }
    CHECK(request("link set bond0 type bond c") == request("link set bond0 type bond clear_active_slave"));
}

TEST_CASE("cli: a new row of the option table is a keyword, and so are its other spellings") {
    const auto table = test::extended_table();
    const auto words = bond_keywords(table);
    CHECK(std::ranges::find(words, "spare") != words.end());
    CHECK(std::ranges::find(words, "extra_tyre") != words.end());
    CHECK(option_table_text({true}, table)
              .find("| `spare` (extra_tyre) | 0..5 | 0 | 4 | bond down | wheels that wait for their turn |\n") !=
          std::string::npos);
    CHECK(option_table_text({}, table).find("  spare (extra_tyre)  0..5  [0]\n") != std::string::npos);
}
