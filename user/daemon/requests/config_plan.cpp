// SPDX-License-Identifier: MIT
// What has to be done to make what is there what a config wants, as a list of changes.
#include <algorithm>
#include <net/if.h>
#include <set>
#include <spdlog/spdlog.h>

#include "user/core/bond/slave_options.h"
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

// Everything that can be refused without trying is refused before the first change.
Result<void> Daemon::check(const api::Config &config, const Devices &devices) {
    for (const auto &bond : config.bonds) {
        XB_TRY_VOID(refuse_left_alone(bond.name));
        if (!bonds_.contains(bond.name) && devices.contains(bond.name)) {
            return fail(EEXIST, "bonds." + bond.name + ": an interface of that name exists and is not a bond of xbond");
        }
        for (const auto &slave : bond.slaves) {
            const auto device = devices.find(slave.name);
            if (device == devices.end()) {
                return fail(ENODEV, "bonds." + bond.name + ".slaves: interface " + slave.name + " does not exist");
            }
            if (device->second.master != 0) {
                return fail(EBUSY, "bonds." + bond.name + ".slaves: " + slave.name + " has another master");
            }
        }
    }
    return {};
}

const api::BondConfig *Daemon::applied_bond(const std::string &name) const {
    if (!applied_) {
        return nullptr;
    }
    const auto found = std::ranges::find(applied_->bonds, name, &api::BondConfig::name);
    return found == applied_->bonds.end() ? nullptr : &*found;
}

Result<Plan> Daemon::plan_bond(const api::BondConfig &wanted, const Devices &devices) {
    api::Config alone;
    alone.bonds.push_back(wanted);
    XB_TRY_VOID(check(alone, devices));
    auto part = bonds_.contains(wanted.name) ? plan_change(*bonds_.at(wanted.name), wanted, devices)
                                             : plan_new(wanted, devices);
    if (!part) {
        return fail(part.error().code, "bonds." + wanted.name + ": " + part.error().message);
    }
    for (auto &change : *part) {
        // Errors say which bond, plans too; a bond may vanish between two changes.
        change.carry_out = [what = std::move(change.carry_out), bond = wanted.name]() -> Task<Result<void>> {
            auto done = co_await what();
            co_return done ? done : fail(done.error().code, "bonds." + bond + ": " + done.error().message);
        };
        change.text = wanted.name + ": " + change.text;
    }
    return part;
}

Result<Plan> Daemon::plan_all(const api::Config &config, const Devices &devices) {
    XB_TRY_VOID(check(config, devices));
    Plan plan;
    for (const auto &wanted : config.bonds) {
        XB_TRY(part, plan_bond(wanted, devices));
        std::move(part->begin(), part->end(), std::back_inserter(plan));
    }
    return plan;
}

// Last of all, as it cannot be undone; a slave that another bond wants has left by then.
Plan Daemon::plan_ends(const api::Config &config) {
    Plan plan;
    for (const auto &[name, controller] : bonds_) {
        const bool wanted = std::ranges::find(config.bonds, name, &api::BondConfig::name) != config.bonds.end();
        if (!wanted && applied_bond(name) != nullptr) {
            plan.push_back({name + ": remove", [this, name = name] { return forget(name); }, [] { return just({}); }});
        }
    }
    return plan;
}

Change Daemon::on_bond(const std::string &name, std::string text, BondStep carry_out, BondStep undo) {
    const auto with_bond = [this, name](const BondStep &step) {
        auto found = bond(name);
        return found ? step(**found) : just(tl::unexpected(found.error()));
    };
    return {std::move(text), [with_bond, step = std::move(carry_out)] { return with_bond(step); },
            [with_bond, step = std::move(undo)] {
                return with_bond([step](BondController &bond) { return bond.regardless(step); });
            }};
}

Result<Plan> Daemon::plan_new(const api::BondConfig &wanted, const Devices &devices) {
    Plan plan;
    plan.push_back({"create",
                    [this, wanted] {
                        return link_add({wanted.name, wanted.options, wanted.address, wanted.mtu}, nullptr);
                    },
                    [this, name = wanted.name] { return forget(name); }});
    for (const auto &slave : wanted.slaves) {
        plan.push_back(plan_enslave(wanted.name, devices.at(slave.name)));
        if (!slave.options.empty()) {
            plan.push_back(plan_slave_options(wanted.name, slave, {}));
        }
    }
    if (wanted.up) {
        plan.push_back(plan_up(wanted.name, true));
    }
    return plan;
}

// Options that the config does not name are at their defaults. A bond switches fail_over_mac by itself for a slave that
// keeps its address: that stands, unless the last config had named it.
core::Options Daemon::wanted_options(const BondController &bond, const api::BondConfig &wanted) const {
    core::Options target;
    for (const auto &option : wanted.options) {
        (void)core::set_option(target, {}, option, nullptr); // the parser has tried it
    }
    const auto names_it = [](const api::BondConfig *config) {
        return config != nullptr &&
               std::ranges::find(config->options, "fail_over_mac", &core::OptionValue::name) != config->options.end();
    };
    if (!names_it(&wanted) && !names_it(applied_bond(wanted.name))) {
        target.fail_over_mac = bond.core().options.fail_over_mac;
    }
    return target;
}

