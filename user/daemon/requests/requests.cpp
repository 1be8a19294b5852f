// SPDX-License-Identifier: MIT
// What each control request changes.
#include <algorithm>
#include <iterator>
#include <net/if.h>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "user/daemon/daemon.h"
#include "user/daemon/requests/device_change.h"
#include "user/sys/netns.h"

namespace xbond::daemon {
namespace {

std::string reply(const Result<void> &done) {
    return done ? api::encode_ok(nlohmann::json::object()) : api::encode_error(done.error());
}

} // namespace

Result<BondController *> Daemon::bond(std::string_view name) {
    auto it = bonds_.find(std::string(name));
    if (it == bonds_.end()) {
        XB_TRY_VOID(refuse_left_alone(std::string(name)));
        return fail(ENODEV, "'" + std::string(name) + "' is not a bond of this daemon");
    }
    return it->second.get();
}

BondController *Daemon::bond_of_slave(std::string_view ifname) {
    for (auto &[name, controller] : bonds_) {
        if (core::find_slave(controller->core(), ifname) != nullptr) {
            return controller.get();
        }
    }
    return nullptr;
}

std::string Daemon::real_name(const std::string &name) const {
    const auto *link = host_->links.find(name);
    return link == nullptr ? name : link->name;
}

void Daemon::use_real_names(std::vector<core::OptionValue> &options) const {
    for (auto &[name, value] : options) {
        if (name == "primary" || name == "active_slave") {
            value = real_name(value);
        } else if (name == "queue_id") { // "<slave>:<id>"
            const auto colon = value.find(':');
            value = colon == std::string::npos ? value : real_name(value.substr(0, colon)) + value.substr(colon);
        }
    }
}

// People know devices by any of their names.
void Daemon::use_real_names(api::Request &request) const {
    std::visit(
        [this](auto &asked) {
            const auto real = [this](std::string &name) { name = real_name(name); };
            if constexpr (requires { asked.name; } && !std::is_same_v<decltype(asked), api::LinkAdd &>) {
                if constexpr (requires { asked.name.value(); }) {
                    if (asked.name) {
                        real(*asked.name);
                    }
                } else {
                    real(asked.name);
                }
            }
            if constexpr (requires { asked.master; }) {
                if (asked.master) {
                    real(*asked.master);
                }
            }
            if constexpr (requires { asked.port; }) {
                real(asked.port);
            }
            if constexpr (requires { asked.slave.value(); }) {
                if (asked.slave) {
                    real(*asked.slave);
                }
            }
            if constexpr (requires { asked.options; }) {
                use_real_names(asked.options);
            }
        },
        request);
}

// Changes wait for each other, reads for reads.
void Daemon::on_request(const api::Request &request, Fd passed, ControlServer::Reply answer) {
    loop_->name_turn(api::command(request));
    if (api::is_write(request)) {
        const Passed beside = passed ? std::make_shared<const Fd>(std::move(passed)) : nullptr;
        changes_.add(
            [this, request, beside, answer = std::move(answer)] { return serve_change(request, beside, answer); });
    } else {
        reads_.add([this, request, answer = std::move(answer)] { return serve_read(request, answer); });
    }
}

Task<Result<void>> Daemon::serve_change(api::Request request, Passed passed, ControlServer::Reply answer) {
    (void)co_await note_unfinished(request);
    auto text = co_await change(request, passed);
    (void)co_await note_finished(request);
    // When the answer comes, what the change set in motion is done too.
    auto nothing = [](Hands::Tools &) { return true; };
    (void)co_await hands_->call("answer", std::move(nothing));
    answer(std::move(text));
    co_return Result<void>();
}

Task<std::string> Daemon::change(api::Request request, Passed passed) {
    host_->catch_up();
    use_real_names(request);
    if (const auto *config = std::get_if<api::Apply>(&request)) {
        co_return co_await apply(*config);
    }
    Result<void> done;
    if (const auto *add = std::get_if<api::LinkAdd>(&request)) {
        done = co_await link_add(*add, passed);
    } else if (const auto *del = std::get_if<api::LinkDel>(&request)) {
        done = co_await link_del(del->name);
    } else if (const auto *set = std::get_if<api::LinkSet>(&request)) {
        done = co_await link_set(*set, passed);
    } else if (const auto *attach = std::get_if<api::XdpAttach>(&request)) {
        done = co_await xdp_attach(*attach, passed);
    } else if (const auto *detach = std::get_if<api::XdpDetach>(&request)) {
        done = co_await xdp_detach(detach->name);
    } else if (const auto *port = std::get_if<api::PortAdd>(&request)) {
        done = co_await port_add(*port);
        if (const auto *link = host_->links.find(port->port); done && link != nullptr) {
            moved_by_hand(link->ifindex, false);
        }
    } else if (const auto *old = std::get_if<api::PortDel>(&request)) {
        done = co_await port_del(*old);
    }
    co_return reply(done);
}

Task<std::string> Daemon::apply(api::Apply request) {
    auto config = api::parse_config(request.config_json, "request");
    if (!config) {
        co_return api::encode_error(config.error());
    }
    auto wanted = co_await resolve(*config, Missing::refused);
    if (!wanted) {
        co_return api::encode_error(wanted.error());
    }
    auto changes = co_await plan(*wanted);
    if (!changes) {
        co_return api::encode_error(changes.error());
    }
    std::vector<std::string> texts;
    std::ranges::transform(*changes, std::back_inserter(texts), &Change::text);
    nlohmann::ordered_json result;
    result["changes"] = std::move(texts);
    if (!wanted->notes.empty()) {
        result["notes"] = wanted->notes;
    }
    const auto done = api::encode_ok(result);
    if (request.dry_run) {
        co_return done;
    }
    auto outcome = co_await carry_out(*loop_, std::move(*changes));
    if (!outcome) {
        co_return api::encode_error(outcome.error());
    }
    remember(std::move(*config));
    co_return done;
}

Task<Result<void>> Daemon::link_add(api::LinkAdd request, Passed passed) {
    XB_CO_TRY_VOID(refuse_left_alone(request.name));
    XB_CO_TRY(made,
              co_await BondController::create(*host_, request.name, request.options, request.address, request.mtu));
    auto &bond = *(bonds_[request.name] = std::move(*made));
    auto saved = co_await bond.persist();
    if (saved) { // until now a successor would have cleared it away
        auto mark = [device = bond.device(), name = request.name](Hands::Tools &tools) {
            return device.mark_whole(tools.netlink, name);
        };
        saved = co_await hands_->call("mark a bond", std::move(mark));
    }
    api::LinkSet then{.name = request.name, .master = request.master, .up = request.up};
    then.device = request.device;
    then.netns = request.netns;
    if (saved && (then.master || then.up || then.netns || !then.device.empty())) {
        saved = co_await link_set(then, passed);
    }
    if (!saved) {
        (void)co_await forget(request.name);
    }
    co_return saved;
}

Task<Result<void>> Daemon::forget(std::string name) {
    if (auto it = bonds_.find(name); it != bonds_.end()) {
        (void)co_await it->second->release_all();
        const auto ending = std::move(it->second);
        bonds_.erase(it);
        auto done = co_await ending->destroy();
        pause_ = {}; // what it held may be what others lacked
        try_again_later();
        co_return done;
    }
    co_return Result<void>();
}

Task<Result<void>> Daemon::link_del(std::string name) {
    ended_by_hand(name);
    if (left_alone_.contains(name)) {
        co_return co_await end_left_alone(name);
    }
    XB_CO_TRY_VOID(bond(name));
    co_return co_await forget(name);
}

Task<Result<void>> Daemon::link_set(api::LinkSet request, Passed passed) {
    if (auto it = bonds_.find(request.name); it != bonds_.end()) {
        XB_CO_TRY(plan, plan_set_bond(*it->second, request, passed));
        co_return co_await carry_out(*loop_, std::move(*plan));
    }
    std::vector<std::string> names(1, request.name);
    const auto devices = co_await look_up(std::move(names));
    if (devices.empty()) {
        co_return fail(ENODEV, "Cannot find device \"" + request.name + "\"");
    }
    XB_CO_TRY(plan, plan_set_slave(devices.begin()->second, request));
    auto done = co_await carry_out(*loop_, std::move(*plan));
    if (done && request.master) {
        moved_by_hand(devices.begin()->second.ifindex, request.master->empty());
    }
    co_return done;
}

Task<Result<void>> Daemon::xdp_attach(api::XdpAttach request, Passed passed) {
    XB_CO_TRY(target, bond(request.name));
    if (!passed) {
        co_return fail(EBADF, "xdp.attach: no program came with the request: its descriptor belongs beside it");
    }
    SavedChain wanted{0, request.file, request.program, request.pin};
    co_return co_await (*target)->chain(wanted, request.frags, passed);
}

Task<Result<void>> Daemon::xdp_detach(std::string name) {
    XB_CO_TRY(target, bond(name));
    co_return co_await (*target)->unchain();
}

Task<Result<void>> Daemon::port_add(api::PortAdd request) {
    XB_CO_TRY(target, bond(request.name));
    const auto *link = host_->links.find(request.port);
    if (link == nullptr) {
        co_return fail(ENODEV, "Cannot find device \"" + request.port + "\"");
    }
    if (const auto *owner = bond_of_slave(link->name)) {
        co_return fail(EBUSY, link->name + " is a slave of " + owner->name());
    }
    XB_CO_TRY_VOID(may_be_port(*link));
    if (!(*target)->ports().has(link->ifindex)) {
        XB_CO_TRY_VOID(may_be_slave((*target)->ifindex(), link->ifindex));
    }
    SavedPort wanted{.name = link->name, .ifindex = link->ifindex, .own = link->mac, .mac = request.mac};
    wanted.vlan = request.vlan.value_or(0);
    wanted.xdp = request.xdp;
    co_return co_await (*target)->add_port(std::move(wanted));
}

Task<Result<void>> Daemon::port_del(api::PortDel request) {
    XB_CO_TRY(target, bond(request.name));
    XB_CO_TRY_VOID(co_await (*target)->remove_port(request.port));
    const auto *link = host_->links.find(request.port);
    if (link != nullptr && names_port(applied_bond(request.name), link->ifindex)) {
        moved_by_hand(link->ifindex, true);
    }
    co_return Result<void>();
}

// What can be refused without trying is refused first; what a device refuses takes back what was done before it.
Result<Plan> Daemon::plan_set_bond(BondController &target, const api::LinkSet &request, const Passed &passed) {
    const bool of_a_bond = request.master && (bonds_.contains(*request.master) || !request.slave_options.empty());
    if (of_a_bond || !request.slave_options.empty()) {
        return fail(EPERM, request.name + " is a bond: it cannot be a slave of a bond here");
    }
    const bool is_elsewhere = target.device().elsewhere() != nullptr;
    if ((is_elsewhere || (request.netns && !request.netns->empty())) &&
        (request.master || request.new_name || !request.device.empty())) {
        return fail(EOPNOTSUPP, "the device of " + request.name +
                                    " is to be in another network namespace: its master, its name and what 'ip link "
                                    "set' says of any device are set there");
    }
    const auto *device = is_elsewhere ? nullptr : host_->links.find(target.ifindex());
    XB_TRY(master, plan_master(device, request.master));
    core::BondState trial = target.core();
    XB_TRY_VOID(core::set_options(trial, request.options, sys::now()));
    Plan plan;
    const auto add = [&](BondStep step, BondStep undo) {
        plan.push_back(on_bond(request.name, "", std::move(step), std::move(undo)));
    };
    if (request.netns) {
        plan.push_back(plan_netns(target, *request.netns, passed));
    }
    if (request.address) {
        add([to = *request.address](BondController &b) { return b.set_address(to); },
            [from = target.core().mac](BondController &b) { return b.set_address(from); });
    }
    if (request.mtu) {
        add([to = *request.mtu](BondController &b) { return b.set_mtu(to); },
            [from = target.core().mtu](BondController &b) { return b.set_mtu(from); });
    }
    if (!request.options.empty()) {
        add([options = request.options](BondController &b) { return b.set_options(options); },
            [before = present_options(target.core(), request.options)](BondController &b) {
                return b.set_options(before);
            });
    }
    if (*master) {
        plan.push_back(std::move(**master));
    }
    if (device != nullptr) {
        add_device_words(plan, *device, request.device);
    }
    if (request.up) {
        plan.push_back(plan_up(request.name, *request.up));
    }
    if (request.new_name) {
        XB_TRY_VOID(check_new_name(*request.new_name));
        plan.push_back({"", [this, from = request.name, to = *request.new_name] { return rename(from, to); },
                        [this, from = *request.new_name, to = request.name] { return rename(from, to); }});
    }
    return plan;
}

// What goes wrong after it takes it back to where it was, if that is here.
Change Daemon::plan_netns(const BondController &target, const std::string &where, const Passed &passed) {
    const auto move = [](Passed to, std::string name) -> BondStep {
        return [to, name](BondController &bond) { return bond.move_to(to, name); };
    };
    const auto own = [] {
        auto fd = sys::own_netns();
        return fd ? std::make_shared<const Fd>(std::move(*fd)) : nullptr;
    };
    const auto nothing = [](BondController &) -> Task<Result<void>> { co_return Result<void>(); };
    const BondStep back = target.device().elsewhere() ? BondStep(nothing) : move(own(), "");
    return on_bond(target.name(), "", where.empty() ? move(own(), "") : move(passed, where), back);
}

// A bridge, a VRF or any other device that takes ports: the kernel's own way, as with any device.
Result<std::optional<Change>> Daemon::plan_master(const sys::LinkInfo *device, const std::optional<std::string> &name) {
    if (device == nullptr || !name) {
        return std::nullopt;
    }
    const auto *master = name->empty() ? nullptr : host_->links.find(*name);
    if (!name->empty() && master == nullptr) {
        return fail(ENODEV, "Cannot find device \"" + *name + "\"");
    }
    const auto set = [index = device->ifindex](std::uint32_t to) {
        return [index, to](sys::Netlink &nl) { return nl.change_link(index, {.master = to}); };
    };
    return on_device(set(master == nullptr ? 0 : master->ifindex), set(device->master));
}

void Daemon::add_device_words(Plan &plan, const sys::LinkInfo &device, std::span<const core::OptionValue> words) {
    const auto change = device_change(device, words);
    if (change.empty) {
        return;
    }
    const auto set = [index = device.ifindex](const sys::LinkChange &to) {
        return [index, to](sys::Netlink &nl) { return nl.change_link(index, to); };
    };
    plan.push_back(on_device(set(change.to), set(change.back)));
}

Result<void> Daemon::check_new_name(const std::string &name) const {
    XB_TRY_VOID(api::check_bond_name(name));
    for (const auto &taken : {name, name + "p"}) {
        if (host_->links.find(taken) != nullptr) {
            return fail(EEXIST, "interface " + taken + " exists already");
        }
    }
    return {};
}

// Of its device; the rest follows, as when somebody else renames it.
Task<Result<void>> Daemon::rename(std::string from, std::string to) {
    XB_CO_TRY(found, bond(from));
    auto rename = [ifindex = (*found)->ifindex(), to](Hands::Tools &tools) {
        return tools.netlink.set_name(ifindex, to);
    };
    XB_CO_TRY_VOID(co_await (*found)->intend_name(to));
    auto done = co_await hands_->call("rename a bond", std::move(rename));
    if (!done) {
        if (auto still = bond(from)) {
            (*still)->drop_name(to);
        }
        co_return done;
    }
    co_return co_await follow_name(from);
}

Task<Result<void>> Daemon::set_device(SetDevice set) {
    auto job = [set = std::move(set)](Hands::Tools &tools) { return set(tools.netlink); };
    co_return co_await hands_->call("set a device", std::move(job));
}

Change Daemon::on_device(SetDevice carry_out, SetDevice undo) {
    return {"", [this, set = std::move(carry_out)] { return set_device(set); },
            [this, set = std::move(undo)] { return set_device(set); }};
}

Result<Plan> Daemon::plan_set_slave(const sys::LinkInfo &device, const api::LinkSet &request) {
    if (request.netns) {
        return fail(EOPNOTSUPP, request.name + " is not a bond of this daemon: 'ip link set' moves it to another "
                                               "network namespace");
    }
    if (!request.options.empty()) {
        return fail(EOPNOTSUPP, request.name + " is not a bond of this daemon: bond options cannot be set on it");
    }
    auto *current = bond_of_slave(device.name);
    BondController *target = current;
    if (request.master) {
        XB_TRY(found, request.master->empty() ? Result<BondController *>(nullptr) : bond(*request.master));
        target = *found;
    }
    if (!request.slave_options.empty() && target == nullptr) {
        return fail(EINVAL, request.name + " is not a slave of a bond: 'type bond_slave' needs one");
    }
    const auto index = device.ifindex;
    const std::string name = device.name;
    const bool was_up = (device.flags & IFF_UP) != 0;
    const auto set_up = [index](bool up) { return [index, up](sys::Netlink &nl) { return nl.set_up(index, up); }; };
    const auto nothing = [](sys::Netlink &) { return Result<void>(); };
    Plan plan;
    if (request.up == false) { // before master: `link set eth0 down master bond0` in one line
        plan.push_back(on_device(set_up(false), set_up(was_up)));
    }
    if (current != nullptr && current != target) { // netlink moves a slave
        plan.push_back(on_bond(
            current->name(), "", [name](BondController &b) { return b.release(name); },
            [name](BondController &b) { return b.enslave(name); }));
    }
    if (target != nullptr && target != current) {
        plan.push_back(on_bond(
            target->name(), "", [name](BondController &b) { return b.enslave(name); },
            [this, name, index, was_up](BondController &b) -> Task<Result<void>> {
                (void)co_await b.release(name);
                co_return co_await give_back(name, index, was_up, "");
            }));
    }
    if (!request.slave_options.empty()) {
        const auto *slave = core::find_slave(target->core(), name);
        const auto before =
            slave == nullptr ? std::vector<core::OptionValue>{} : present_options(*slave, request.slave_options);
        plan.push_back(plan_slave_options(target->name(), {name, request.slave_options}, before));
    }
    if (request.address) {
        plan.push_back(on_device([index, to = *request.address](sys::Netlink &nl) { return nl.set_mac(index, to); },
                                 [index, from = device.mac](sys::Netlink &nl) { return nl.set_mac(index, from); }));
    }
    if (request.mtu) {
        plan.push_back(on_device([index, to = *request.mtu](sys::Netlink &nl) { return nl.set_mtu(index, to); },
                                 [index, from = device.mtu](sys::Netlink &nl) { return nl.set_mtu(index, from); }));
    }
    add_device_words(plan, device, request.device);
    if (request.new_name) {
        const auto set = [index](const std::string &to) {
            return [index, to](sys::Netlink &nl) { return nl.change_link(index, {.name = to}); };
        };
        plan.push_back(on_device(set(*request.new_name), set(name)));
    }
    if (request.up == true) {
        plan.push_back(on_device(set_up(true), nothing));
    }
    return plan;
}

} // namespace xbond::daemon
