// SPDX-License-Identifier: MIT
// Options of the ARP/NS monitor: values, errnos, exclusions and what follows from them (`arp.options`).
#include <catch2/catch.hpp>

#include <random>

#include "tests/core/lab.h"
#include "user/core/options/option_table.h"
#include "user/core/options/targets.h"

using namespace xbond;
using namespace xbond::test;
using core::get_option;
using core::Monitors;
using core::Options;
using core::set_option;

namespace {

int code(Options &options, const std::string &name, const std::string &value) {
    const Options before = options;
    const auto done = set_option(options, {}, {name, value}, nullptr);
    if (!done) {
        CHECK(options == before);
        CHECK_THAT(done.error().message, Catch::Contains(name));
    }
    return done ? 0 : done.error().code;
}

std::string numbered(int first, int last) {
    std::string list;
    for (int i = first; i <= last; ++i) {
        list += (list.empty() ? "10.0.0." : ",10.0.0.") + std::to_string(i);
    }
    return list;
}

} // namespace

TEST_CASE("P16 modes 4 to 6: arp_interval, arp_validate and arp_missed_max are EACCES, the lists of targets are kept") {
    for (const Mode mode : {Mode::ieee8023ad, Mode::balance_tlb, Mode::balance_alb}) {
        Options options;
        options.mode = mode;
        for (const char *name : {"arp_interval", "arp_validate", "arp_missed_max", "missed_max"}) {
            CHECK(code(options, name, "1") == EACCES);
        }
        CHECK(code(options, "arp_ip_target", "10.0.0.1") == 0);
        CHECK(code(options, "ns_ip6_target", "fe80::1") == 0);
        CHECK(code(options, "arp_all_targets", "all") == 0);
    }
}

TEST_CASE("P16 with monitors any or all the ARP monitor belongs to every mode") {
    for (const Mode mode : {Mode::ieee8023ad, Mode::balance_tlb, Mode::balance_alb}) {
        Options options;
        options.mode = mode;
        REQUIRE(code(options, "monitors", "any") == 0);
        CHECK(code(options, "arp_interval", "100") == 0);
        CHECK(code(options, "arp_validate", "all") == 0);
        CHECK(code(options, "arp_missed_max", "3") == 0);
        CHECK(options.miimon_ms == 100);
        CHECK(code(options, "miimon", "0") == 0);
        CHECK(code(options, "monitors", "exclusive") == EINVAL); // the mode would refuse arp_interval
        CHECK(code(options, "arp_interval", "0") == 0);
        CHECK(code(options, "monitors", "exclusive") == 0);
    }
}

TEST_CASE("P17 miimon and arp_interval: the one that is set ends the other") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"miimon", "100"}});
    lab.enslave("e0");
    lab.set("arp_interval", "200");
    CHECK(get_option(lab.bond.options, "miimon") == "0");
    CHECK(core::deadline(lab.bond) == lab.now);
    lab.set("arp_validate", "all");
    lab.set("miimon", "100");
    CHECK(get_option(lab.bond.options, "arp_interval") == "0");
    CHECK(get_option(lab.bond.options, "arp_validate") == "none");
    std::vector<std::string> told;
    for (const auto &[when, t] : lab.seen<Transition>()) {
        if (t.machine == "option") {
            told.push_back(t.cause + ": " + t.from + " > " + t.to);
        }
    }
    CHECK(told == std::vector<std::string>{"miimon follows arp_interval: 100 > 0", "arp_interval set by user: 0 > 200",
                                           "arp_validate set by user: none > all", "miimon set by user: 0 > 100",
                                           "arp_interval follows miimon: 200 > 0",
                                           "arp_validate follows miimon: all > none"});
}

TEST_CASE("P17 0 ends nothing, and arp_validate without the ARP monitor survives miimon") {
    Options options;
    CHECK(code(options, "arp_validate", "active") == 0);
    CHECK(code(options, "arp_interval", "0") == 0);
    CHECK(options.miimon_ms == 100);
    CHECK(code(options, "miimon", "50") == 0);
    CHECK(get_option(options, "arp_validate") == "active");
    CHECK(code(options, "arp_interval", "100") == 0);
    CHECK(code(options, "miimon", "0") == 0);
    CHECK(options.arp_interval_ms == 100);
}

TEST_CASE("P17 delays are counted in ticks of the MII monitor: EPERM beside the ARP monitor, kept for later") {
    Options options;
    REQUIRE(code(options, "updelay", "200") == 0);
    REQUIRE(code(options, "arp_interval", "100") == 0);
    CHECK(get_option(options, "updelay") == "0");
    CHECK(code(options, "downdelay", "100") == EPERM);
    REQUIRE(code(options, "miimon", "50") == 0);
    CHECK(get_option(options, "updelay") == "100");
}