namespace {

// Options that have to be set, in this order, to get from one set to the other: setting one may change another.
std::vector<core::OptionValue> difference(core::Options from, const core::Options &to) {
    std::vector<core::OptionValue> out;
    for (int round = 0; round < 2; ++round) { // a second time for what a later one has undone
        for (const auto &row : core::option_table()) {
            const auto wanted = core::get_option(to, row);
            if (!wanted || core::get_option(from, row) == wanted || !core::check_applicable(to, {}, row.name)) {
                continue;
            }
            const core::OptionValue option{std::string(row.name), *wanted};
            if (core::set_option(from, {}, option, nullptr)) {
                std::erase_if(out, [&](const core::OptionValue &old) { return old.name == option.name; });
                out.push_back(option);
            }
        }
    }
    return out;
}

bool any_row(std::span<const core::OptionValue> options, bool core::OptionRow::*fact) {
    return std::ranges::any_of(options, [&](const auto &option) { return core::find_option(option.name)->*fact; });
}

// What the config wants of a slave's options, those that it does not name at their defaults.
std::vector<core::OptionValue> slave_options(Mode mode, const api::SlaveConfig &wanted) {
    std::vector<core::OptionValue> out = wanted.options;
    for (const auto &row : core::slave_option_table()) {
        const bool named = std::ranges::find(out, row.name, &core::OptionValue::name) != out.end();
        if (!named && row.modes.contains(mode)) {
            out.push_back({std::string(row.name), std::string(row.fallback)});
        }
    }
    return out;
}

} // namespace

// What an option needs, no slaves or a bond that is down, is made first: the bond's device stays, with what stands on
// it.
Result<void> Daemon::plan_options(const BondController &bond, const api::BondConfig &wanted, Plan &plan, bool &rebuilt,
                                  bool &down) {
    const auto &core = bond.core();
    const auto changed = difference(core.options, wanted_options(bond, wanted));
    if (changed.empty()) {
        return {};
    }
    rebuilt = !core.slaves.empty() && any_row(changed, &core::OptionRow::needs_no_slaves);
    down = core.admin_up && any_row(changed, &core::OptionRow::needs_down);
    core::BondState trial = core;
    if (rebuilt || down) {
        trial = {.name = core.name, .options = core.options, .mac = core.mac, .mtu = core.mtu};
    }
    XB_TRY_VOID(core::set_options(trial, changed, sys::now()));
    if (rebuilt) {
        for (const auto &slave : core.slaves) {
            plan.push_back(plan_release(wanted.name, slave));
        }
    }
    if (down) {
        plan.push_back(plan_up(wanted.name, false));
    }
    plan.push_back(on_bond(
        wanted.name, "set" + text_of(changed), [changed](BondController &b) { return b.set_options(changed); },
        [before = difference(trial.options, core.options)](BondController &b) { return b.set_options(before); }));
    return {};
}

Result<Plan> Daemon::plan_change(const BondController &bond, const api::BondConfig &wanted, const Devices &devices) {
    const auto &core = bond.core();
    const auto &name = wanted.name;
    Plan plan;
    bool rebuilt = false, down = false;
    XB_TRY_VOID(plan_options(bond, wanted, plan, rebuilt, down));
    constexpr std::uint32_t usual = 1500;
    const auto *before = applied_bond(name);
    const auto mtu = wanted.mtu ? wanted.mtu : before != nullptr && before->mtu ? std::optional(usual) : std::nullopt;
    if (mtu && *mtu != core.mtu) {
        plan.push_back(on_bond(
            name, "mtu " + std::to_string(*mtu), [to = *mtu](BondController &b) { return b.set_mtu(to); },
            [from = core.mtu](BondController &b) { return b.set_mtu(from); }));
    }
    const core::BondState target{.options = wanted_options(bond, wanted)};
    if (wanted.address && *wanted.address != core.mac && !core::slave_keeps_mac(target)) {
        plan.push_back(on_bond(
            name, "address " + wanted.address->str(),
            [to = *wanted.address](BondController &b) { return b.set_address(to); },
            [from = core.mac](BondController &b) { return b.set_address(from); }));
    }
    XB_TRY(slaves, plan_slaves(bond, wanted, devices, rebuilt));
    std::move(slaves->begin(), slaves->end(), std::back_inserter(plan));
    const auto device = devices.find(name);
    if (device != devices.end()) {
        const bool is_up = (device->second.flags & IFF_UP) != 0 && !down;
        if (is_up != wanted.up) {
            plan.push_back(plan_up(name, wanted.up));
        }
    }
    return plan;
}

Change Daemon::plan_up(const std::string &bond, bool up) {
    return on_bond(
        bond, up ? "up" : "down", [up](BondController &b) { return b.set_up(up); },
        [up](BondController &b) { return b.set_up(!up); });
}

