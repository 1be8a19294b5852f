// SPDX-License-Identifier: MIT
// The ports that a config names: which devices they are, and what has to be done to have them. Those that go come
// before everything else of a plan and those that come after it, so that a device may be a slave before or after.
#include <algorithm>
#include <iterator>
#include <net/if_arp.h>
#include <spdlog/spdlog.h>

#include "user/daemon/daemon.h"

namespace xbond::daemon {

namespace {

api::PortConfig words_of(const SavedPort &port) {
    api::PortConfig out{.name = port.name, .mac = port.mac, .xdp = port.xdp};
    if (port.vlan != 0) {
        out.vlan = port.vlan;
    }
    return out;
}

api::PortAdd request_for(const std::string &bond, const api::PortConfig &port) {
    return {.name = bond, .port = port.name, .mac = port.mac, .vlan = port.vlan, .xdp = port.xdp};
}

const std::vector<api::PortConfig> &ports_of(const api::BondConfig *bond) {
    static const std::vector<api::PortConfig> none;
    return bond != nullptr && bond->ports ? *bond->ports : none;
}

} // namespace

std::optional<Daemon::MadePort> Daemon::made_port(std::uint32_t ifindex) const {
    for (const auto &[name, controller] : bonds_) {
        for (const auto &port : controller->ports().saved()) {
            if (port.ifindex == ifindex) {
                return MadePort{name, words_of(port)};
            }
        }
    }
    return std::nullopt;
}

// By any of its names.
bool Daemon::names_port(const api::BondConfig *bond, std::uint32_t ifindex) const {
    return std::ranges::any_of(ports_of(bond), [&](const api::PortConfig &port) {
        const auto *link = host_->links.find(port.name);
        return link != nullptr && link->ifindex == ifindex;
    });
}

Result<void> Daemon::may_be_port(const sys::LinkInfo &link) const {
    if (link.arp_type != ARPHRD_ETHER || host_->is_bond_device(link.ifindex)) {
        return fail(EINVAL, link.name + " cannot be a port: " +
                                (link.arp_type != ARPHRD_ETHER ? "it is no Ethernet device" : "it is a bond's own"));
    }
    if (link.master != 0) {
        const auto *master = host_->links.find(link.master);
        return fail(EBUSY, link.name + " is a port of " + (master == nullptr ? "something else" : master->name));
    }
    return {};
}

Result<void> Daemon::resolve_ports(api::BondConfig &bond, Wanted &wanted, std::set<std::string> &taken,
                                   Missing missing) {
    std::vector<api::PortConfig> found;
    for (auto port : ports_of(&bond)) {
        const auto *link = host_->links.find(port.name);
        const bool known = std::ranges::find(ports_of(applied_bond(bond.name)), port.name, &api::PortConfig::name) !=
                           ports_of(applied_bond(bond.name)).end();
        if (link == nullptr && missing == Missing::refused && !known) {
            return fail(ENODEV, "bonds." + bond.name + ".ports: interface " + port.name + " does not exist");
        }
        if (link == nullptr) {
            wanted.notes.push_back(bond.name + ": waits for port " + port.name + ", which is not there");
            continue;
        }
        if (!taken.insert(link->name).second) {
            return fail(EINVAL, "bonds." + bond.name + ".ports: " + link->name + " is meant twice");
        }
        port.name = link->name;
        found.push_back(std::move(port));
    }
    if (bond.ports) {
        bond.ports = std::move(found);
    }
    return {};
}

// Where the config names ports, they are all that there are. Where it does not, those go that the one before named.
Plan Daemon::plan_port_ends(const api::Config &config) {
    Plan plan;
    for (const auto &wanted : config.bonds) {
        const auto found = bonds_.find(wanted.name);
        for (const auto &port : found == bonds_.end() ? std::vector<SavedPort>() : found->second->ports().saved()) {
            const bool stays =
                wanted.ports ? names_port(&wanted, port.ifindex) : !names_port(applied_bond(wanted.name), port.ifindex);
            if (!stays) {
                plan.push_back(
                    {wanted.name + ": port del " + port.name,
                     [this, ifindex = port.ifindex, bond = wanted.name] { return end_port(bond, ifindex); },
                     [this, request = request_for(wanted.name, words_of(port))] { return port_add(request); }});
            }
        }
    }
    return plan;
}

Result<Plan> Daemon::plan_ports(const api::BondConfig &wanted) {
    Plan plan;
    for (const auto &port : ports_of(&wanted)) {
        const std::string where = "bonds." + wanted.name + ".ports: ";
        const auto *link = host_->links.find(port.name);
        if (link == nullptr) {
            return fail(ENODEV, where + "interface " + port.name + " does not exist");
        }
        if (const auto may = may_be_port(*link); !may) {
            return fail(may.error().code, where + may.error().message);
        }
        const auto before = made_port(link->ifindex);
        if (before && before->bond == wanted.name && before->port == port) {
            continue;
        }
        auto slave_of = std::make_shared<std::string>();
        plan.push_back(
            {wanted.name + ": port add " + port.words(),
             [this, request = request_for(wanted.name, port), slave_of] { return make_port(request, slave_of); },
             [this, bond = wanted.name, ifindex = link->ifindex, before, slave_of] {
                 return undo_port(bond, ifindex, before, slave_of);
             }});
    }
    return plan;
}

// It leaves what it is in. `slave_of`: the bond that it has been a slave of until then.
Task<Result<void>> Daemon::make_port(api::PortAdd request, std::shared_ptr<std::string> slave_of) {
    const auto *link = host_->links.find(request.port);
    if (link == nullptr) {
        co_return fail(ENODEV, "bonds." + request.name + ".ports: interface " + request.port + " does not exist");
    }
    const auto ifindex = link->ifindex;
    const auto before = made_port(ifindex);
    if (before && before->bond != request.name) {
        XB_CO_TRY_VOID(co_await end_port(before->bond, ifindex));
    }
    if (auto *owner = bond_of_slave(request.port)) {
        XB_CO_TRY_VOID(co_await owner->release(request.port));
        *slave_of = owner->name();
    }
    auto done = co_await port_add(request);
    if (!done) {
        (void)co_await undo_port(request.name, ifindex, before, slave_of);
        co_return fail(done.error().code, "bonds." + request.name + ".ports: " + done.error().message);
    }
    co_return done;
}

Task<Result<void>> Daemon::undo_port(std::string bond, std::uint32_t ifindex, std::optional<MadePort> before,
                                     std::shared_ptr<std::string> slave_of) {
    if (!before || before->bond != bond) {
        XB_CO_TRY(found, this->bond(bond));
        BondStep end = [this, bond, ifindex](BondController &) { return end_port(bond, ifindex); };
        XB_CO_TRY_VOID(co_await (*found)->regardless(std::move(end)));
    }
    if (before) {
        XB_CO_TRY(found, this->bond(before->bond));
        BondStep back = [this, request = request_for(before->bond, before->port)](BondController &) {
            return port_add(request);
        };
        co_return co_await (*found)->regardless(std::move(back));
    }
    const auto *link = host_->links.find(ifindex);
    if (link != nullptr && !slave_of->empty()) {
        co_return co_await give_back(link->name, ifindex, false, *slave_of);
    }
    co_return Result<void>();
}

// One that is none any more has been taken by another bond.
Task<Result<void>> Daemon::end_port(std::string bond_name, std::uint32_t ifindex) {
    const auto now = made_port(ifindex);
    if (now && now->bond == bond_name) {
        co_return co_await bonds_.at(bond_name)->remove_port(now->port.name);
    }
    co_return Result<void>();
}

// Each by itself: one that is refused keeps no other from it. `late`: what has been set by hand stands.
Task<bool> Daemon::make_ports(api::BondConfig bond, bool late) {
    bool all = true;
    for (const auto &port : bonds_.contains(bond.name) ? ports_of(&bond) : ports_of(nullptr)) {
        const auto *link = host_->links.find(port.name);
        if (link == nullptr || (late && (made_port(link->ifindex) || let_go_.contains(link->ifindex)))) {
            continue;
        }
        api::BondConfig alone;
        alone.name = bond.name;
        alone.ports.emplace().push_back(port);
        Result<void> done;
        if (auto plan = plan_ports(alone)) {
            done = co_await carry_out(*loop_, std::move(*plan));
        } else {
            done = tl::unexpected(plan.error());
        }
        if (!done) {
            spdlog::error("{}", done.error().message);
            all = false;
        }
    }
    co_return all;
}

} // namespace xbond::daemon