TEST_CASE("O7 arp_ip_target: 17th, duplicate, 0.x, broadcast and absent are EINVAL, no address is EPERM") {
    Options options;
    REQUIRE(code(options, "arp_ip_target", numbered(1, 16)) == 0);
    CHECK(get_option(options, "arp_ip_target") == numbered(1, 16));
    CHECK(code(options, "arp_ip_target", "+10.0.0.17") == EINVAL);
    CHECK(code(options, "arp_ip_target", numbered(1, 17)) == EINVAL);
    CHECK(code(options, "arp_ip_target", "-10.0.0.1") == 0);
    CHECK(code(options, "arp_ip_target", "+10.0.0.16") == EINVAL);
    CHECK(code(options, "arp_ip_target", "-10.0.0.1") == EINVAL);
    CHECK(code(options, "arp_ip_target", "+0.0.0.1") == EINVAL);
    CHECK(code(options, "arp_ip_target", "+255.255.255.255") == EINVAL);
    for (const char *bad : {"+", "-", "+x", "-1.2.3", "+1.2.3.4.5", "+1.2.3.256", "+ 1.2.3.4", "+1.2.3.4,1.2.3.5"}) {
        INFO(bad);
        CHECK(code(options, "arp_ip_target", bad) == EPERM);
    }
    CHECK(code(options, "arp_ip_target", "+10.0.0.1\n") == 0);
    CHECK(get_option(options, "arp_ip_target") == numbered(2, 16) + ",10.0.0.1");
}

TEST_CASE("O7 arp_ip_target as iproute2 types it: the list is replaced whole or not at all") {
    Options options;
    CHECK(code(options, "arp_ip_target", "192.168.101.254") == 0);
    CHECK(code(options, "arp_ip_target", "10.0.0.1,10.0.0.2") == 0);
    CHECK(get_option(options, "arp_ip_target") == "10.0.0.1,10.0.0.2");
    for (const char *bad : {"10.0.0.3,", ",", "10.0.0.3,10.0.0.3", "10.0.0.3,0.1.2.3", "10.0.0.3,x",
                            "10.0.0.3 10.0.0.4", "10.0.0", "10.0.0.-1", "10.0.0.0x1", "10.0.0.1000", "::1"}) {
        INFO(bad);
        CHECK(code(options, "arp_ip_target", bad) == EINVAL);
    }
    CHECK(get_option(options, "arp_ip_target") == "10.0.0.1,10.0.0.2");
    CHECK(code(options, "arp_ip_target", "") == 0);
    CHECK(options.arp_ip_targets.empty());
}

TEST_CASE("O7 ns_ip6_target: replaced whole; ::, ::1, multicast, duplicate and the 17th are EINVAL") {
    Options options;
    CHECK(code(options, "ns_ip6_target", "fe80::1,2001:db8:0:0:1:0:0:2") == 0);
    CHECK(get_option(options, "ns_ip6_target") == "fe80::1,2001:db8::1:0:0:2");
    for (const char *bad :
         {"::", "::1", "ff02::1", "fe80::1,fe80::1", "fe80::1,", "10.0.0.1", "+fe80::2", "fe80::1%e0"}) {
        INFO(bad);
        CHECK(code(options, "ns_ip6_target", bad) == EINVAL);
    }
    std::string list = "fe80::1";
    for (int i = 2; i <= 16; ++i) {
        list += ",fe80::" + std::to_string(i);
    }
    CHECK(code(options, "ns_ip6_target", list) == 0);
    CHECK(code(options, "ns_ip6_target", list + ",fe80::17") == EINVAL);
    CHECK(code(options, "ns_ip6_target", "") == 0);
    CHECK(options.ns_ip6_targets.empty());
}

TEST_CASE(
    "O9 one request with miimon and arp_interval, or miimon and arp_validate: EINVAL, unless the monitors share") {
    Lab lab(OptionList{{"mode", "active-backup"}});
    CHECK(lab.request({{"miimon", "100"}, {"arp_interval", "100"}}) == EINVAL);
    CHECK(lab.request({{"arp_validate", "all"}, {"miimon", "100"}}) == EINVAL);
    CHECK(lab.request({{"miimon", "0"}, {"arp_interval", "100"}, {"arp_validate", "all"}}) == 0);
    CHECK(lab.request({{"miimon", "100"}, {"arp_interval", "0"}, {"arp_validate", "none"}}) == 0);
    CHECK(lab.request({{"arp_interval", "100"}, {"miimon", "50"}, {"monitors", "all"}, {"arp_validate", "all"}}) == 0);
    CHECK(lab.bond.options.miimon_ms == 50);
    CHECK(lab.bond.options.arp_interval_ms == 100);
    CHECK(lab.request({{"monitors", "exclusive"}}) == EINVAL);
    CHECK(lab.request({{"miimon", "0"}}) == 0);
    CHECK(lab.request({{"monitors", "exclusive"}}) == 0);
    CHECK(lab.bond.options.arp_interval_ms == 100);
}

