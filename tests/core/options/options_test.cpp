// SPDX-License-Identifier: MIT
// Options: parsing, rules, order; MacAddr.
#include <catch2/catch.hpp>

#include <random>

#include "tests/core/lab.h"
#include "user/core/bond/slave_options.h"
#include "user/core/options/option_table.h"

using namespace xbond;
using namespace xbond::test;
using core::get_option;
using core::Options;
using core::set_option;

namespace {

int code(Options &options, const std::string &name, const std::string &value, core::OptionContext context = {}) {
    const Options before = options;
    const auto done = set_option(options, context, {name, value}, nullptr);
    if (!done) {
        CHECK(options == before);
        CHECK(done.error().message.find(name.substr(0, 20)) != std::string::npos); // names the option
    }
    return done ? 0 : done.error().code;
}

Options in_mode(const std::string &mode) {
    Options options;
    REQUIRE(code(options, "mode", mode) == 0);
    return options;
}

} // namespace

TEST_CASE("O1 mode: ENOTEMPTY with slaves, EBUSY while up") {
    Options options;
    CHECK(code(options, "mode", "1", {true, true}) == ENOTEMPTY);
    CHECK(code(options, "mode", "1", {false, true}) == EBUSY);
    CHECK(code(options, "mode", "nonsense", {true, true}) == ENOTEMPTY); // before the value is looked at
    CHECK(code(options, "mode", "nonsense") == EINVAL);
    CHECK(code(options, "mode", "1") == 0);
}

TEST_CASE("O2 delays are kept in ticks: rounded down with a warning, and they follow miimon") {
    Options options;
    std::vector<std::string> warnings;
    REQUIRE(set_option(options, {}, {"updelay", "250"}, &warnings));
    CHECK(get_option(options, "updelay") == "200");
    REQUIRE(warnings.size() == 1);
    CHECK_THAT(warnings[0], Catch::Contains("updelay") && Catch::Contains("250") && Catch::Contains("200"));
    REQUIRE(set_option(options, {}, {"miimon", "50"}, &warnings));
    CHECK(get_option(options, "updelay") == "100");
    REQUIRE(set_option(options, {}, {"downdelay", "300"}, &warnings));
    CHECK(warnings.size() == 1);
    CHECK(options.downdelay_ticks == 6);
    CHECK(code(options, "peer_notif_delay", "300001") == EINVAL);
    CHECK(code(options, "peer_notif_delay", "300000") == 0);
    CHECK(get_option(options, "peer_notify_delay") == "300000");
}

TEST_CASE("O3 delays without miimon: EPERM, also for 0") {
    Options options;
    REQUIRE(code(options, "miimon", "0") == 0);
    for (const char *name : {"updelay", "downdelay", "peer_notif_delay"}) {
        CHECK(code(options, name, "100") == EPERM);
        CHECK(code(options, name, "0") == EPERM);
        CHECK(code(options, name, "x") == EINVAL);
    }
}

TEST_CASE("O3 in one request miimon comes before the delays, whatever the order typed") {
    Lab lab(OptionList{{"miimon", "0"}});
    const OptionList request{{"updelay", "200"}, {"miimon", "100"}};
    REQUIRE(core::set_options(lab.bond, request, lab.now));
    CHECK(lab.bond.options.updelay_ms() == 200);
    const OptionList mode_last{{"primary", "e0"}, {"mode", "active-backup"}};
    lab.handle(core::BondAdmin{false});
    CHECK(core::set_options(lab.bond, mode_last, lab.now));
}

TEST_CASE("O4 modes parse by name and by number") {
    for (const char *mode : {"802.3ad", "4", "balance-tlb", "5", "balance-alb", "6"}) {
        Options options;
        CHECK(code(options, "mode", mode) == 0);
    }
    CHECK(core::parse_mode("802.3ad") == Mode::ieee8023ad);
    CHECK(core::mode_name(Mode::balance_alb) == "balance-alb");
}

TEST_CASE("O5 packets_per_slave: EACCES outside balance-rr, EINVAL above 65535") {
    Options options = in_mode("active-backup");
    CHECK(code(options, "packets_per_slave", "1") == EACCES);
    options = in_mode("balance-rr");
    CHECK(code(options, "packets_per_slave", "65536") == EINVAL);
    CHECK(code(options, "packets_per_slave", "65535") == 0);
    CHECK(code(options, "packets_per_slave", "0") == 0);
}

