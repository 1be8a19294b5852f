// SPDX-License-Identifier: MIT
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "user/sys/proc_net.h"

using namespace xbond;
using namespace xbond::sys;

namespace {

constexpr std::string_view dev_mcast = "2    eth0            1     0     333300000001\n"
                                       "2    eth0            1     0     01005e000001\n"
                                       "13   eth01           1     0     333300000002\n"
                                       "14   ib0             1     0     00ffffffff12401bffff00000000000000000001\n"
                                       "15   abcdefghijklmno 2     1     0180c2000002";

constexpr std::string_view igmp = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
                                  "1\tlo        :     1      V3\n"
                                  "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
                                  "2\teth0      :     3      V2\n"
                                  "\t\t\t\t030201EF     1 0:00000000\t\t0\n"
                                  "\t\t\t\tFB0000E0     1 0:00000000\t\t1\n"
                                  "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
                                  "3\tabcdefghijklmno:     1      V1\n"
                                  "\t\t\t\t040302EF     1 0:00000000\t\t0\n";

std::vector<MulticastEntry> list_of(std::string_view text, std::string_view ifname) {
    return multicast_list(ifname, parse_dev_mcast(text));
}

} // namespace

TEST_CASE("dev_mcast: the addresses of one device") {
    const MacAddr nodes{{0x33, 0x33, 0, 0, 0, 1}}, hosts{{0x01, 0x00, 0x5e, 0, 0, 1}};
    CHECK(list_of(dev_mcast, "eth0") == std::vector<MulticastEntry>{{nodes, false}, {hosts, false}});
    CHECK(list_of(dev_mcast, "abcdefghijklmno") ==
          std::vector<MulticastEntry>{{MacAddr{{0x01, 0x80, 0xc2, 0, 0, 2}}, true}});
    CHECK(list_of(dev_mcast, "ib0").empty()); // 20 bytes: no Ethernet address
    CHECK(list_of(dev_mcast, "eth").empty());
    CHECK(list_of("2 eth0 1 0 33330000000g\n\n2\n", "eth0").empty());
}

TEST_CASE("igmp: the groups of one device without 224.0.0.1, and the version spoken") {
    const auto eth0 = parse_igmp(igmp, "eth0");
    CHECK(eth0.igmp_version == 2);
    CHECK(eth0.groups == std::vector<std::array<std::uint8_t, 4>>{{239, 1, 2, 3}, {224, 0, 0, 251}});
    CHECK(parse_igmp(igmp, "lo").igmp_version == 3);
    CHECK(parse_igmp(igmp, "lo").groups.empty());
    const auto longest = parse_igmp(igmp, "abcdefghijklmno");
    CHECK(longest.igmp_version == 1);
    CHECK(longest.groups == std::vector<std::array<std::uint8_t, 4>>{{239, 2, 3, 4}});
    CHECK(parse_igmp(igmp, "eth1").groups.empty());
}

TEST_CASE("proc text that was cut or damaged is read without harm") {
    std::mt19937 random(1);
    for (int round = 0; round < 20000; ++round) {
        for (const auto source : {dev_mcast, igmp}) {
            std::string text(source.substr(0, random() % source.size()));
            for (std::size_t i = 0; !text.empty() && i < random() % 8; ++i) {
                text[random() % text.size()] = static_cast<char>(random());
            }
            const std::vector<char> exact(text.begin(), text.end()); // no terminator: a sanitizer sees a read beyond
            const std::string_view view(exact.data(), exact.size());
            const auto groups = parse_igmp(view, "eth0");
            CHECK((groups.igmp_version >= 1 && groups.igmp_version <= 3));
            const auto lines = static_cast<std::size_t>(1 + std::count(view.begin(), view.end(), '\n'));
            CHECK(list_of(view, "eth0").size() <= lines);
            CHECK(groups.groups.size() <= lines);
        }
    }
}
