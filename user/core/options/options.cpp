// SPDX-License-Identifier: MIT
// What is done with any row of the option table.
#include <algorithm>
#include <iterator>

#include "user/core/options/option_table.h"
#include "user/core/options/targets.h"
#include "user/core/options/text.h"

namespace xbond::core {
namespace {

std::optional<std::uint32_t> parse_value(const OptionRow &row, std::string_view text) {
    if (const auto value = value_of(row.words, text)) {
        return value;
    }
    if (first_word(text) == "default" && row.fallback != "default") {
        return parse_value(row, row.fallback);
    }
    const auto number = plain_number(text);
    if (number && *number >= row.range.first && *number <= row.range.last) {
        return static_cast<std::uint32_t>(*number);
    }
    return std::nullopt;
}

std::string option_text(std::string_view name) { return "option " + std::string(name); }

tl::unexpected<Error> wrong_mode(std::string_view name, Mode mode, ModeSet modes) {
    return fail(EACCES, option_text(name) + ": not in mode " + std::string(mode_name(mode)) +
                            "; it belongs to: " + mode_names(modes));
}

bool is_action(const OptionRow &row) {
    return std::holds_alternative<std::monostate>(row.storage.member) && row.storage.get == nullptr;
}

void store_number(Options &options, const OptionMember &member, std::uint32_t value) {
    if (const auto *number = std::get_if<NumberMember>(&member)) {
        number->set(options, value);
    } else if (const auto *flag = std::get_if<bool Options::*>(&member)) {
        options.**flag = value != 0;
    }
}

Result<void> store_value(Options &options, const OptionRow &row, std::string_view text, Warnings &warnings) {
    if (is_action(row)) {
        return fail(EINVAL, "acts on a slave of a bond; it is no setting");
    }
    if (row.storage.set_text != nullptr) {
        return row.storage.set_text(options, text);
    }
    const auto value = parse_value(row, text);
    if (!value) {
        return fail(EINVAL,
                    "bad value " + core::quoted(text) + ": expected " + std::string(row.values) + ", or default");
    }
    if (row.storage.set != nullptr) {
        return row.storage.set(options, *value, warnings);
    }
    store_number(options, row.storage.member, *value);
    return {};
}

std::string number_text(const Options &options, const OptionRow &row) {
    const std::uint32_t value = option_number(options, row);
    // Options that are numbers stay numbers, even where a value also has a word ("off").
    const bool is_number = row.fallback.find_first_not_of("0123456789") == std::string_view::npos;
    const auto word = word_of(row.words, value);
    return is_number || word.empty() ? std::to_string(value) : std::string(word);
}

struct ValueText {
    const Options &options;
    const OptionRow &row;

    std::string operator()(std::string Options::*member) const { return options.*member; }
    std::string operator()(MacAddr Options::*member) const { return (options.*member).str(); }
    std::string operator()(std::vector<Ipv4Addr> Options::*member) const { return ip_text(options.*member); }
    std::string operator()(std::vector<Ipv6Addr> Options::*member) const { return ip_text(options.*member); }
    template <typename Number> std::string operator()(const Number &) const { return number_text(options, row); }
};

} // namespace

std::vector<std::string_view> aliases(const OptionRow &row) {
    std::vector<std::string_view> out;
    std::string_view rest = row.alias;
    while (!rest.empty()) {
        out.push_back(rest.substr(0, rest.find(' ')));
        rest.remove_prefix(std::min(rest.size(), out.back().size() + 1));
    }
    return out;
}

const OptionRow *find_option(std::string_view name, std::span<const OptionRow> table) {
    const auto found = std::ranges::find_if(table, [&](const OptionRow &row) {
        const auto others = aliases(row);
        return row.name == name || std::ranges::find(others, name) != others.end();
    });
    return found == table.end() ? nullptr : &*found;
}

std::vector<OptionValue> in_apply_order(std::span<const OptionValue> options, std::span<const OptionRow> table) {
    const auto rank = [&](const OptionValue &option) {
        const OptionRow *row = find_option(option.name, table);
        return row == nullptr ? table.size() : static_cast<std::size_t>(row - table.data());
    };
    std::vector<OptionValue> sorted(options.begin(), options.end());
    std::ranges::stable_sort(sorted, {}, rank);
    return sorted;
}

Result<void> check_applicable(const Options &options, const OptionContext &context, std::string_view name,
                              std::span<const OptionRow> table) {
    const OptionRow *row = find_option(name, table);
    if (row == nullptr) {
        std::vector<std::string_view> known;
        for (const OptionRow &each : table) {
            known.push_back(each.name);
            std::ranges::copy(aliases(each), std::back_inserter(known));
        }
        return fail(EINVAL, "unknown bond option " + core::quoted(name) + meant(name, known) +
                                (meant(name, known).empty() ? ": see the option table of xbond" : ""));
    }
    const bool shared = row->any_mode_with_monitors && options.monitors != Monitors::exclusive;
    if (!row->modes.contains(options.mode) && !shared) {
        auto error = wrong_mode(name, options.mode, row->modes);
        if (row->any_mode_with_monitors) {
            error.value().message += ", and with monitors any or all to every mode";
        }
        return error;
    }
    if (row->needs_no_slaves && context.has_slaves) {
        return fail(ENOTEMPTY, option_text(name) + ": cannot change while the bond has slaves; release them first");
    }
    if (row->needs_down && context.is_up) {
        return fail(EBUSY, option_text(name) + ": cannot change while the bond is up; set it down first");
    }
    return {};
}

Result<void> set_option(Options &options, const OptionContext &context, const OptionValue &option, Warnings *warnings,
                        std::span<const OptionRow> table) {
    XB_TRY_VOID(check_applicable(options, context, option.name, table));
    Warnings new_warnings;
    auto done = store_value(options, *find_option(option.name, table), option.value, new_warnings);
    if (!done) {
        done.error().message = option_text(option.name) + ": " + done.error().message;
    }
    if (warnings != nullptr) {
        std::ranges::transform(new_warnings, std::back_inserter(*warnings),
                               [&](const std::string &text) { return option_text(option.name) + ": " + text; });
    }
    return done;
}

std::uint32_t option_number(const Options &options, const OptionRow &row) {
    if (row.storage.get != nullptr) {
        return row.storage.get(options);
    }
    if (const auto *number = std::get_if<NumberMember>(&row.storage.member)) {
        return number->get(options);
    }
    const auto *flag = std::get_if<bool Options::*>(&row.storage.member);
    return flag != nullptr && options.**flag ? 1 : 0;
}

std::optional<std::string> get_option(const Options &options, const OptionRow &row) {
    return is_action(row) ? std::nullopt : std::optional(std::visit(ValueText{options, row}, row.storage.member));
}

std::optional<std::string> get_option(const Options &options, std::string_view name, std::span<const OptionRow> table) {
    const OptionRow *row = find_option(name, table);
    return row == nullptr ? std::nullopt : get_option(options, *row);
}

} // namespace xbond::core