TEST_CASE("O6 fail_over_mac with slaves ENOTEMPTY, primary in balance-rr EACCES, use_carrier only 1") {
    Options options;
    CHECK(code(options, "fail_over_mac", "active", {true, false}) == ENOTEMPTY);
    CHECK(code(options, "fail_over_mac", "active", {false, true}) == 0);
    CHECK(code(options, "primary", "e0") == EACCES);
    CHECK(code(options, "active_slave", "e0") == EACCES);
    CHECK(code(options, "use_carrier", "0") == EINVAL);
    CHECK(code(options, "use_carrier", "off") == EINVAL);
    CHECK(code(options, "use_carrier", "on") == 0);
    CHECK(code(options, "use_carrier", "1") == 0);
    CHECK(get_option(options, "use_carrier") == "1");
}

TEST_CASE("O8 options of other modes: EACCES where the kernel says so; the others are taken") {
    Options options = in_mode("balance-xor");
    for (const char *name : {"tlb_dynamic_lb", "lacp_rate", "lacp_active", "ad_actor_system", "ad_user_port_key",
                             "ad_actor_sys_prio", "coupled_control", "lacp_strict", "broadcast_neighbor"}) {
        INFO(name);
        CHECK(code(options, name, "1") == EACCES);
    }
    for (const char *name : {"lp_interval", "ad_select"}) {
        INFO(name);
        CHECK(code(options, name, "1") == 0);
    }
    CHECK(code(options, "nonsense", "0") == EINVAL);
}

TEST_CASE("O10 values: numbers, words, default, blanks") {
    Options options;
    const auto mode = [&](const std::string &value) { return code(options, "mode", value); };
    CHECK(mode("balance-rr\n") == 0);
    CHECK(mode(" 2 ") == 0);
    CHECK(options.mode == Mode::balance_xor);
    CHECK(mode("broadcast and more") == 0); // first word
    CHECK(options.mode == Mode::broadcast);
    CHECK(mode("default") == 0);
    CHECK(options.mode == Mode::round_robin);
    CHECK(mode("7") == EINVAL);
    CHECK(mode("-1") == EINVAL);
    CHECK(mode("") == EINVAL);
    CHECK(mode("Broadcast") == EINVAL);
    CHECK(code(options, "miimon", "off") == 0);
    CHECK(options.miimon_ms == 0);
    CHECK(code(options, "miimon", "default") == 0);
    CHECK(options.miimon_ms == 100);
    CHECK(code(options, "miimon", "-1") == EINVAL);
    CHECK(code(options, "miimon", "2147483648") == EINVAL);
    CHECK(code(options, "miimon", "99999999999999999999999") == EINVAL);
    CHECK(code(options, "miimon", "0x10") == EINVAL);
    CHECK(code(options, "miimon", "2147483647") == 0);
    CHECK(code(options, "xmit_hash_policy", "encap3+4") == 0);
    CHECK(get_option(options, "xmit_hash_policy") == "encap3+4");
    CHECK(code(options, "xmit_hash_policy", "5") == 0);
    CHECK(get_option(options, "xmit_hash_policy") == "vlan+srcmac");
    CHECK(code(options, "xmit_hash_policy", "6") == EINVAL);
    CHECK(code(options, "all_slaves_active", "on") == 0);
    CHECK(get_option(options, "all_slaves_active") == "1");
    CHECK(code(options, "all_slaves_active", "2") == EINVAL);
}

TEST_CASE("options: one value behind the names of peer notifications") {
    Options options;
    for (const char *name : {"num_grat_arp", "num_unsol_na", "num_peer_notif"}) {
        CHECK(code(options, name, "7") == 0);
        CHECK(options.num_peer_notif == 7);
        CHECK(get_option(options, "num_unsol_na") == "7");
        options.num_peer_notif = 1;
    }
    CHECK(code(options, "num_grat_arp", "256") == EINVAL);
    CHECK(code(options, "num", "1") == EINVAL); // no prefixes
    CHECK(code(options, "", "1") == EINVAL);
}

TEST_CASE("options: names of interfaces") {
    Options options = in_mode("active-backup");
    CHECK(code(options, "primary", "eth0\n") == 0);
    CHECK(options.primary == "eth0");
    CHECK(code(options, "primary", "fifteen-letters") == 0);
    CHECK(code(options, "primary", "sixteen-letters.") == 0); // an alternative name
    CHECK(code(options, "primary", std::string(128, 'x')) == EINVAL);
    CHECK(code(options, "primary", "a b") == EINVAL);
    CHECK(code(options, "primary", "a/b") == EINVAL);
    CHECK(code(options, "primary", "") == 0);
    CHECK(options.primary.empty());
}

