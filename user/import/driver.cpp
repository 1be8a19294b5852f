// SPDX-License-Identifier: MIT
#include "user/import/driver.h"

#include <algorithm>
#include <array>
#include <set>

#include "user/core/options/targets.h"
#include "user/core/options/text.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

constexpr std::string_view list_option = "arp_ip_target";

Setting *find(std::vector<Setting> &parameters, std::string_view name) {
    const auto found = std::ranges::find(parameters, name, &Setting::name);
    return found == parameters.end() ? nullptr : &*found;
}

// A parameter of the module that is a number, as the kernel reads it: decimal, 0x, 0.
std::optional<std::int64_t> parameter_number(std::string_view text) {
    const bool negative = text.starts_with('-');
    text.remove_prefix(negative ? 1 : 0);
    if (text.starts_with("0x") || text.starts_with("0X")) {
        std::uint64_t value = 0;
        const auto digits = text.substr(2);
        if (digits.empty() || digits.size() > 8 ||
            digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
            return std::nullopt;
        }
        for (const char c : lower(digits)) {
            value = value * 16 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        return negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
    }
    const auto number = text.starts_with('-') ? std::nullopt : whole_number(text);
    return number ? std::optional(negative ? -*number : *number) : std::nullopt;
}

constexpr std::array number_parameters{
    "miimon",    "updelay",     "downdelay",         "use_carrier", "arp_interval", "num_grat_arp",
    "min_links", "resend_igmp", "all_slaves_active", "lp_interval", "num_unsol_na", "packets_per_slave"};
constexpr std::array word_parameters{"mode",         "lacp_rate",       "ad_select",     "primary_reselect",
                                     "arp_validate", "arp_all_targets", "fail_over_mac", "xmit_hash_policy",
                                     "primary",      "arp_ip_target"};

bool is_parameter(std::string_view name) {
    return std::ranges::find(number_parameters, name) != number_parameters.end() ||
           std::ranges::find(word_parameters, name) != word_parameters.end();
}

} // namespace

void in_option_order(std::vector<Setting> &settings) {
    const auto table = core::option_table();
    std::ranges::stable_sort(settings, {}, [&](const Setting &setting) {
        const auto *row = core::find_option(setting.name);
        return row == nullptr ? table.size() : static_cast<std::size_t>(row - table.data());
    });
}

void Driver::drop(const Setting &setting, const std::string &why) {
    notes_.push_back({setting.at, setting.key + ": " + why});
}

Result<void> Driver::set_mode(const Setting &setting) {
    const auto mode = core::parse_mode(setting.value);
    if (!mode) {
        return refuse(setting.at, setting.key + ": unknown mode " + core::quoted(setting.value) + "; expected " +
                                      std::string(core::find_option("mode")->values));
    }
    set({setting.name, std::string(core::mode_name(*mode)), setting.at, setting.key});
    return {};
}

Result<void> Driver::set_one(const Setting &setting) {
    const auto *row = core::find_option(setting.name);
    if (row == nullptr) {
        drop(setting, "no option of a bond, left out");
        return {};
    }
    if (row->name == "mode") {
        return set_mode(setting);
    }
    set(setting);
    return {};
}

void Driver::set(const Setting &setting, bool quiet_about_rounding) {
    const auto *row = core::find_option(setting.name);
    core::Warnings warnings;
    if (const auto done = core::set_option(options_, {}, {setting.name, setting.value}, &warnings); !done) {
        return drop(setting, "left out, as the driver refuses it: " + done.error().message);
    }
    for (const auto &warning : quiet_about_rounding ? core::Warnings{} : warnings) {
        notes_.push_back({setting.at, setting.key + ": " + warning});
    }
    std::erase_if(taken_, [&](const Taken &other) { return other.row == row; });
    taken_.push_back({row, setting, core::get_option(options_, *row).value_or("")});
}

std::vector<core::OptionValue> Driver::finish() {
    std::vector<core::OptionValue> out;
    for (const auto &[row, setting, value] : taken_) {
        const auto now = core::get_option(options_, *row).value_or("");
        if (!core::check_applicable(options_, {}, row->name)) {
            drop(setting, "left out: not in mode " + std::string(core::mode_name(options_.mode)));
        } else if (now != value &&
                   !(options_.miimon_ms > 0 && is_one_of(row->name, {"updelay", "downdelay", "peer_notify_delay"}))) {
            drop(setting, "left out: another option, given later, ends it");
        } else {
            out.push_back({std::string(row->name), now});
        }
    }
    return core::in_apply_order(out);
}

