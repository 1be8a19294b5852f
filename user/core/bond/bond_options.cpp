// SPDX-License-Identifier: MIT
// Options written to a bond and to a slave: actions (3.5, 1.9) and what follows from a setting (6.2).
#include <algorithm>
#include <limits>

#include "user/core/bond/step.h"
#include "user/core/options/text.h"

namespace xbond::core {
namespace {

constexpr std::int64_t tx_queues = 16; // of a bond device (1.9)

// 6.3: one request asks for one monitor, unless they share.
Result<void> check_beside_mii(const Options &options, std::string_view name) {
    const bool other = (name == "arp_interval" && options.arp_interval_ms > 0) ||
                       (name == "arp_validate" && options.arp_validate != ArpValidate::none);
    if (options.monitors == Monitors::exclusive && other) {
        return fail(EINVAL, "option " + std::string(name) +
                                ": not together with miimon; leave one of them out, or set monitors any or all");
    }
    return {};
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
        if (auto done = changed.apply_slave_option(step, slot, option); !done) {
            return tl::unexpected(done.error());
        }
    }
    *this = std::move(changed);
    return std::move(step.effects);
}

Result<void> Bond::apply_option(Step &step, const OptionValue &option) {
    const OptionContext context{!slaves_.empty(), admin_up_};
    if (option.name != "active_slave" && option.name != "queue_id") {
        return apply_setting(step, option);
    }
    if (auto applicable = check_applicable(options_, context, option.name); !applicable) {
        return applicable;
    }
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
    return set_queue_id(step, *find(target->slot), text.substr(colon + 1));
}

// What a written option sets in motion, also when the value is the old one.
Result<void> Bond::apply_setting(Step &step, const OptionValue &option) {
    const Options before = options_;
    std::vector<std::string> warnings;
    if (auto done = set_option(options_, {!slaves_.empty(), admin_up_}, option, &warnings); !done) {
        return done;
    }
    for (std::string &warning : warnings) {
        step.warn(std::move(warning));
    }
    const std::string name(find_option(option.name)->name);
    report_settings(step, before, name);
    follow_targets(before, step.now);
    follow_monitors(step, before, name + " set by user");
    if (name == "primary") {
        follow_primary_name(step);
    } else if (name == "primary_reselect") {
        select(step, "primary_reselect set by user");
    } else if (name == "all_slaves_active") {
        for (Slave &slave : slaves_) {
            if (slave.backup) {
                slave.inactive = !options_.all_slaves_active;
            }
        }
    }
    return {};
}

// The option that was written, and those that follow from it.
void Bond::report_settings(Step &step, const Options &before, const std::string &written) const {
    for (const OptionInfo &info : option_table()) {
        const std::string name(info.name);
        const std::string from = get_option(before, name).value_or(""), to = get_option(options_, name).value_or("");
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
    if (option.name == "prio") {
        return set_prio(step, *target, option.value);
    }
    if (option.name == "queue_id") {
        return set_queue_id(step, *target, option.value);
    }
    if (option.name == "actor_port_prio") {
        return set_actor_port_prio(step, *target, option.value);
    }
    return fail(EINVAL, "unknown slave option " + quoted(option.name) + ": expected prio, queue_id or actor_port_prio");
}

Result<void> Bond::set_prio(Step &step, Slave &target, std::string_view text) {
    if (!policy().traits().has_primary) {
        return fail(EACCES, "slave option prio: not in mode " + std::string(mode_name(options_.mode)) +
                                "; it belongs to: " + mode_names(modes_where(&ModeTraits::has_primary)));
    }
    using Limits = std::numeric_limits<std::int32_t>;
    const auto value = signed_number(text);
    if (!value || *value < Limits::min() || *value > Limits::max()) {
        return fail(EINVAL, "slave option prio: bad value " + quoted(text) + ": expected -2147483648..2147483647");
    }
    if (target.prio != *value) {
        step.report("option", target.name, std::to_string(target.prio), std::to_string(*value), "prio set by user");
    }
    target.prio = static_cast<std::int32_t>(*value);
    if (primary_ != no_slot) {
        step.warn("prio of " + target.name + " has no effect while there is a primary");
    } else {
        select(step, "prio of " + target.name + " set by user");
    }
    return {};
}

Result<void> Bond::set_actor_port_prio(Step &step, Slave &target, std::string_view text) {
    if (!policy().traits().lacp) {
        return fail(EACCES, "slave option actor_port_prio: not in mode " + std::string(mode_name(options_.mode)) +
                                "; it belongs to: " + mode_names(modes_where(&ModeTraits::lacp)));
    }
    const auto value = signed_number(text);
    if (!value || *value < 0 || *value > std::numeric_limits<std::uint16_t>::max()) {
        return fail(EINVAL, "slave option actor_port_prio: bad value " + quoted(text) + ": expected 0..65535");
    }
    if (target.actor_port_prio != *value) {
        step.report("option", target.name, std::to_string(target.actor_port_prio), std::to_string(*value),
                    "actor_port_prio set by user");
    }
    target.actor_port_prio = static_cast<std::uint16_t>(*value);
    return {};
}

// Any problem is EPERM (6.2).
Result<void> Bond::set_queue_id(Step &step, Slave &target, std::string_view text) {
    const auto value = signed_number(text);
    if (!value || *value < 0 || *value > tx_queues) {
        return fail(EPERM, "option queue_id: bad value " + quoted(text) + ": expected 0..16");
    }
    const auto taken = std::ranges::find_if(slaves_, [&](const Slave &slave) {
        return *value != 0 && slave.slot != target.slot && slave.queue_id == *value;
    });
    if (taken != slaves_.end()) {
        return fail(EPERM, "option queue_id: " + std::to_string(*value) + " is already that of " + taken->name +
                               "; take another one");
    }
    if (target.queue_id != *value) {
        step.report("option", target.name, std::to_string(target.queue_id), std::to_string(*value),
                    "queue_id set by user");
    }
    target.queue_id = static_cast<std::uint16_t>(*value);
    return {};
}

} // namespace xbond::core
