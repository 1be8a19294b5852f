// SPDX-License-Identifier: MIT
// The table of modes, and what follows from it.
#include <catch2/catch.hpp>

#include "user/core/modes/registry.h"
#include "user/core/options/options.h"

using namespace xbond;
using namespace xbond::core;

TEST_CASE("every mode has its row: keyword, /proc text, number, and a policy with the same traits") {
    CHECK(mode_table.size() == XB_N_MODES);
    for (const ModeTraits &row : mode_table) {
        INFO(row.keyword);
        CHECK_FALSE(row.proc_text.empty());
        CHECK(&traits(row.mode) == &row);
        CHECK(mode_name(row.mode) == row.keyword);
        CHECK(parse_mode(row.keyword) == row.mode);
        CHECK(parse_mode(std::to_string(number_of(row.mode))) == row.mode);
        const ModePolicy *policy = find_mode_policy(row.mode);
        REQUIRE(policy != nullptr);
        CHECK(&policy->traits() == &row);
    }
}

TEST_CASE("the modes of which a fact is true are those of the kernel's bonding") {
    for (const auto &[fact, modes] : {std::pair{&ModeTraits::sends_on_all, "3"},
                                      {&ModeTraits::takes_turns, "0"},
                                      {&ModeTraits::hashes, "2,4"},
                                      {&ModeTraits::has_primary, "1,5,6"},
                                      {&ModeTraits::address_follows_active, "1"},
                                      {&ModeTraits::igmp_on_active, "0"},
                                      {&ModeTraits::arp_alone, "0,1,2,3"},
                                      {&ModeTraits::arp_on_active, "1"},
                                      {&ModeTraits::lacp, "4"},
                                      {&ModeTraits::balances_load, "5,6"},
                                      {&ModeTraits::buckets_by_destination, "6"},
                                      {&ModeTraits::balances_clients, "6"},
                                      {&ModeTraits::starts_dynamic_lb, "6"},
                                      {&ModeTraits::needs_speed, "5,6"}}) {
        CHECK(mode_numbers(modes_where(fact)) == modes);
    }
}

TEST_CASE("sets of modes read as numbers, as names, and as all") {
    CHECK(mode_numbers(all_modes) == "all");
    CHECK(mode_names(modes_where(&ModeTraits::has_primary)) == "active-backup, balance-tlb, balance-alb");
    CHECK(mode_names(modes_where(&ModeTraits::lacp)) == "802.3ad");
}

TEST_CASE("xmit_hash_policy picks slaves in modes that hash, and in those that balance once tlb_dynamic_lb is off") {
    for (const ModeTraits &row : mode_table) {
        INFO(row.keyword);
        CHECK(row.picks_by_hash(true) == row.hashes);
        CHECK(row.picks_by_hash(false) == (row.hashes || row.balances_load));
    }
}
