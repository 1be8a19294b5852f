// SPDX-License-Identifier: MIT
// The config: what it wants is compared with what is there and only the differences are planned, so that applying the
// same file again changes nothing. A dry run prints the plan that apply carries out, and touches nothing.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <net/if.h>
#include <set>
#include <sstream>

#include "user/core/options/option_table.h"
#include "user/daemon/daemon.h"

namespace xbond::daemon {

// The values that the bond has now of the options of this list.
std::vector<core::OptionValue> present_options(const core::BondState &bond,
                                               std::span<const core::OptionValue> options) {
    std::vector<core::OptionValue> values;
    for (const auto &option : options) {
        if (option.name == "active_slave") {
            const auto *active = core::find_slave(bond, bond.active);
            values.push_back({option.name, active == nullptr ? "" : active->name});
        } else if (const auto value = core::get_option(bond.options, option.name)) {
            values.push_back({option.name, *value});
        }
    }
    return values;
}

std::vector<core::OptionValue> present_options(const core::Slave &slave, std::span<const core::OptionValue> options) {
    std::vector<core::OptionValue> values{{"prio", std::to_string(slave.prio)},
                                          {"queue_id", std::to_string(slave.queue_id)},
                                          {"actor_port_prio", std::to_string(slave.actor_port_prio)}};
    std::erase_if(values, [&](const core::OptionValue &value) {
        return std::ranges::find(options, value.name, &core::OptionValue::name) == options.end();
    });
    return values;
}

namespace {

std::string text_of(std::span<const core::OptionValue> options) {
    std::string text;
    for (const auto &option : options) {
        text += " " + option.name + " " + option.value;
    }
    return text;
}

} // namespace

Result<api::Config> Daemon::read_config() {
    std::ifstream in(*settings_.config);
    if (!in) {
        const int code = errno;
        return fail(code, settings_.config->string() + ": " + std::strerror(code));
    }
    std::stringstream text;
    text << in.rdbuf();
    return api::parse_config(text.str(), settings_.config->string());
}

// Everything that can be refused without trying is refused before the first change.
Result<void> Daemon::check(const api::Config &config) {
    for (const auto &bond : config.bonds) {
        if (!bonds_.contains(bond.name) && netlink_->link(bond.name)) {
            return fail(EEXIST, "bonds." + bond.name + ": an interface of that name exists and is not a bond of xbond");
        }
        for (const auto &slave : bond.slaves) {
            auto link = netlink_->link(slave.name);
            if (!link) {
                return fail(ENODEV, "bonds." + bond.name + ".slaves: interface " + slave.name + " does not exist");
            }
            if (link->master != 0) {
                return fail(EBUSY, "bonds." + bond.name + ".slaves: " + slave.name + " has another master");
            }
        }
    }
    return {};
}

Result<Plan> Daemon::plan(const api::Config &config) {
    XB_TRY_VOID(check(config));
    Plan plan;
    for (const auto &wanted : config.bonds) {
        auto part = bonds_.contains(wanted.name) ? plan_change(*bonds_.at(wanted.name), wanted) : plan_new(wanted);
        if (!part) {
            return fail(part.error().code, "bonds." + wanted.name + ": " + part.error().message);
        }
        for (auto &change : *part) {
            // Errors say which bond, plans too; a bond may vanish between two changes.
            change.carry_out = [what = std::move(change.carry_out), bond = wanted.name] {
                auto done = what();
                return done ? done : fail(done.error().code, "bonds." + bond + ": " + done.error().message);
            };
            change.text = wanted.name + ": " + change.text;
            plan.push_back(std::move(change));
        }
    }
    return plan;
}

Change Daemon::on_bond(const std::string &name, std::string text, BondStep carry_out, BondStep undo) {
    const auto with_bond = [this, name](const BondStep &step) {
        auto found = bond(name);
        return found ? step(**found) : Result<void>(tl::unexpected(found.error()));
    };
    return {std::move(text), [with_bond, step = std::move(carry_out)] { return with_bond(step); },
            [with_bond, step = std::move(undo)] { (void)with_bond(step); }};
}

Result<Plan> Daemon::plan_new(const api::BondConfig &wanted) {
    Plan plan;
    plan.push_back({"create",
                    [this, wanted] {
                        return link_add({wanted.name, wanted.options, wanted.address, wanted.mtu});
                    },
                    [this, name = wanted.name] {
                        forget(name);
                        (void)persist();
                    }});
    for (const auto &slave : wanted.slaves) {
        plan.push_back(plan_enslave(wanted.name, slave.name));
        if (!slave.options.empty()) {
            plan.push_back(plan_slave_options(wanted.name, slave, {}));
        }
    }
    if (wanted.up) {
        plan.push_back(plan_up(wanted.name, true));
    }
    return plan;
}

Result<Plan> Daemon::plan_change(const BondController &bond, const api::BondConfig &wanted) {
    const auto &core = bond.core();
    const auto &name = wanted.name;
    Plan plan;
    if (const auto changed = changed_options(bond, wanted); !changed.empty()) {
        core::BondState trial = core;
        XB_TRY_VOID(core::set_options(trial, changed, sys::now()));
        plan.push_back(on_bond(
            name, "set" + text_of(changed), [changed](BondController &b) { return b.set_options(changed); },
            [before = present_options(core, changed)](BondController &b) { return b.set_options(before); }));
    }
    if (wanted.mtu && *wanted.mtu != core.mtu) {
        plan.push_back(on_bond(
            name, "mtu " + std::to_string(*wanted.mtu), [to = *wanted.mtu](BondController &b) { return b.set_mtu(to); },
            [from = core.mtu](BondController &b) { return b.set_mtu(from); }));
    }
    if (wanted.address && *wanted.address != core.mac) {
        plan.push_back(on_bond(
            name, "address " + wanted.address->str(),
            [to = *wanted.address](BondController &b) { return b.set_address(to); },
            [from = core.mac](BondController &b) { return b.set_address(from); }));
    }
    if (auto slaves = plan_slaves(bond, wanted); slaves) {
        std::move(slaves->begin(), slaves->end(), std::back_inserter(plan));
    } else {
        return slaves;
    }
    if (auto link = netlink_->link(bond.ifindex()); link && ((link->flags & IFF_UP) != 0) != wanted.up) {
        plan.push_back(plan_up(name, wanted.up));
    }
    return plan;
}

Change Daemon::plan_up(const std::string &bond, bool up) {
    return on_bond(
        bond, up ? "up" : "down", [up](BondController &b) { return b.set_up(up); },
        [up](BondController &b) { return b.set_up(!up); });
}

// Options whose text differs from what is set.
std::vector<core::OptionValue> Daemon::changed_options(const BondController &bond, const api::BondConfig &wanted) {
    std::vector<core::OptionValue> changed;
    for (const auto &option : wanted.options) {
        core::Options trial = bond.core().options;
        const auto before = trial;
        const auto done = core::set_option(trial, {}, option, nullptr);
        if (!done || !(trial == before)) {
            changed.push_back(option);
        }
    }
    return changed;
}

Result<Plan> Daemon::plan_slaves(const BondController &bond, const api::BondConfig &wanted) {
    Plan plan;
    std::set<std::string> names;
    for (const auto &slave : wanted.slaves) {
        names.insert(slave.name);
        const auto *present_slave = core::find_slave(bond.core(), slave.name);
        if (present_slave == nullptr) {
            plan.push_back(plan_enslave(wanted.name, slave.name));
        }
        if (slave.options.empty()) {
            continue;
        }
        std::vector<core::OptionValue> before;
        if (present_slave != nullptr) {
            before = present_options(*present_slave, slave.options);
            core::BondState trial = bond.core();
            XB_TRY_VOID(core::set_slave_options(trial, present_slave->slot, slave.options, sys::now()));
            if (present_options(*core::find_slave(trial, present_slave->slot), slave.options) == before) {
                continue; // setting the same again would select anew
            }
        }
        plan.push_back(plan_slave_options(wanted.name, slave, std::move(before)));
    }
    for (const auto &slave : bond.core().slaves) {
        if (!names.contains(slave.name)) {
            plan.push_back(on_bond(
                wanted.name, "release " + slave.name,
                [name = slave.name](BondController &b) { return b.release(name); },
                [name = slave.name](BondController &b) { return b.enslave(name); }));
        }
    }
    return plan;
}

// As ifenslave does: the device is set down first. When it has to go back it is up again, and where it was.
Change Daemon::plan_enslave(const std::string &bond_name, const std::string &slave) {
    const auto link = netlink_->link(slave);
    const bool was_up = link && (link->flags & IFF_UP) != 0;
    const auto *other = bond_of_slave(slave);
    const std::string from = other == nullptr ? "" : other->name();
    const auto back = [this, slave, was_up, from] {
        if (auto found = bond(from); found) {
            (void)(*found)->enslave(slave);
        } else if (auto now = netlink_->link(slave); now && was_up) {
            (void)netlink_->set_up(now->ifindex, true);
        }
        return Result<void>();
    };
    return on_bond(
        bond_name, "enslave " + slave,
        [this, slave, back](BondController &b) -> Result<void> {
            if (auto *current = bond_of_slave(slave)) {
                XB_TRY_VOID(current->release(slave));
            }
            if (auto now = netlink_->link(slave); now && (now->flags & IFF_UP) != 0) {
                (void)netlink_->set_up(now->ifindex, false);
            }
            auto done = b.enslave(slave);
            if (!done) {
                (void)back();
            }
            return done;
        },
        [slave, back](BondController &b) {
            auto released = b.release(slave);
            (void)back();
            return released;
        });
}

Change Daemon::plan_slave_options(const std::string &bond, const api::SlaveConfig &slave,
                                  std::vector<core::OptionValue> before) {
    return on_bond(
        bond, slave.name + " set" + text_of(slave.options),
        [slave](BondController &b) { return b.set_slave_options(slave.name, slave.options); },
        [name = slave.name, options = std::move(before)](BondController &b) {
            return options.empty() ? Result<void>() : b.set_slave_options(name, options);
        });
}

} // namespace xbond::daemon
