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

// The option that was written, and those that follow from it.
void report_settings(const BondState &bond, Step &step, const Options &before, const std::string &written) {
    for (const OptionRow &row : option_table()) {
        const std::string name(row.name);
        const std::string from = get_option(before, row).value_or(""), to = get_option(bond.options, row).value_or("");
        if (from != to) {
            step.report("option", "", from, to, name == written ? name + " set by user" : name + " follows " + written);
        }
    }
}

Result<void> set_active_slave(BondState &bond, Step &step, std::string_view name) {
    const std::string cause = "active_slave set by user";
    if (name.empty()) {
        change_active(bond, step, no_slot, "active_slave cleared by user");
        select(bond, step, "active_slave cleared by user");
        return {};
    }
    Slave *target = const_cast<Slave *>(find_slave(bond, name));
    const std::string who = "option active_slave: " + core::quoted(name);
    if (target == nullptr) {
        return fail(EINVAL, who + " is not a slave of bond " + bond.name + "; enslave it first");
    }
    if (target->slot == bond.active) {
        return {};
    }
    if (bond.active == no_slot) {
        return fail(EINVAL, who + ": there is no active slave at present; wait until a slave is up");
    }
    if (target->up() && target->unsteady_since) { // the user wants it at once
        target->unsteady_since.reset();
        look_again(bond, step);
    }
    if (target->slot == bond.active) {
        return {};
    }
    if (target->link != Link::up || !target->up()) {
        return fail(EINVAL, who + " is not up (link " + std::string(link_text(target->link)) +
                                "); only a slave that is up can be made active");
    }
    change_active(bond, step, target->slot, cause);
    return {};
}

Result<void> check_queue_is_free(const BondState &bond, const Slave &target, std::int64_t queue_id) {
    const auto taken = std::ranges::find_if(bond.slaves, [&](const Slave &slave) {
        return queue_id != 0 && slave.slot != target.slot && slave.queue_id == queue_id;
    });
    if (taken != bond.slaves.end()) {
        return fail(EPERM, "option queue_id: " + std::to_string(queue_id) + " is already that of " + taken->name +
                               "; take another one");
    }
    return {};
}

void sync_prio(BondState &bond, Step &step, const Slave &target) {
    if (bond.primary != no_slot) {
        step.warn("prio of " + target.name + " has no effect while there is a primary");
    } else {
        select(bond, step, "prio of " + target.name + " set by user");
    }
}

Result<void> set_slave_option(BondState &bond, Step &step, Slave &target, const SlaveOptionRow &row,
                              std::string_view text) {
    XB_TRY(value, check_slave_option(row, bond.options.mode, text));
    const std::string name(row.name);
    if (name == "queue_id") {
        XB_TRY_VOID(check_queue_is_free(bond, target, *value));
    }
    const std::int64_t old = slave_option(target, row);
    if (old != *value) {
        step.report("option", target.name, std::to_string(old), std::to_string(*value), name + " set by user");
    }
    store_slave_option(target, row, *value);
    if (name == "prio") {
        sync_prio(bond, step, target);
    }
    return {};
}

Result<void> apply_slave_option(BondState &bond, Step &step, SlotId slot, const OptionValue &option) {
    Slave *target = find_slave(bond, slot);
    if (target == nullptr) {
        return fail(ENODEV, "slot " + std::to_string(slot) + " of bond " + bond.name + " holds no slave");
    }
    const SlaveOptionRow *row = find_slave_option(option.name);
    if (row == nullptr) {
        std::vector<std::string_view> known;
        std::ranges::transform(slave_option_table(), std::back_inserter(known), &SlaveOptionRow::name);
        const std::string guess = meant(option.name, known);
        return fail(EINVAL, "unknown slave option " + core::quoted(option.name) +
                                (guess.empty() ? ": expected " + slave_option_names() : guess));
    }
    return set_slave_option(bond, step, *target, *row, option.value);
}

// What a written option sets in motion, also when the value is the old one.
Result<void> apply_setting(BondState &bond, Step &step, const OptionValue &option) {
    const Options before = bond.options;
    std::vector<std::string> warnings;
    XB_TRY_VOID(set_option(bond.options, {!bond.slaves.empty(), bond.admin_up}, option, &warnings));
    for (std::string &warning : warnings) {
        step.warn(std::move(warning));
    }
    const std::string name(find_option(option.name)->name);
    report_settings(bond, step, before, name);
    sync_targets(bond, before, step.now);
    sync_monitors(bond, step, before, name + " set by user");
    if (name == "primary") {
        sync_primary(bond, step);
    } else if (name == "primary_reselect") {
        select(bond, step, "primary_reselect set by user");
    } else if (name == "all_slaves_active") {
        for (Slave &slave : bond.slaves) {
            if (slave.backup) {
                slave.suppressed = !bond.options.all_slaves_active;
            }
        }
    }
    return {};
}

Result<void> apply_option(BondState &bond, Step &step, const OptionValue &option) {
    const OptionContext context{!bond.slaves.empty(), bond.admin_up};
    if (option.name != "active_slave" && option.name != "queue_id") {
        return apply_setting(bond, step, option);
    }
    XB_TRY_VOID(check_applicable(bond.options, context, option.name));
    if (option.name == "active_slave") {
        return set_active_slave(bond, step, without_newline(option.value));
    }
    const std::string_view text = without_newline(option.value);
    const auto colon = text.find(':');
    const Slave *target = colon == std::string_view::npos ? nullptr : find_slave(bond, text.substr(0, colon));
    if (target == nullptr) {
        return fail(EPERM, "option queue_id: bad value " + core::quoted(option.value) +
                               ": expected SLAVE:0..16 with a slave of this bond");
    }
    return set_slave_option(bond, step, *find_slave(bond, target->slot), *find_slave_option("queue_id"),
                            text.substr(colon + 1));
}

} // namespace

Result<Effects> set_options(BondState &bond, std::span<const OptionValue> options, Time now) {
    BondState changed = bond; // all or nothing
    Step step{now};
    bool asks_for_mii = false;
    for (const OptionValue &option : in_apply_order(options)) {
        auto done = apply_option(changed, step, option);
        asks_for_mii = asks_for_mii || (option.name == "miimon" && changed.options.miimon_ms > 0);
        if (done && asks_for_mii) {
            done = check_beside_mii(changed.options, option.name);
        }
        if (!done) {
            return tl::unexpected(done.error());
        }
    }
    bond = std::move(changed);
    return finish(bond, step);
}

Result<Effects> set_slave_options(BondState &bond, SlotId slot, std::span<const OptionValue> options, Time now) {
    BondState changed = bond;
    Step step{now};
    for (const OptionValue &option : options) {
        XB_TRY_VOID(apply_slave_option(changed, step, slot, option));
    }
    bond = std::move(changed);
    return finish(bond, step);
}

} // namespace xbond::core