// The module looks at its parameters as a whole: numbers out of range are as if not given, words that it does not know
// keep it from being loaded, and some parameters count only beside others.
Result<void> Driver::load(const std::vector<Setting> &given) {
    std::vector<Setting> parameters;
    for (const auto &one : given) {
        if (is_one_of(one.name, {"max_bonds", "tx_queues", "debug"})) {
            continue;
        }
        if (!is_parameter(one.name)) {
            drop(one, "no parameter of the module, left out");
            continue;
        }
        const bool is_number = std::ranges::find(number_parameters, one.name) != number_parameters.end();
        const auto number = parameter_number(one.value);
        if (is_number && !number) {
            return refuse(one.at,
                          one.key + ": " + core::quoted(one.value) + " is no number: the driver would not load");
        }
        std::erase_if(parameters, [&](const Setting &old) { return old.name == one.name; });
        parameters.push_back(one);
        parameters.back().value = is_number ? std::to_string(*number) : one.value;
    }
    if (const auto *mode = find(parameters, "mode")) {
        XB_TRY_VOID(set_mode(*mode));
        std::erase_if(parameters, [](const Setting &s) { return s.name == "mode"; });
    }
    XB_TRY_VOID(load_monitors(parameters));
    return load_words(parameters);
}

// The MII monitor keeps the ARP monitor from being used, and that one needs targets.
Result<void> Driver::load_monitors(std::vector<Setting> &parameters) {
    const auto take = [&](std::string_view name) {
        std::optional<Setting> out;
        if (auto *found = find(parameters, name)) {
            out = std::move(*found);
            std::erase_if(parameters, [&](const Setting &s) { return s.name == name || s.name.empty(); });
        }
        return out;
    };
    if (const auto miimon = take("miimon")) {
        set(*miimon);
    }
    auto targets = take(list_option);
    auto interval = take("arp_interval");
    const bool given = interval.has_value();
    if (targets) {
        for (const auto &target : words(targets->value, ",")) {
            set({targets->name, "+" + target, targets->at, targets->key}); // one that is no address is left out
        }
    }
    if (interval && options_.miimon_ms > 0 && interval->value != "0") {
        drop(*interval, "left out: the driver takes miimon and no ARP monitor beside it");
        interval.reset();
    } else if (interval && interval->value != "0" && options_.arp_ip_targets.empty()) {
        drop(*interval, "left out: the driver has no ARP monitor without arp_ip_target");
        interval.reset();
    }
    if (interval) {
        set(*interval);
    }
    if (const auto *validate = find(parameters, "arp_validate"); validate != nullptr && options_.arp_interval_ms == 0) {
        return refuse(validate->at, "arp_validate without an ARP monitor" +
                                        std::string(given ? " (miimon and arp_interval are both given)" : "") +
                                        ": the driver would not load");
    }
    return {};
}

Result<void> Driver::load_words(std::vector<Setting> &parameters) {
    const auto &traits = core::traits(options_.mode);
    const bool primary = find(parameters, "primary") != nullptr && traits.has_primary;
    for (const auto &one : parameters) {
        const bool idle = (one.name == "xmit_hash_policy" && !traits.hashes && !traits.balances_load) ||
                          (one.name == "lacp_rate" && !traits.lacp) || (one.name == "primary_reselect" && !primary) ||
                          (is_one_of(one.name, {"updelay", "downdelay"}) && options_.miimon_ms == 0);
        if (idle) {
            drop(one, "left out: without effect in mode " + std::string(core::mode_name(options_.mode)) +
                          " with these parameters");
            continue;
        }
        const auto *row = core::find_option(one.name);
        // A word the driver does not know; any_of_targets alone falls back to its default.
        if (!row->words.empty() && row->range.first > row->range.last && one.name != "arp_all_targets" &&
            one.name != "use_carrier" && !core::value_of(row->words, one.value)) {
            return refuse(one.at, one.key + ": bad value " + core::quoted(one.value) + ": the driver would not load");
        }
        set(one);
    }
    return {};
}

} // namespace xbond::import
