// SPDX-License-Identifier: MIT
// The config: what it wants is compared with what is there and only the differences are planned, so that applying the
// same file again changes nothing. A dry run prints the plan that apply carries out, and touches nothing.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <net/if.h>
#include <set>
#include <spdlog/spdlog.h>
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

Task<Daemon::Devices> Daemon::look_up(std::vector<std::string> names) {
    auto look = [names = std::move(names)](Hands::Tools &tools) {
        Devices found;
        for (const auto &name : names) {
            if (auto link = tools.netlink.link(name)) {
                found[name] = std::move(*link);
            }
        }
        return found;
    };
    co_return co_await hands_->call("look up devices", std::move(look));
}

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

Task<Result<Plan>> Daemon::plan(api::Config config) {
    std::vector<std::string> names;
    for (const auto &bond : config.bonds) {
        names.push_back(bond.name);
        std::ranges::transform(bond.slaves, std::back_inserter(names), &api::SlaveConfig::name);
    }
    auto devices = co_await look_up(std::move(names));
    // By the names that devices have: others are for people.
    const auto rename = [&devices](std::string &name) {
        if (const auto found = devices.find(name); found != devices.end() && found->second.name != name) {
            auto device = found->second;
            name = device.name;
            devices.insert_or_assign(name, std::move(device));
        }
    };
    for (auto &bond : config.bonds) {
        rename(bond.name);
        std::ranges::for_each(bond.slaves, rename, &api::SlaveConfig::name);
        use_real_names(bond.options);
    }
    co_return plan_all(config, devices);
}

Result<Plan> Daemon::plan_all(const api::Config &config, const Devices &devices) {
    XB_TRY_VOID(check(config, devices));
    Plan plan;
    for (const auto &wanted : config.bonds) {
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
            plan.push_back(std::move(change));
        }
    }
    return plan;
}

// What cannot be controlled now keeps nothing else from being done: it is tried again, and the file after it.
Task<Result<void>> Daemon::apply(api::Config config) {
    std::erase_if(config.bonds, [this](const api::BondConfig &bond) {
        const auto refused = refuse_left_alone(bond.name);
        if (!refused) {
            spdlog::warn("{}: left out of the config: {}", bond.name, refused.error().message);
        }
        return !refused;
    });
    XB_CO_TRY(wanted, co_await plan(std::move(config)));
    co_return co_await carry_out(*loop_, std::move(*wanted));
}

Change Daemon::on_bond(const std::string &name, std::string text, BondStep carry_out, BondStep undo) {
    const auto with_bond = [this, name](const BondStep &step) {
        auto found = bond(name);
        return found ? step(**found) : just(tl::unexpected(found.error()));
    };
    return {std::move(text), [with_bond, step = std::move(carry_out)] { return with_bond(step); },
            [with_bond, step = std::move(undo)] { return with_bond(step); }};
}

Result<Plan> Daemon::plan_new(const api::BondConfig &wanted, const Devices &devices) {
    Plan plan;
    plan.push_back({"create",
                    [this, wanted] {
                        return link_add({wanted.name, wanted.options, wanted.address, wanted.mtu});
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

Result<Plan> Daemon::plan_change(const BondController &bond, const api::BondConfig &wanted, const Devices &devices) {
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
    XB_TRY(slaves, plan_slaves(bond, wanted, devices));
    std::move(slaves->begin(), slaves->end(), std::back_inserter(plan));
    if (const auto device = devices.find(name);
        device != devices.end() && ((device->second.flags & IFF_UP) != 0) != wanted.up) {
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

Result<Plan> Daemon::plan_slaves(const BondController &bond, const api::BondConfig &wanted, const Devices &devices) {
    Plan plan;
    std::set<std::string> names;
    for (const auto &slave : wanted.slaves) {
        names.insert(slave.name);
        const auto *present_slave = core::find_slave(bond.core(), slave.name);
        if (present_slave == nullptr) {
            plan.push_back(plan_enslave(wanted.name, devices.at(slave.name)));
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
Change Daemon::plan_enslave(const std::string &bond_name, const sys::LinkInfo &device) {
    const bool was_up = (device.flags & IFF_UP) != 0;
    const auto *other = bond_of_slave(device.name);
    const std::string from = other == nullptr ? "" : other->name();
    return {"enslave " + device.name,
            [this, bond_name, name = device.name, ifindex = device.ifindex, was_up, from] {
                return enslave(bond_name, name, ifindex, was_up, from);
            },
            [this, bond_name, name = device.name, ifindex = device.ifindex, was_up, from]() -> Task<Result<void>> {
                XB_CO_TRY(found, bond(bond_name));
                auto released = co_await (*found)->release(name);
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
        co_return co_await (*found)->enslave(slave);
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
