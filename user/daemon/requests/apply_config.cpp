// SPDX-License-Identifier: MIT
// The config: what it wants is compared with what is there and only the differences are planned, so that applying the
// same file again changes nothing. A dry run prints the plan that apply carries out, and touches nothing. Plans are
// made in config_plan.cpp; what is remembered of a config, and who is late, is in applied.cpp.
#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <set>
#include <spdlog/spdlog.h>
#include <sstream>

#include "user/core/options/option_table.h"
#include "user/daemon/daemon.h"
#include "user/daemon/requests/nics.h"

namespace xbond::daemon {
namespace {

bool slaves_decide_on_address(const api::BondConfig &wanted) {
    core::BondState bond;
    for (const auto &option : wanted.options) {
        (void)core::set_option(bond.options, {}, option, nullptr); // the parser has tried it
    }
    return core::slave_keeps_mac(bond);
}

} // namespace

Result<std::string> Daemon::read_config_text() {
    std::ifstream in(*settings_.config);
    if (!in) {
        const int code = errno;
        return fail(code, settings_.config->string() + ": " + std::strerror(code));
    }
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

Result<api::Config> Daemon::read_config() {
    XB_TRY(text, read_config_text());
    return api::parse_config(*text, settings_.config->string());
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

// Which devices the slaves of a bond are. A name or a MAC comes before what may fit several, whatever the order; a
// device that fits is taken once, and none from another master.
Result<void> Daemon::resolve_bond(api::BondConfig &bond, Wanted &wanted, std::span<const FoundNic> nics,
                                  std::set<std::string> &taken, Missing missing) {
    std::vector<api::SlaveConfig> found;
    for (const auto &slave : bond.slaves) {
        std::size_t fitting = 0;
        for (const auto &[link, nic, master] : nics) {
            const bool free = slave.names_one() || (link.master == 0 && (master.empty() || master == bond.name));
            if (!free || !api::fits(slave, nic) || (!slave.names_one() && made_port(link.ifindex))) {
                continue;
            }
            ++fitting;
            if (!taken.insert(link.name).second) {
                if (!slave.names_one()) {
                    continue;
                }
                return fail(EINVAL, "bonds." + bond.name + ".slaves: " + link.name + " is meant twice");
            }
            api::SlaveConfig one{link.name, slave.options, {}, "", "", ""};
            found.push_back(std::move(one));
        }
        if (fitting == 0 && slave.names_one() && missing == Missing::refused && !is_waited_for(bond.name, slave)) {
            return fail(ENODEV, "bonds." + bond.name + ".slaves: interface " + slave.text() + " does not exist");
        }
        if (fitting == 0) {
            wanted.notes.push_back(bond.name + ": waits for " + slave.text() + ", which is not there");
        }
    }
    if (found.size() > XB_MAX_SLAVES) {
        return fail(ENOSPC, "bonds." + bond.name + ".slaves: " + std::to_string(found.size()) +
                                " devices fit; at most " + std::to_string(XB_MAX_SLAVES) + " can be slaves");
    }
    bond.slaves = std::move(found);
    return {};
}

// Once for all: bonds, their slaves and devices may be hundreds each. What is a bond's own is nobody's slave.
void Daemon::note_bonds(std::vector<FoundNic> &nics) const {
    std::map<std::uint32_t, FoundNic *> by_number;
    for (auto &nic : nics) {
        by_number[nic.link.ifindex] = &nic;
    }
    std::set<std::uint32_t> own;
    for (const auto &[name, controller] : bonds_) {
        own.insert({controller->ifindex(), controller->peer()});
        for (const auto &slave : controller->core().slaves) {
            if (const auto found = by_number.find(slave.ifindex); found != by_number.end()) {
                auto &[link, nic, bond] = *found->second;
                bond = name;
                nic.mac = link.perm_mac ? nic.mac : slave.perm_mac; // it has the bond's now
            }
        }
    }
    std::erase_if(nics, [&own](const FoundNic &nic) { return own.contains(nic.link.ifindex); });
}

Task<Result<Daemon::Wanted>> Daemon::resolve(api::Config config, Missing missing) {
    auto look = [links = known_links(config), details = needs_details(config)](Hands::Tools &tools) mutable {
        return list_nics(tools, std::move(links), details);
    };
    auto nics = co_await hands_->call("look up devices", std::move(look));
    Wanted wanted{std::move(config), {}, {}};
    for (const auto &[link, nic, bond] : nics) {
        wanted.devices[link.name] = link;
    }
    note_bonds(nics);
    // By the names that devices have: others are for people.
    for (auto &bond : wanted.config.bonds) {
        if (const auto *device = host_->links.find(bond.name); device != nullptr) {
            bond.name = device->name;
        }
        use_real_names(bond.options);
    }
    // What names one device is served first.
    std::set<std::string> taken;
    for (auto &bond : wanted.config.bonds) {
        XB_CO_TRY_VOID(resolve_ports(bond, wanted, taken, missing));
    }
    auto bonds = wanted.config.bonds;
    constexpr std::array both{true, false};
    for (const bool named : both) {
        for (std::size_t i = 0; i < bonds.size(); ++i) {
            auto part = bonds[i];
            std::erase_if(part.slaves, [&](const api::SlaveConfig &s) { return s.names_one() != named; });
            XB_CO_TRY_VOID(resolve_bond(part, wanted, nics, taken, missing));
            auto &slaves = wanted.config.bonds[i].slaves;
            if (named) {
                slaves = std::move(part.slaves);
            } else {
                slaves.insert(slaves.end(), part.slaves.begin(), part.slaves.end());
            }
        }
    }
    for (const auto &bond : wanted.config.bonds) {
        if (bond.address && slaves_decide_on_address(bond)) {
            wanted.notes.push_back(bond.name + ": address " + bond.address->str() +
                                   " is not used: with fail_over_mac the slaves decide on it");
        }
    }
    for (const auto &[name, controller] : bonds_) {
        const bool here =
            std::ranges::find(wanted.config.bonds, name, &api::BondConfig::name) != wanted.config.bonds.end();
        if (!here && applied_bond(name) == nullptr) {
            wanted.notes.push_back(name + ": made by hand, left as it is");
        }
    }
    co_return wanted;
}

// The bonds that the file describes, with their ports, then the end of those that an earlier one described and this one
// does not.
Task<Result<Plan>> Daemon::plan(const Wanted &wanted) {
    Plan plan = plan_port_ends(wanted.config);
    const auto add = [&plan](Plan part) { std::move(part.begin(), part.end(), std::back_inserter(plan)); };
    XB_CO_TRY(bonds, plan_all(wanted.config, wanted.devices));
    add(std::move(*bonds));
    for (const auto &bond : wanted.config.bonds) {
        XB_CO_TRY(ports, plan_ports(bond));
        add(std::move(*ports));
    }
    add(plan_ends(wanted.config));
    co_return plan;
}

Task<Result<void>> Daemon::apply_file() {
    Result<void> done;
    auto read = [this](Hands::Tools &) { return read_config(); }; // of the settings, which never change
    auto config = co_await hands_->call("config file", std::move(read));
    if (!config) {
        done = tl::unexpected(config.error());
    } else {
        const api::Config whole = *config;
        // What cannot be controlled now keeps nothing else from being done: it is tried again, and the file after it.
        std::erase_if(config->bonds, [this](const api::BondConfig &bond) {
            const auto refused = refuse_left_alone(bond.name);
            if (!refused) {
                spdlog::warn("{}: left out of the config: {}", bond.name, refused.error().message);
            }
            return !refused;
        });
        auto wanted = co_await resolve(std::move(*config), Missing::waited_for);
        if (wanted) {
            for (const auto &note : wanted->notes) {
                spdlog::info("{}", note);
            }
            auto changes = co_await plan(*wanted);
            if (changes) {
                done = co_await carry_out(*loop_, std::move(*changes));
            } else {
                done = tl::unexpected(changes.error());
            }
        } else {
            done = tl::unexpected(wanted.error());
        }
        if (done) {
            remember(whole);
        }
    }
    done ? spdlog::info("SIGHUP: {} is applied", settings_.config->string())
         : spdlog::error("SIGHUP: nothing was changed: {}", done.error().message);
    co_return done;
}

// At start what can be made is made: a bond that cannot be keeps no other from it, and is tried again.
Task<Result<void>> Daemon::apply_at_start(api::Config config) {
    auto wanted = co_await resolve(config, Missing::waited_for);
    if (!wanted) {
        spdlog::error("the config is not applied: {}", wanted.error().message);
        co_return Result<void>();
    }
    for (const auto &note : wanted->notes) {
        spdlog::warn("{}", note);
    }
    (void)co_await carry_out(*loop_, plan_port_ends(wanted->config));
    for (const auto &bond : wanted->config.bonds) {
        auto changes = plan_bond(bond, wanted->devices);
        Result<void> done;
        if (changes) {
            done = co_await carry_out(*loop_, std::move(*changes));
        } else {
            done = tl::unexpected(changes.error());
        }
        if (!done) {
            spdlog::error("{}", done.error().message);
            unmade_.insert(bond.name);
        }
        const bool ports = co_await make_ports(bond, false);
        if (!ports) {
            unmade_.insert(bond.name);
        }
    }
    (void)co_await carry_out(*loop_, plan_ends(config));
    const auto unmade = unmade_;
    remember(std::move(config));
    unmade_ = unmade;
    take_in_later();
    co_return Result<void>();
}

} // namespace xbond::daemon
