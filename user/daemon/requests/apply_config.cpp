// SPDX-License-Identifier: MIT
// The config: what it wants is compared with what is there and only the differences are carried out, so that applying
// the same file again changes nothing. On an error bonds made on the way are taken away again.
#include <cstring>
#include <fstream>
#include <net/if.h>
#include <set>
#include <sstream>

#include "user/core/options/option_table.h"
#include "user/daemon/daemon.h"

namespace xbond::daemon {

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

Result<void> Daemon::apply(const api::Config &config, bool dry_run, std::vector<std::string> *plan) {
    XB_TRY_VOID(check(config));
    std::set<std::string> before;
    for (const auto &[name, controller] : bonds_) {
        before.insert(name);
    }
    for (const auto &bond : config.bonds) {
        auto done = apply_bond(bond, dry_run, plan);
        if (!done) {
            for (const auto &made : config.bonds) {
                if (!before.contains(made.name)) {
                    forget(made.name);
                }
            }
            (void)persist();
            return fail(done.error().code, "bonds." + bond.name + ": " + done.error().message);
        }
    }
    return dry_run ? Result<void>() : persist();
}

Result<void> Daemon::apply_bond(const api::BondConfig &wanted, bool dry_run, std::vector<std::string> *plan) {
    auto note = [&](std::string what) {
        if (plan != nullptr) {
            plan->push_back(wanted.name + ": " + std::move(what));
        }
        return !dry_run;
    };
    auto it = bonds_.find(wanted.name);
    if (it == bonds_.end()) {
        if (!note("create")) {
            return {};
        }
        XB_TRY(made, BondController::create(*host_, wanted.name, wanted.options, wanted.address, wanted.mtu));
        it = bonds_.emplace(wanted.name, std::move(*made)).first;
    } else if (auto changed = changed_options(*it->second, wanted); !changed.empty()) {
        std::string names;
        for (const auto &option : changed) {
            names += " " + option.name + " " + option.value;
        }
        if (note("set" + names)) {
            XB_TRY_VOID(it->second->set_options(changed));
        }
    }
    auto &bond = *it->second;
    if (wanted.mtu && *wanted.mtu != bond.core().mtu() && note("mtu " + std::to_string(*wanted.mtu))) {
        XB_TRY_VOID(bond.set_mtu(*wanted.mtu));
    }
    if (wanted.address && *wanted.address != bond.core().mac() && note("address " + wanted.address->str())) {
        XB_TRY_VOID(bond.set_address(*wanted.address));
    }
    XB_TRY_VOID(apply_slaves(bond, wanted, note));
    if (auto link = netlink_->link(bond.ifindex());
        link && ((link->flags & IFF_UP) != 0) != wanted.up && note(wanted.up ? "up" : "down")) {
        return bond.set_up(wanted.up);
    }
    return {};
}

// Options whose text differs from what is set.
std::vector<core::OptionValue> Daemon::changed_options(const BondController &bond, const api::BondConfig &wanted) {
    std::vector<core::OptionValue> changed;
    for (const auto &option : wanted.options) {
        core::Options trial = bond.core().options();
        const auto before = trial;
        const auto done = core::set_option(trial, {}, option, nullptr);
        if (!done || !(trial == before)) {
            changed.push_back(option);
        }
    }
    return changed;
}

Result<void> Daemon::apply_slaves(BondController &bond, const api::BondConfig &wanted,
                                  const std::function<bool(std::string)> &note) {
    std::set<std::string> names;
    for (const auto &slave : wanted.slaves) {
        names.insert(slave.name);
        if (bond.core().slave(slave.name) == nullptr && note("enslave " + slave.name)) {
            if (auto *other = bond_of_slave(slave.name)) {
                XB_TRY_VOID(other->release(slave.name));
            }
            auto link = netlink_->link(slave.name);
            if (link && (link->flags & IFF_UP) != 0) { // as ifenslave does
                (void)netlink_->set_up(link->ifindex, false);
            }
            XB_TRY_VOID(bond.enslave(slave.name));
        }
        if (!slave.options.empty() && bond.core().slave(slave.name) != nullptr) {
            XB_TRY_VOID(bond.set_slave_options(slave.name, slave.options));
        }
    }
    for (const auto &slave : std::vector<core::Slave>(bond.core().slaves())) {
        if (!names.contains(slave.name) && note("release " + slave.name)) {
            XB_TRY_VOID(bond.release(slave.name));
        }
    }
    return {};
}

} // namespace xbond::daemon
