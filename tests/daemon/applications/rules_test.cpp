// SPDX-License-Identifier: MIT
// Rules of xsk_allow: as they are typed, as they read back, as the data path has them.
#include <catch2/catch.hpp>

#include "user/core/options/option_table.h"
#include "user/daemon/applications/rules.h"

using namespace xbond;

namespace {

std::string refusal(const std::string &text) {
    const auto rule = core::parse_xsk_rule(text);
    return rule ? "" : rule.error().message;
}

Result<void> set(core::Options &options, const std::string &value) {
    return core::set_option(options, {}, {"xsk_allow", value}, nullptr);
}

} // namespace

TEST_CASE("a rule reads back as one spelling, whatever the order and the blanks were") {
    for (const auto &[typed, read] : {
             std::pair{"group q match all", "group q match all"},
             std::pair{" group  q match dst 4789 udp", "group q match udp dst 4789"},
             std::pair{"group 7 match proto 17 src 1-9 vlan 3", "group 7 match vlan 3 udp src 1-9"},
             std::pair{"group q match proto 89", "group q match proto 89"},
             std::pair{"group q match ethertype 0x86dd queue 2", "group q match ethertype ip6 queue 2"},
             std::pair{"group q match mac 02:00:00:00:00:09", "group q match mac 02:00:00:00:00:09"},
         }) {
        const auto rule = core::parse_xsk_rule(typed);
        REQUIRE(rule);
        CHECK(core::text(*rule) == read);
        CHECK(core::parse_xsk_rule(read) == *rule);
    }
}

TEST_CASE("a rule that makes no sense is refused with the reason") {
    for (const char *bad : {"", "group q", "group q match", "match all", "group q match port 3", "group q match dst",
                            "group q match udp dst 70000", "group q match udp dst 9-3", "group q match vlan 4095",
                            "group q match udp udp", "group q match queue 64", "group q match mac xx"}) {
        CAPTURE(bad);
        CHECK_FALSE(refusal(bad).empty());
    }
    CHECK(refusal("group q match dst 53").find("tcp, udp or sctp") != std::string::npos);
    CHECK(refusal("group q match ethertype arp udp").find("only IP") != std::string::npos);
}

TEST_CASE("rules are added and removed one by one, and replaced as a list") {
    core::Options options;
    REQUIRE(set(options, "+group a match udp dst 53"));
    REQUIRE(set(options, "+group b match all"));
    CHECK(options.xsk_allow == "group a match udp dst 53; group b match all");
    CHECK(set(options, "+group c match all").error().code == EEXIST);
    CHECK(set(options, "-group a match all").error().code == ENOENT);
    REQUIRE(set(options, "-group a match udp dst 53"));
    CHECK(options.xsk_allow == "group b match all");
    REQUIRE(set(options, "group c match vlan 5;group d match vlan 6"));
    CHECK(core::get_option(options, "xsk_allow") == "group c match vlan 5; group d match vlan 6");
    REQUIRE(set(options, ""));
    CHECK(options.xsk_allow.empty());
}

TEST_CASE("a bond takes sixteen rules, the next one is refused") {
    core::Options options;
    for (int i = 0; i < 16; ++i) {
        REQUIRE(set(options, "+group a match vlan " + std::to_string(i)));
    }
    CHECK(set(options, "+group a match vlan 16").error().code == ENOSPC);
}

TEST_CASE("the data path has of a rule what has to fit, in its byte orders") {
    const auto rule = daemon::encode(*core::parse_xsk_rule("group q match vlan 7 ethertype ip udp src 1 dst 2-3"));
    CHECK(rule.fields ==
          (XB_RULE_IN_USE | XB_RULE_VLAN | XB_RULE_ETHERTYPE | XB_RULE_PROTOCOL | XB_RULE_SRC | XB_RULE_DST));
    CHECK(rule.vlan == 7);
    CHECK(rule.ethertype == 0x0008);
    CHECK(rule.protocol == 17);
    CHECK((rule.src_first == 1 && rule.src_last == 1 && rule.dst_first == 2 && rule.dst_last == 3));
    const auto other = daemon::encode(*core::parse_xsk_rule("group p match vlan 7"));
    const auto same = daemon::encode(*core::parse_xsk_rule("group q match vlan 7"));
    CHECK(other.group != same.group); // another group's sockets are others
}