TEST_CASE("options: the table holds for itself") {
    for (const auto &info : core::option_table()) {
        INFO(info.name);
        CHECK(core::find_option(info.name) == core::find_option(info.name));
        CHECK_FALSE(info.help.empty());
        const auto shown = get_option(Options{}, info.name);
        if (!shown) {
            CHECK((info.name == "active_slave" || info.name == "queue_id"));
            continue;
        }
        CHECK(*shown == info.fallback); // the default of the struct is the default of the table
        const auto known = std::ranges::find_if(
            core::mode_table, [&](const core::ModeTraits &row) { return info.modes.contains(row.mode); });
        Options options = in_mode(std::string(known->keyword));
        if (!info.fallback.empty()) { // not text: primary and the lists of targets
            CHECK(set_option(options, {}, {std::string(info.name), "default"}, nullptr));
            CHECK(get_option(options, info.name) == info.fallback);
        }
        CHECK(code(options, std::string(info.name), *get_option(options, info.name)) == 0); // reads its own output
    }
    CHECK(core::slave_option_table().size() == 3);
}

TEST_CASE("options: a request is applied whole or not at all") {
    Lab lab(OptionList{{"mode", "active-backup"}, {"miimon", "100"}});
    lab.enslave("e0");
    lab.enslave("e1");
    const auto before = core::save(lab.bond);
    const auto desired = core::desired(lab.bond);
    const OptionList request{{"active_slave", "e1"}, {"num_grat_arp", "9"}, {"min_links", "x"}};
    const auto done = core::set_options(lab.bond, request, lab.now);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == EINVAL);
    CHECK_THAT(done.error().message,
               Catch::Contains("min_links") && Catch::Contains("\"x\"") && Catch::Contains("0..2147483647"));
    CHECK(core::save(lab.bond).options == before.options);
    CHECK(core::desired(lab.bond) == desired);
}

TEST_CASE("options: order of application is the kernel's, stable, unknown names last") {
    const OptionList typed{{"nonsense", ""}, {"visibility", "full"}, {"num_unsol_na", "1"},
                           {"primary", "a"}, {"num_grat_arp", "2"},  {"downdelay", "1"},
                           {"miimon", "1"},  {"active_slave", "a"},  {"mode", "1"}};
    std::string order;
    for (const auto &option : core::in_apply_order(typed)) {
        order += option.name + " ";
    }
    CHECK(order == "mode active_slave miimon downdelay primary num_unsol_na num_grat_arp visibility nonsense ");
}

TEST_CASE("options: every written option is reported once, with its old and new value") {
    Lab lab(OptionList{{"mode", "active-backup"}});
    lab.set("miimon", "50");
    lab.set("miimon", "50");
    lab.set("updelay", "70");
    const auto seen = lab.seen<Transition>();
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].second.from == "100");
    CHECK(seen[0].second.to == "50");
    CHECK(seen[0].second.cause == "miimon set by user");
    CHECK(lab.seen<core::Log>().size() == 1); // rounded
}

namespace {

// Of digits, for the most part: or no number would ever be in range.
std::string random_text(std::mt19937 &random) {
    std::string text;
    for (auto length = random() % 90; length > 0; --length) {
        text += static_cast<char>(random() % 4 == 0 ? random() % 256 : '0' + random() % 10);
    }
    return text;
}

void check_printable(const std::string &message) {
    CHECK(std::ranges::all_of(message, [](char c) { return c >= ' ' && c <= '~'; }));
}

} // namespace

TEST_CASE("options: random text is an error or a value, never a crash, and errors stay printable") {
    std::mt19937 random(20); // NOLINT: the same run every time
    for (int i = 0; i < 20000; ++i) {
        const std::string text = random_text(random);
        const auto table = core::option_table();
        const std::string name = random() % 10 == 0 ? text : std::string(table[random() % table.size()].name);
        Options options;
        const auto done = set_option(options, {}, {name, text}, nullptr);
        if (!done) {
            CHECK(done.error().code > 0);
            check_printable(done.error().message);
        }
    }
}

TEST_CASE("MacAddr: text and back") {
    CHECK(MacAddr{{0x02, 0xab, 0, 0xff, 0x10, 9}}.str() == "02:ab:00:ff:10:09");
    CHECK(MacAddr::parse("02:AB:00:fF:10:09") == MacAddr{{0x02, 0xab, 0, 0xff, 0x10, 9}});
    for (const char *bad : {"", "02:ab:00:ff:10", "02:ab:00:ff:10:09:", "02-ab-00-ff-10-09", "0g:ab:00:ff:10:09",
                            "02:ab:00:ff:10:0", "02:ab:00:ff:10: 9", "02ab:00:ff:10:090"}) {
        CHECK_FALSE(MacAddr::parse(bad));
    }
}