TEST_CASE("O11 a change of mode ends arp_validate; to modes 4 to 6 it ends the ARP monitor too") {
    Options options;
    REQUIRE(code(options, "arp_interval", "100") == 0);
    REQUIRE(code(options, "arp_validate", "all") == 0);
    REQUIRE(code(options, "mode", "active-backup") == 0);
    CHECK(get_option(options, "arp_validate") == "none");
    CHECK(options.arp_interval_ms == 100);
    CHECK(options.miimon_ms == 0);
}

TEST_CASE("options of the ARP monitor: words, numbers and ranges") {
    Options options;
    const char *const words[] = {"none", "active", "backup", "all", "filter", "filter_active", "filter_backup"};
    for (unsigned i = 0; i < std::size(words); ++i) {
        CHECK(code(options, "arp_validate", words[i]) == 0);
        CHECK(static_cast<unsigned>(options.arp_validate) == i);
        CHECK(core::name(options.arp_validate) == words[i]);
        CHECK(code(options, "arp_validate", std::to_string(i)) == 0);
        CHECK(get_option(options, "arp_validate") == words[i]);
    }
    CHECK(code(options, "arp_validate", "7") == EINVAL);
    CHECK(code(options, "arp_all_targets", "1") == 0);
    CHECK(get_option(options, "arp_all_targets") == "all");
    CHECK(code(options, "arp_all_targets", "2") == EINVAL);
    CHECK(code(options, "arp_missed_max", "0") == EINVAL);
    CHECK(code(options, "missed_max", "255") == 0);
    CHECK(get_option(options, "arp_missed_max") == "255");
    CHECK(code(options, "arp_missed_max", "256") == EINVAL);
    CHECK(code(options, "arp_interval", "1") == 0);
    CHECK(code(options, "arp_interval", "2147483648") == EINVAL);
    CHECK(code(options, "arp_interval", "-1") == EINVAL);
    CHECK(code(options, "arp_interval", "off") == 0);
    for (const Monitors monitors : {Monitors::any, Monitors::all, Monitors::exclusive}) {
        CHECK(code(options, "monitors", std::string(core::name(monitors))) == 0);
        CHECK(options.monitors == monitors);
    }
    CHECK(code(options, "monitors", "both") == EINVAL);
}

TEST_CASE("options of the ARP monitor: errors name the value and what to do") {
    Options options;
    const auto message = [&](const char *name, const char *value) {
        return set_option(options, {}, {name, value}, nullptr).error().message;
    };
    CHECK_THAT(message("arp_ip_target", "10.0.0.1,oops"), Catch::Contains("\"oops\"") && Catch::Contains("a.b.c.d"));
    CHECK_THAT(message("arp_ip_target", "-10.9.9.9"),
               Catch::Contains("10.9.9.9") && Catch::Contains("not in the list"));
    CHECK_THAT(message("ns_ip6_target", "ff02::1"), Catch::Contains("ff02::1") && Catch::Contains("multicast"));
    CHECK_THAT(message("arp_validate", "some"), Catch::Contains("\"some\"") && Catch::Contains("filter_backup"));
    options.mode = Mode::balance_tlb;
    CHECK_THAT(message("arp_interval", "100"),
               Catch::Contains("balance-tlb") && Catch::Contains("monitors any or all"));
}

TEST_CASE("addresses: text and back") {
    using core::ip_text;
    using core::parse_ipv6;
    CHECK(ip_text(*core::parse_ipv4("192.168.101.254")) == "192.168.101.254");
    const std::pair<const char *, const char *> known[] = {
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"fe80::1", "fe80::1"},
        {"FE80:0:0:0:0:0:0:A", "fe80::a"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, // a single group of zeroes stays
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"1:0:0:2:3:0:0:4", "1::2:3:0:0:4"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"::ffff:10.0.0.1", "::ffff:a00:1"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
    };
    for (const auto &[typed, text] : known) {
        INFO(typed);
        REQUIRE(parse_ipv6(typed));
        CHECK(ip_text(*parse_ipv6(typed)) == text);
    }
    for (const char *bad : {"", ":", ":::", "1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
                            "g::", "12345::", "1.2.3.4", "::1.2.3", "1.2.3.4::", ":1::", "1::2:", "::1 ", "-1::"}) {
        INFO(bad);
        CHECK_FALSE(parse_ipv6(bad));
    }
    std::mt19937 random(5); // NOLINT: the same run every time
    for (int i = 0; i < 5000; ++i) {
        Ipv6Addr address{};
        for (auto &byte : address) {
            byte = random() % 3 == 0 ? static_cast<std::uint8_t>(random()) : std::uint8_t{0};
        }
        CHECK(parse_ipv6(ip_text(address)) == address);
    }
}
