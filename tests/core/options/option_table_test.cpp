// SPDX-License-Identifier: MIT
// The option table as the one list: a row is all that an option needs, and no member of Options is without one.
#include <catch2/catch.hpp>

#include <set>

#include "tests/core/lab.h"
#include "tests/core/options/changed_options.h"
#include "tests/core/options/extended_table.h"
#include "user/core/bond/slave_options.h"

using namespace xbond;
using core::OptionRow;
using core::Options;

namespace {

// A member more or less does not compile: then this list, changed_options() and the table want the same change.
std::size_t members_of_options() {
    const Options options;
    [[maybe_unused]] const auto &[m01, m02, m03, m04, m05, m06, m07, m08, m09, m10, m11, m12, m13, m14, m15, m16, m17,
                                  m18, m19, m20, m21, m22, m23, m24, m25, m26, m27, m28, m29, m30, m31, m32, m33, m34,
                                  m35, m36, m37, m38, m39, m40] = options;
    return 40;
}

bool has_member(const OptionRow &row) { return !std::holds_alternative<std::monostate>(row.storage.member); }

bool is_default(const Options &options, const OptionRow &row) {
    const Options fresh;
    const auto same = [&](const auto &member) {
        using Member = std::remove_cvref_t<decltype(member)>;
        if constexpr (std::is_same_v<Member, std::monostate>) {
            return true;
        } else if constexpr (std::is_same_v<Member, core::NumberMember>) {
            return member.get(options) == member.get(fresh);
        } else {
            return options.*member == fresh.*member;
        }
    };
    return std::visit(same, row.storage.member);
}

} // namespace

TEST_CASE("option table: every member of Options has one row, with a key of its own in the saved state") {
    std::set<std::string_view> keys;
    std::size_t kept = 0;
    for (const OptionRow &row : core::option_table()) {
        INFO(row.name);
        CHECK(has_member(row) == !row.storage.saved.empty());
        if (has_member(row)) {
            ++kept;
            CHECK(keys.insert(row.storage.saved).second);
            CHECK_FALSE(is_default(test::changed_options(), row));
        }
    }
    CHECK(kept == members_of_options());
}

TEST_CASE("option table: each row's member is its own") {
    for (const OptionRow &row : core::option_table()) {
        if (!has_member(row)) {
            continue;
        }
        Options options;
        const auto changed = test::changed_options();
        const auto take = [&](const auto &member) {
            using Member = std::remove_cvref_t<decltype(member)>;
            if constexpr (std::is_same_v<Member, core::NumberMember>) {
                member.set(options, member.get(changed));
            } else if constexpr (!std::is_same_v<Member, std::monostate>) {
                options.*member = changed.*member;
            }
        };
        std::visit(take, row.storage.member);
        for (const OptionRow &other : core::option_table()) {
            INFO(row.name << " and " << other.name);
            CHECK(is_default(options, other) == (&row != &other));
        }
    }
}

TEST_CASE("option table: values that have words are words, and places name rows that there are") {
    for (const OptionRow &row : core::option_table()) {
        INFO(row.name);
        const auto *number = std::get_if<core::NumberMember>(&row.storage.member);
        CHECK((number == nullptr || !number->is_enum || !row.words.empty()));
        CHECK((number == nullptr || number->is_enum || row.range.last <= number->last));
        CHECK((row.typed_behind.empty() || core::find_option(row.typed_behind) != nullptr));
        const auto is_target = [&](const OptionRow &other) {
            return row.ip.behind == (other.ip.key.empty() ? other.name : other.ip.key);
        };
        CHECK((row.ip.behind.empty() || std::ranges::any_of(core::option_table(), is_target)));
    }
}

TEST_CASE("option table: the modes of an option are told by their numbers and by their names") {
    CHECK(core::mode_numbers(core::primary_modes) == "1,5,6");
    CHECK(core::mode_numbers(core::all_modes) == "all");
    CHECK(core::mode_names(core::primary_modes) == "active-backup, balance-tlb, balance-alb");
}

TEST_CASE("option table: a new row is parsed, checked and read back") {
    const auto table = test::extended_table();
    Options options;
    const auto set = [&](const char *name, const char *value, core::OptionContext context = {}) {
        return core::set_option(options, context, {name, value}, nullptr, table);
    };
    const auto message = [&](const char *value, core::OptionContext context = {}) {
        const auto done = set("spare", value, context);
        return done ? std::string() : done.error().message;
    };
    CHECK(message("1") == "option spare: not in mode balance-rr; it belongs to: 802.3ad");
    options.mode = Mode::ieee8023ad;
    CHECK(message("6") == "option spare: bad value \"6\": expected 0..5, or default");
    CHECK(message("1", {false, true}) == "option spare: cannot change while the bond is up; set it down first");
    CHECK(set("extra_tyre", "4"));
    CHECK(core::get_option(options, "spare", table) == "4");
    CHECK_FALSE(core::get_option(options, "spare")); // the product's own table is another
    const test::OptionList typed{{"extra_tyre", "1"}, {"miimon", "1"}};
    CHECK(core::in_apply_order(typed, table).front().name == "miimon");
}

TEST_CASE("slave option table: rows hold for themselves") {
    for (const core::SlaveOptionRow &row : core::slave_option_table()) {
        INFO(row.name);
        core::Slave slave;
        CHECK(std::to_string(core::slave_option(slave, row)) == row.fallback);
        CHECK(core::mode_numbers(row.modes) != "");
        core::store_slave_option(slave, row, row.last);
        CHECK(core::slave_option(slave, row) == row.last);
        CHECK(core::check_slave_option(row, Mode::balance_alb, std::to_string(row.last + 1)).has_value() == false);
        CHECK(row.values == std::to_string(row.first) + ".." + std::to_string(row.last));
    }
}
