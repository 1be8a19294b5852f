// SPDX-License-Identifier: MIT
// Options written to a bond and to a slave: actions and what follows from a setting.
#include <algorithm>

#include "user/core/bond/slave_options.h"
#include "user/core/bond/step.h"
#include "user/core/options/option_table.h"
#include "user/core/options/text.h"

namespace xbond::core {
namespace {

// One request asks for one monitor, unless they share.
Result<void> check_beside_mii(const Options &options, std::string_view name) {
    const bool other = (name == "arp_interval" && options.arp_interval_ms > 0) ||
                       (name == "arp_validate" && options.arp_validate != ArpValidate::none);
    if (options.monitors == Monitors::exclusive && other) {
        return fail(EINVAL, "option " + std::string(name) +
                                ": not together with miimon; leave one of them out, or set monitors any or all");
    }
    return {};
}

std::string slave_option_names() { // "a, b or c"
    const auto table = slave_option_table();
    std::string text;
    for (const SlaveOptionRow &row : table) {
        text += (text.empty() ? "" : &row == &table.back() ? " or " : ", ") + std::string(row.name);
    }
    return text;
}

} // namespace

Result<Effects> Bond::set_options(std::span<const OptionValue> options, Time now) {
    Bond changed = *this; // all or nothing
    Step step{now, {}};
    bool asks_for_mii = false;
    for (const OptionValue &option : in_apply_order(options)) {
        auto done = changed.apply_option(step, option);
        asks_for_mii = asks_for_mii || (option.name == "miimon" && changed.options_.miimon_ms > 0);
        if (done && asks_for_mii) {
            done = check_beside_mii(changed.options_, option.name);
        }
        if (!done) {
            return tl::unexpected(done.error());
        }
    }
    *this = std::move(changed);
    return std::move(step.effects);
}

Result<Effects> Bond::set_slave_options(SlotId slot, std::span<const OptionValue> options, Time now) {
    Bond changed = *this;
    Step step{now, {}};
    for (const OptionValue &option : options) {
        XB_TRY_VOID(changed.apply_slave_option(step, slot, option));
    }
    *this = std::move(changed);
    return std::move(step.effects);
}

Result<void> Bond::apply_option(Step &step, const OptionValue &option) {
    const OptionContext context{!slaves_.empty(), admin_up_};
    if (option.name != "active_slave" && option.name != "queue_id") {
        return apply_setting(step, option);
    }
    XB_TRY_VOID(check_applicable(options_, context, option.name));
    if (option.name == "active_slave") {
        return set_active_slave(step, without_newline(option.value));
    }
    const std::string_view text = without_newline(option.value);
    const auto colon = text.find(':');
    const Slave *target = colon == std::string_view::npos ? nullptr : slave(text.substr(0, colon));
    if (target == nullptr) {
        return fail(EPERM, "option queue_id: bad value " + quoted(option.value) +
                               ": expected SLAVE:0..16 with a slave of this bond");
    }
    return set_slave_option(step, *find(target->slot), *find_slave_option("queue_id"), text.substr(colon + 1));
}

// What a written option sets in motion, also when the value is the old one.
Result<void> Bond::apply_setting(Step &step, const OptionValue &option) {
    const Options before = options_;
    std::vector<std::string> warnings;
    XB_TRY_VOID(set_option(options_, {!slaves_.empty(), admin_up_}, option, &warnings));
    for (std::string &warning : warnings) {
        step.warn(std::move(warning));
    }
    const std::string name(find_option(option.name)->name);
    report_settings(step, before, name);
    sync_targets(before, step.now);
    sync_monitors(step, before, name + " set by user");
    if (name == "primary") {
        sync_primary(step);
    } else if (name == "primary_reselect") {
        select(step, "primary_reselect set by user");
    } else if (name == "all_slaves_active") {
        for (Slave &slave : slaves_) {
            if (slave.backup) {
                slave.suppressed = !options_.all_slaves_active;
            }
        }
    }
    return {};
}

// The option that was written, and those that follow from it.
void Bond::report_settings(Step &step, const Options &before, const std::string &written) const {
    for (const OptionRow &row : option_table()) {
        const std::string name(row.name);
        const std::string from = get_option(before, row).value_or(""), to = get_option(options_, row).value_or("");
        if (from != to) {
            step.report("option", "", from, to, name == written ? name + " set by user" : name + " follows " + written);
        }
    }
}

Result<void> Bond::set_active_slave(Step &step, std::string_view name) {
    const std::string cause = "active_slave set by user";
    if (name.empty()) {
        change_active(step, no_slot, "active_slave cleared by user");
        select(step, "active_slave cleared by user");
        return {};
    }
    const Slave *target = slave(name);
    const std::string who = "option active_slave: " + quoted(name);
    if (target == nullptr) {
        return fail(EINVAL, who + " is not a slave of bond " + name_ + "; enslave it first");
    }
    if (target->slot == active_) {
        return {};
    }
    if (active_ == no_slot) {
        return fail(EINVAL, who + ": there is no active slave at present; wait until a slave is up");
    }
    if (target->link != Link::up || !target->up()) {
        return fail(EINVAL, who + " is not up (link " + std::string(link_text(target->link)) +
                                "); only a slave that is up can be made active");
    }
    change_active(step, target->slot, cause);
    return {};
}

Result<void> Bond::apply_slave_option(Step &step, SlotId slot, const OptionValue &option) {
    Slave *target = find(slot);
    if (target == nullptr) {
        return fail(ENODEV, "slot " + std::to_string(slot) + " of bond " + name_ + " holds no slave");
    }
    const SlaveOptionRow *row = find_slave_option(option.name);
    if (row == nullptr) {
        return fail(EINVAL, "unknown slave option " + quoted(option.name) + ": expected " + slave_option_names());
    }
    return set_slave_option(step, *target, *row, option.value);
}

Result<void> Bond::set_slave_option(Step &step, Slave &target, const SlaveOptionRow &row, std::string_view text) {
    XB_TRY(value, check_slave_option(row, options_.mode, text));
    const std::string name(row.name);
    if (name == "queue_id") {
        XB_TRY_VOID(check_queue_is_free(target, *value));
    }
    const std::int64_t old = slave_option(target, row);
    if (old != *value) {
        step.report("option", target.name, std::to_string(old), std::to_string(*value), name + " set by user");
    }
    store_slave_option(target, row, *value);
    if (name == "prio") {
        sync_prio(step, target);
    }
    return {};
}

Result<void> Bond::check_queue_is_free(const Slave &target, std::int64_t queue_id) const {
    const auto taken = std::ranges::find_if(slaves_, [&](const Slave &slave) {
        return queue_id != 0 && slave.slot != target.slot && slave.queue_id == queue_id;
    });
    if (taken != slaves_.end()) {
        return fail(EPERM, "option queue_id: " + std::to_string(queue_id) + " is already that of " + taken->name +
                               "; take another one");
    }
    return {};
}

void Bond::sync_prio(Step &step, const Slave &target) {
    if (primary_ != no_slot) {
        step.warn("prio of " + target.name + " has no effect while there is a primary");
    } else {
        select(step, "prio of " + target.name + " set by user");
    }
}

} // namespace xbond::core
