// SPDX-License-Identifier: MIT
// What is remembered of the config that was applied last: which bonds are its, so that they go with it; and which
// devices are its slaves, so that one that comes late, or comes back, is taken in.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "user/daemon/daemon.h"
#include "user/daemon/saved/bond_file.h"
#include "user/daemon/saved/this_boot.h"
#include "user/sys/directory.h"

namespace xbond::daemon {

namespace {

constexpr Time first_pause = std::chrono::seconds(1), longest_pause = std::chrono::seconds(30);

nlohmann::ordered_json json_of(const api::SlaveConfig &slave) {
    nlohmann::ordered_json out;
    for (const auto &[key, value] : {std::pair("name", &slave.name), std::pair("match", &slave.match),
                                     std::pair("path", &slave.path), std::pair("driver", &slave.driver)}) {
        if (!value->empty()) {
            out[key] = *value;
        }
    }
    if (slave.mac) {
        out["mac"] = slave.mac->str();
    }
    for (const auto &option : slave.options) {
        out[option.name] = std::stoll(option.value); // the parser takes numbers alone
    }
    return out;
}

nlohmann::ordered_json json_of(const api::PortConfig &port) {
    nlohmann::ordered_json out{{"name", port.name}, {"xdp", core::name(port.xdp)}};
    if (port.mac) {
        out["mac"] = port.mac->str();
    }
    if (port.vlan) {
        out["vlan"] = *port.vlan;
    }
    return out;
}

nlohmann::ordered_json json_of(const api::Config &config) {
    auto bonds = nlohmann::ordered_json::object();
    for (const auto &bond : config.bonds) {
        auto &out = bonds[bond.name] = nlohmann::ordered_json::object();
        for (const auto &option : bond.options) {
            out[option.name] = option.value;
        }
        if (bond.mtu) {
            out["mtu"] = *bond.mtu;
        }
        if (bond.address) {
            out["address"] = bond.address->str();
        }
        out["up"] = bond.up;
        out["slaves"] = nlohmann::ordered_json::array();
        for (const auto &slave : bond.slaves) {
            out["slaves"].push_back(json_of(slave));
        }
        if (bond.ports) {
            auto &ports = out["ports"] = nlohmann::ordered_json::array();
            for (const auto &port : *bond.ports) {
                ports.push_back(json_of(port));
            }
        }
    }
    return {{"bonds", std::move(bonds)}};
}

} // namespace

void Daemon::remember(api::Config config) {
    applied_ = std::move(config);
    let_go_.clear();
    unmade_.clear();
    passed_over_.clear();
    take_in_pause_ = {};
    save_applied();
}

void Daemon::save_applied() {
    const auto path = applied_file(settings_.state_dir);
    auto text = [dir = settings_.state_dir, config = *applied_, let_go = let_go_, now = this_boot()] {
        (void)sys::make_directories(dir, 0700); // there may be no bond yet
        return mark(now, nlohmann::ordered_json::object({{"let_go", let_go}, {"config", json_of(config)}}))
            .dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    };
    files_->soon(path, std::move(text), sys::Durable::yes, [path](const Error &error) {
        spdlog::warn("{}: {}: after a restart late slaves are not waited for", path.string(), error.message);
    });
}

// While no loop runs. What cannot be read is as if nothing had been applied.
void Daemon::load_applied() {
    const auto path = applied_file(settings_.state_dir);
    const auto saved = read_marked(this_boot(), path);
    if (!saved) {
        return;
    }
    auto config = api::parse_config(saved->value("config", nlohmann::ordered_json::object()).dump(), path.string());
    if (!config) {
        spdlog::warn("{}", config.error().message);
        return;
    }
    applied_ = std::move(*config);
    for (const auto &index : saved->value("let_go", nlohmann::ordered_json::array())) {
        if (index.is_number_unsigned()) {
            let_go_.insert(index.get<std::uint32_t>());
        }
    }
}

void Daemon::ended_by_hand(const std::string &bond) {
    if (applied_bond(bond) != nullptr) {
        std::erase_if(applied_->bonds, [&](const api::BondConfig &b) { return b.name == bond; });
        unmade_.erase(bond);
        save_applied();
    }
}

void Daemon::moved_by_hand(std::uint32_t ifindex, bool released) {
    if (!applied_) {
        return;
    }
    const bool news = released ? let_go_.insert(ifindex).second : let_go_.erase(ifindex) != 0;
    if (news) {
        save_applied();
    }
}

// A name that was never there is a mistake, when somebody asks; one that has been accepted may be away for now.
bool Daemon::is_waited_for(const std::string &bond, const api::SlaveConfig &slave) const {
    const auto *before = applied_bond(bond);
    return before != nullptr && std::ranges::any_of(before->slaves, [&](const api::SlaveConfig &other) {
               return other.text() == slave.text();
           });
}

// Asked at each message about a link: cheap, and true once for a device and name.
bool Daemon::may_be_wanted(const sys::LinkInfo &link) const {
    if (!applied_ || link.master != 0 || let_go_.contains(link.ifindex) ||
        passed_over_.contains({link.ifindex, link.name}) || host_->is_bond_device(link.ifindex)) {
        return false;
    }
    return std::ranges::none_of(bonds_, [&](const auto &bond) {
        return bond.second->ports().has(link.ifindex) ||
               std::ranges::find(bond.second->core().slaves, link.ifindex, &core::Slave::ifindex) !=
                   bond.second->core().slaves.end();
    });
}

void Daemon::take_in_soon() {
    if (!std::exchange(taking_in_, true)) {
        changes_.add([this] { return take_in(); });
    }
}

// Again after something was refused: bonds that could not be made, a device that was busy.
void Daemon::take_in_later() {
    if (unmade_.empty()) {
        return;
    }
    take_in_pause_ = std::clamp(2 * take_in_pause_, first_pause, longest_pause);
    take_in_again_ = loop_->at(
        sys::now() + take_in_pause_, [this] { take_in_soon(); }, "late slaves");
}

Task<Result<void>> Daemon::take_in() {
    taking_in_ = false;
    if (!applied_) {
        co_return Result<void>();
    }
    auto wanted = co_await resolve(*applied_, Missing::waited_for);
    if (!wanted) {
        spdlog::warn("late slaves: {}", wanted.error().message);
        co_return Result<void>();
    }
    std::set<std::string> failed;
    for (const auto &bond : wanted->config.bonds) {
        const bool done = co_await take_in(bond, wanted->devices);
        const bool ports = co_await make_ports(bond, true);
        if (!done || !ports) {
            failed.insert(bond.name);
        }
    }
    for (const auto &[name, link] : wanted->devices) {
        if (link.master == 0) { // a port of a bridge may be free one day
            passed_over_.insert({link.ifindex, name});
        }
    }
    unmade_ = std::move(failed);
    take_in_later();
    co_return Result<void>();
}

// The slaves of a bond that are there and not yet in it; the bond, if it could not be made. Nothing else of it changes:
// what has been set by hand meanwhile stands.
Task<bool> Daemon::take_in(const api::BondConfig &bond, const Devices &devices) {
    Plan plan;
    if (const auto found = bonds_.find(bond.name); found == bonds_.end()) {
        auto whole = unmade_.contains(bond.name) ? plan_bond(bond, devices) : Plan{};
        if (!whole) {
            co_return false;
        }
        plan = std::move(*whole);
    } else {
        for (const auto &slave : bond.slaves) {
            const auto &device = devices.at(slave.name);
            if (core::find_slave(found->second->core(), slave.name) == nullptr && device.master == 0 &&
                bond_of_slave(slave.name) == nullptr && !let_go_.contains(device.ifindex)) {
                plan.push_back(plan_enslave(bond.name, device));
                if (!slave.options.empty()) {
                    plan.push_back(plan_slave_options(bond.name, slave, {}));
                }
            }
        }
    }
    if (plan.empty()) {
        co_return true;
    }
    for (const auto &change : plan) {
        spdlog::info("{}: late: {}", bond.name, change.text);
    }
    auto done = co_await carry_out(*loop_, std::move(plan));
    if (!done) {
        spdlog::error("{}: late: {}", bond.name, done.error().message);
    }
    co_return done.has_value();
}

} // namespace xbond::daemon
