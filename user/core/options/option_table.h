// SPDX-License-Identifier: MIT
// The one list of a bond's options. An option is a member of Options and a row of option_table.cpp: parsing and error
// messages, abbreviations, help and docs/options.md, the config file, status, the saved state and `ip link show` come
// from the row. Whoever walks the rows may be given others than those of option_table().
#pragma once

#include <algorithm>
#include <functional>
#include <variant>

#include "user/core/modes/traits.h"
#include "user/core/options/keywords.h"
#include "user/core/options/options.h"

namespace xbond::core {

// The sets of modes that know an option.
inline constexpr ModeSet arp_modes = modes_where(&ModeTraits::arp_alone);
inline constexpr ModeSet lacp_modes = modes_where(&ModeTraits::lacp);
inline constexpr ModeSet balance_modes = modes_where(&ModeTraits::balances_load);
inline constexpr ModeSet primary_modes = modes_where(&ModeTraits::has_primary);
inline constexpr ModeSet turn_modes = modes_where(&ModeTraits::takes_turns);

using Warnings = std::vector<std::string>;

struct NumberRange { // empty (first > last): only keywords, and the numbers of their values
    std::uint32_t first = 1;
    std::uint32_t last = 0;
};

struct NumberMember { // an integer or an enum of Options
    std::uint32_t (*get)(const Options &) = nullptr;
    void (*set)(Options &, std::uint32_t) = nullptr;
    std::uint32_t last = 0; // the largest value of its type
    bool is_enum = false;   // then it holds only values that have a word
};

// Where an option is kept; nowhere if it is an action (active_slave) or a constant (use_carrier).
using OptionMember =
    std::variant<std::monostate, NumberMember, bool Options::*, std::string Options::*, MacAddr Options::*,
                 std::vector<Ipv4Addr> Options::*, std::vector<Ipv6Addr> Options::*>;

using SetNumber = Result<void> (*)(Options &, std::uint32_t value, Warnings &);
using SetText = Result<void> (*)(Options &, std::string_view);

// The member, and how it is set and read where it does not simply take the number. Messages are without the option's
// name.
struct OptionStorage {
    OptionMember member;
    std::string_view saved = ""; // key in the saved state; a contract with the daemons of other revisions
    SetNumber set = nullptr;
    SetText set_text = nullptr; // there where the value is no number
    std::uint32_t (*get)(const Options &) = nullptr;
    bool younger = false; // than the saved state: revisions before did not write it, and did as its default says
};

enum class IpForm : std::uint8_t {
    none, // ip does not know the option
    number,
    text,         // as get_option has it
    text_or_null, // null for 0, for which the text says "none"
    yes_no,       // true and false, in the text on and off
    list,         // absent while it is empty
    active_slave, // the name of that slave, absent if there is none; so is the next
    primary_slave,
};

// How `ip -d link show` prints an option. In the text its word is the option's name.
struct IpOutput {
    IpForm form = IpForm::none;
    std::string_view key = "";    // of the JSON, where it is not the option's name
    std::string_view behind = ""; // key that it follows, where the order is not that of the rows
    bool with_lacp = false;       // only while the bond speaks LACP
};

struct OptionRow {
    std::string_view name;          // iproute2's keyword; aliases apart
    std::string_view alias = "";    // other spellings, separated by blanks: "num_unsol_na num_peer_notif"
    std::string_view values = "";   // for people: "0..255", "always|better|failure"
    std::string_view fallback = ""; // default value as text
    ModeSet modes = all_modes;
    bool any_mode_with_monitors = false; // also every mode, where `monitors` is not exclusive
    bool needs_no_slaves = false;
    bool needs_down = false;
    std::span<const Keyword> words = {};
    NumberRange range = {};
    OptionStorage storage = {};
    std::string_view typed_behind = ""; // option whose beginnings iproute2 tries first, though its row comes later
    IpOutput ip = {};
    std::string_view help = ""; // one line
};

// Every option of a bond, in the order in which one request applies them. active_slave and queue_id are actions on
// slaves: Bond carries them out, here they have no value to set or get.
std::span<const OptionRow> option_table();

// The row for a name or alias; null if there is none.
const OptionRow *find_option(std::string_view name, std::span<const OptionRow> = option_table());

std::vector<std::string_view> aliases(const OptionRow &);

// The same options in the order in which the kernel applies the attributes of one request, stable, unknown ones last.
std::vector<OptionValue> in_apply_order(std::span<const OptionValue>, std::span<const OptionRow> = option_table());

// Everything that does not depend on the value: EINVAL unknown name, EACCES, ENOTEMPTY, EBUSY, in that order.
Result<void> check_applicable(const Options &, const OptionContext &, std::string_view name,
                              std::span<const OptionRow> = option_table());

// Checks and sets one option in the kernel's order: EACCES, ENOTEMPTY, EBUSY, EINVAL, own rule. Options that only
// exist as actions (active_slave, queue_id) and per-slave options are handled by Bond. `warnings` collects what the
// kernel would log (rounding). On error `options` is untouched.
Result<void> set_option(Options &options, const OptionContext &, const OptionValue &, Warnings *warnings,
                        std::span<const OptionRow> = option_table());

// The value as text: keyword options give the word. None for an action.
std::optional<std::string> get_option(const Options &, std::string_view name,
                                      std::span<const OptionRow> = option_table());
std::optional<std::string> get_option(const Options &, const OptionRow &);
// The value as a number; 0 where it is none.
std::uint32_t option_number(const Options &, const OptionRow &);

// The rows in their order, but each that names another one (`behind`, by what that one's `key` is) right behind that
// one and those that went there before. Both are asked of a row: members, or functions.
template <typename Row, typename Key, typename Behind>
std::vector<const Row *> rows_in_order(std::span<const Row> rows, Key key, Behind behind) {
    std::vector<const Row *> out, moved;
    for (const Row &row : rows) {
        (std::invoke(behind, row).empty() ? out : moved).push_back(&row);
    }
    for (const Row *row : moved) {
        const auto name = std::invoke(behind, *row);
        const auto last = std::find_if(out.rbegin(), out.rend(), [&](const Row *other) {
            return std::invoke(key, *other) == name || std::invoke(behind, *other) == name;
        });
        out.insert(last == out.rend() ? out.end() : last.base(), row);
    }
    return out;
}

} // namespace xbond::core
