// SPDX-License-Identifier: MIT
#include "user/core/options/options.h"

#include <algorithm>
#include <iterator>

#include "user/core/options/option_table.h"
#include "user/core/options/text.h"

namespace xbond::core {
namespace {

bool has_name(const OptionInfo &info, std::string_view name) {
    std::string_view aliases = info.alias;
    while (!aliases.empty()) {
        const std::string_view alias = first_word(aliases);
        if (alias == name) {
            return true;
        }
        aliases.remove_prefix(std::min(aliases.size(), alias.size() + 1));
    }
    return info.name == name;
}

const OptionRule *find_rule(std::string_view name) {
    const auto rules = option_rules();
    const auto found = std::ranges::find_if(rules, [&](const OptionRule &rule) { return has_name(rule.info, name); });
    return found == rules.end() ? nullptr : &*found;
}

std::string_view word_of(std::span<const Keyword> words, std::uint32_t value) {
    const auto found = std::ranges::find(words, value, &Keyword::value);
    return found == words.end() ? std::string_view{} : found->word;
}

// A word, or the number of a word (6.1).
std::optional<std::uint32_t> value_of(std::span<const Keyword> words, std::string_view text) {
    const auto number = plain_number(text);
    const auto found = std::ranges::find_if(words, [&](const Keyword &keyword) {
        return number ? keyword.value == *number : keyword.word == first_word(text);
    });
    return found == words.end() ? std::nullopt : std::optional(found->value);
}

std::optional<std::uint32_t> parse_value(const OptionRule &rule, std::string_view text) {
    if (const auto value = value_of(rule.words, text)) {
        return value;
    }
    if (first_word(text) == "default" && rule.info.fallback != "default") {
        return parse_value(rule, rule.info.fallback);
    }
    const auto number = plain_number(text);
    if (number && *number >= rule.range.first && *number <= rule.range.last) {
        return static_cast<std::uint32_t>(*number);
    }
    return std::nullopt;
}

std::string option_text(std::string_view name) { return "option " + std::string(name); }

tl::unexpected<Error> wrong_mode(std::string_view name, Mode mode, ModeSet modes) {
    return fail(EACCES, option_text(name) + ": not in mode " + std::string(mode_name(mode)) +
                            "; it belongs to: " + mode_names(modes));
}

Result<void> store_value(Options &options, const OptionRule &rule, std::string_view text, Warnings &warnings) {
    if (rule.set_text != nullptr) {
        return rule.set_text(options, text);
    }
    if (rule.set == nullptr) {
        return fail(EINVAL, "acts on a slave of a bond; it is no setting");
    }
    const auto value = parse_value(rule, text);
    if (!value) {
        return fail(EINVAL,
                    "bad value " + quoted(text) + ": expected " + std::string(rule.info.values) + ", or default");
    }
    return rule.set(options, *value, warnings);
}

} // namespace

std::span<const OptionInfo> option_table() {
    static const std::vector<OptionInfo> table = [] {
        std::vector<OptionInfo> infos;
        std::ranges::transform(option_rules(), std::back_inserter(infos), &OptionRule::info);
        return infos;
    }();
    return table;
}

std::span<const OptionInfo> slave_option_table() {
    static constexpr OptionInfo table[] = {
        {"prio", "", "-2147483648..2147483647", "0", modes_where(&ModeTraits::has_primary), false, false,
         "the usable slave with the highest prio becomes active where there is no primary"},
        {"queue_id", "", "0..16", "0", all_modes, false, false,
         "packets with this queue mapping leave on this slave (acts in modes 0 and 1); 0: none"},
        {"actor_port_prio", "", "0..65535", "255", modes_where(&ModeTraits::lacp), false, false,
         "priority of the port in LACPDUs; decides with max_ports and with ad_select actor_port_prio"},
    };
    return table;
}

const OptionInfo *find_option(std::string_view name) {
    const OptionRule *rule = find_rule(name);
    return rule == nullptr ? nullptr : &rule->info;
}

std::vector<OptionValue> in_apply_order(std::span<const OptionValue> options) {
    const auto rank = [](const OptionValue &option) {
        const OptionRule *rule = find_rule(option.name);
        return rule == nullptr ? option_rules().size() : static_cast<std::size_t>(rule - option_rules().data());
    };
    std::vector<OptionValue> sorted(options.begin(), options.end());
    std::ranges::stable_sort(sorted, {}, rank);
    return sorted;
}

Result<void> check_applicable(const Options &options, const OptionContext &context, std::string_view name) {
    const OptionRule *rule = find_rule(name);
    if (rule == nullptr) {
        return fail(EINVAL, "unknown bond option " + quoted(name) + ": see the option table of xbond");
    }
    const bool shared = rule->any_mode_with_monitors && options.monitors != Monitors::exclusive;
    if (!rule->info.modes.contains(options.mode) && !shared) {
        auto error = wrong_mode(name, options.mode, rule->info.modes);
        if (rule->any_mode_with_monitors) {
            error.value().message += ", and with monitors any or all to every mode";
        }
        return error;
    }
    if (rule->info.needs_no_slaves && context.has_slaves) {
        return fail(ENOTEMPTY, option_text(name) + ": cannot change while the bond has slaves; release them first");
    }
    if (rule->info.needs_down && context.is_up) {
        return fail(EBUSY, option_text(name) + ": cannot change while the bond is up; set it down first");
    }
    return {};
}

Result<void> set_option(Options &options, const OptionContext &context, const OptionValue &option, Warnings *warnings) {
    if (auto applicable = check_applicable(options, context, option.name); !applicable) {
        return applicable;
    }
    const OptionRule &rule = *find_rule(option.name);
    Warnings new_warnings;
    auto done = store_value(options, rule, option.value, new_warnings);
    if (!done) {
        done.error().message = option_text(option.name) + ": " + done.error().message;
    }
    if (warnings != nullptr) {
        std::ranges::transform(new_warnings, std::back_inserter(*warnings),
                               [&](const std::string &text) { return option_text(option.name) + ": " + text; });
    }
    return done;
}

std::optional<std::string> get_option(const Options &options, std::string_view name) {
    const OptionRule *rule = find_rule(name);
    if (rule == nullptr || (rule->get == nullptr && rule->get_text == nullptr)) {
        return std::nullopt;
    }
    if (rule->get_text != nullptr) {
        return rule->get_text(options);
    }
    const std::uint32_t value = rule->get(options);
    // Options that are numbers stay numbers, even where a value also has a word ("off").
    const bool is_number = rule->info.fallback.find_first_not_of("0123456789") == std::string_view::npos;
    const auto word = word_of(rule->words, value);
    return is_number || word.empty() ? std::to_string(value) : std::string(word);
}

std::string_view mode_name(Mode mode) { return traits(mode).keyword; }
std::string_view policy_name(HashPolicy policy) { return word_of(policy_words(), static_cast<std::uint32_t>(policy)); }
std::string_view name(PrimaryReselect value) {
    return word_of(primary_reselect_words(), static_cast<std::uint32_t>(value));
}
std::string_view name(FailOverMac value) { return word_of(fail_over_mac_words(), static_cast<std::uint32_t>(value)); }
std::string_view name(ArpValidate value) { return word_of(arp_validate_words(), static_cast<std::uint32_t>(value)); }
std::string_view name(Monitors value) { return word_of(monitors_words(), static_cast<std::uint32_t>(value)); }
std::string_view name(XdpPolicy value) { return word_of(xdp_words(), static_cast<std::uint32_t>(value)); }
std::string_view name(Visibility value) { return word_of(visibility_words(), static_cast<std::uint32_t>(value)); }

std::optional<Mode> parse_mode(std::string_view text) {
    const auto value = value_of(mode_words(), text);
    return value ? std::optional(static_cast<Mode>(*value)) : std::nullopt;
}

std::optional<HashPolicy> parse_policy(std::string_view text) {
    const auto value = value_of(policy_words(), text);
    return value ? std::optional(static_cast<HashPolicy>(*value)) : std::nullopt;
}

} // namespace xbond::core