// Those that come before those that go, or the bond is without any for a moment; where all have gone, all come.
Result<Plan> Daemon::plan_slaves(const BondController &bond, const api::BondConfig &wanted, const Devices &devices,
                                 bool rebuilt) {
    Plan plan;
    std::set<std::string> names;
    const Mode mode = wanted_options(bond, wanted).mode;
    for (const auto &slave : wanted.slaves) {
        names.insert(slave.name);
        const auto *present_slave = rebuilt ? nullptr : core::find_slave(bond.core(), slave.name);
        if (present_slave == nullptr) {
            plan.push_back(plan_enslave(wanted.name, devices.at(slave.name)));
            if (!slave.options.empty()) {
                plan.push_back(plan_slave_options(wanted.name, slave, {}));
            }
            continue;
        }
        api::SlaveConfig different{slave.name, {}, {}, "", "", ""};
        std::vector<core::OptionValue> before;
        for (const auto &option : slave_options(mode, slave)) { // setting the same again would select anew
            const auto now = present_options(*present_slave, std::span(&option, 1));
            if (now.empty() || now.front().value != option.value) {
                different.options.push_back(option);
                before.insert(before.end(), now.begin(), now.end());
            }
        }
        if (!different.options.empty()) {
            core::BondState trial = bond.core();
            XB_TRY_VOID(core::set_slave_options(trial, present_slave->slot, different.options, sys::now()));
            plan.push_back(plan_slave_options(wanted.name, different, std::move(before)));
        }
    }
    for (const auto &slave : bond.core().slaves) {
        if (!rebuilt && !names.contains(slave.name)) {
            plan.push_back(plan_release(wanted.name, slave));
        }
    }
    return plan;
}

// Undone, it is what it was.
Change Daemon::plan_release(const std::string &bond_name, const core::Slave &slave) {
    std::vector<core::OptionValue> options;
    for (const auto &row : core::slave_option_table()) {
        if (row.modes.contains(bonds_.at(bond_name)->core().options.mode)) {
            options.push_back({std::string(row.name), std::to_string(core::slave_option(slave, row))});
        }
    }
    return on_bond(
        bond_name, "release " + slave.name, [name = slave.name](BondController &b) { return b.release(name); },
        [name = slave.name, options](BondController &b) -> Task<Result<void>> {
            XB_CO_TRY_VOID(co_await b.enslave(name));
            co_return co_await b.set_slave_options(name, options);
        });
}

// As ifenslave does: the device is set down first. When it has to go back it is up again, and where it was.
Change Daemon::plan_enslave(const std::string &bond_name, const sys::LinkInfo &device) {
    const auto *other = bond_of_slave(device.name);
    const bool again = other != nullptr && other->name() == bond_name; // released by an earlier change, which is undone
    const bool was_up = (device.flags & IFF_UP) != 0 && !again;
    const std::string from = other == nullptr || again ? "" : other->name();
    return {"enslave " + device.name,
            [this, bond_name, name = device.name, ifindex = device.ifindex, was_up, from] {
                return enslave(bond_name, name, ifindex, was_up, from);
            },
            [this, bond_name, name = device.name, ifindex = device.ifindex, was_up, from]() -> Task<Result<void>> {
                XB_CO_TRY(found, bond(bond_name));
                BondStep release = [name](BondController &bond) { return bond.release(name); };
                auto released = co_await (*found)->regardless(std::move(release));
                (void)co_await give_back(name, ifindex, was_up, from);
                co_return released;
            }};
}

Task<Result<void>> Daemon::enslave(std::string bond_name, std::string slave, std::uint32_t ifindex, bool was_up,
                                   std::string from) {
    if (auto *current = bond_of_slave(slave)) {
        XB_CO_TRY_VOID(co_await current->release(slave));
    }
    (void)co_await set_device([ifindex](sys::Netlink &netlink) { return netlink.set_up(ifindex, false); });
    XB_CO_TRY(found, bond(bond_name));
    auto done = co_await (*found)->enslave(slave);
    if (!done) {
        (void)co_await give_back(slave, ifindex, was_up, from);
    }
    co_return done;
}

// `to`: the bond that it was a slave of; empty: none.
Task<Result<void>> Daemon::give_back(std::string slave, std::uint32_t ifindex, bool was_up, std::string to) {
    if (auto found = bond(to); found) {
        BondStep enslave = [slave](BondController &bond) { return bond.enslave(slave); };
        co_return co_await (*found)->regardless(std::move(enslave));
    }
    if (was_up) {
        co_return co_await set_device([ifindex](sys::Netlink &netlink) { return netlink.set_up(ifindex, true); });
    }
    co_return Result<void>();
}

Change Daemon::plan_slave_options(const std::string &bond, const api::SlaveConfig &slave,
                                  std::vector<core::OptionValue> before) {
    return on_bond(
        bond, slave.name + " set" + text_of(slave.options),
        [slave](BondController &b) { return b.set_slave_options(slave.name, slave.options); },
        [name = slave.name, options = std::move(before)](BondController &b) {
            return options.empty() ? just({}) : b.set_slave_options(name, options);
        });
}

} // namespace xbond::daemon
