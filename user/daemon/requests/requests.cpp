// SPDX-License-Identifier: MIT
// What each control request does.
#include <algorithm>
#include <iterator>
#include <net/if.h>
#include <nlohmann/json.hpp>
#include <sys/utsname.h>
#include <unistd.h>

#include "user/daemon/daemon.h"
#include "user/show/explain.h"
#include "user/show/lacp_render.h"
#include "user/show/render.h"

namespace xbond::daemon {
namespace {

template <typename... F> struct Overloaded : F... { using F::operator()...; };
template <typename... F> Overloaded(F...) -> Overloaded<F...>;

std::string reply(const Result<void> &done) {
    return done ? api::encode_ok(nlohmann::json::object()) : api::encode_error(done.error());
}

std::string kernel_release() {
    utsname u{};
    ::uname(&u);
    return u.release;
}

} // namespace

Result<BondController *> Daemon::bond(std::string_view name) {
    auto it = bonds_.find(std::string(name));
    if (it == bonds_.end()) {
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

// Reads are answered at once; changes wait while a config is in work.
void Daemon::on_request(const api::Request &request, ControlServer::Reply answer) {
    if (runner_ != nullptr && api::is_write(request)) {
        waiting_.emplace_back(
            [this, request, answer = std::move(answer)]() mutable { on_request(request, std::move(answer)); });
    } else if (const auto *config = std::get_if<api::Apply>(&request)) {
        start_apply(*config, std::move(answer));
    } else if (api::is_write(request)) {
        // When the answer comes, what the change set in motion is done too.
        hands_->run([text = handle(request), answer = std::move(answer)](Hands::Tools &) -> Hands::Then {
            return [text, answer] { answer(text); };
        });
    } else {
        answer(handle(request));
    }
}

void Daemon::start_apply(const api::Apply &request, ControlServer::Reply answer) {
    auto changes = api::parse_config(request.config_json, "request").and_then([this](const api::Config &config) {
        return plan(config);
    });
    if (!changes) {
        answer(api::encode_error(changes.error()));
        return;
    }
    std::vector<std::string> texts;
    std::ranges::transform(*changes, std::back_inserter(texts), &Change::text);
    const auto done = api::encode_ok({{"changes", texts}});
    if (request.dry_run) {
        answer(done);
        return;
    }
    run_plan(std::move(*changes), [done, answer = std::move(answer)](const Result<void> &outcome) {
        answer(outcome ? done : api::encode_error(outcome.error()));
    });
}

void Daemon::run_plan(Plan changes, PlanRunner::Done done) {
    runner_ = std::make_unique<PlanRunner>(*loop_, std::move(changes), [this, done = std::move(done)](auto outcome) {
        const auto finished = std::move(runner_); // it is running this
        if (auto saved = persist(); !saved && outcome) {
            outcome = saved;
        }
        hands_->run([done, outcome = std::move(outcome)](Hands::Tools &) -> Hands::Then {
            return [done, outcome] { done(outcome); };
        });
        next_in_line();
    });
}

void Daemon::next_in_line() {
    while (runner_ == nullptr && !waiting_.empty()) {
        const auto next = std::move(waiting_.front());
        waiting_.pop_front();
        next();
    }
}

std::string Daemon::handle(const api::Request &request) {
    return std::visit(
        Overloaded{
            [&](const api::LinkAdd &r) { return reply(link_add(r)); },
            [&](const api::LinkDel &r) { return reply(link_del(r)); },
            [&](const api::LinkSet &r) { return reply(link_set(r)); },
            [&](const api::Status &r) {
                if (r.name) {
                    if (auto known = bond(*r.name); !known) {
                        return api::encode_error(known.error());
                    }
                }
                return api::encode_ok(show::status_json(snapshot(r.name)));
            },
            [&](const api::LinkShow &r) {
                const auto *slaves_bond = r.name ? bond_of_slave(*r.name) : nullptr;
                if (r.name && !bonds_.contains(*r.name) && slaves_bond == nullptr) {
                    return api::encode_error({ENODEV, "Device \"" + *r.name +
                                                          "\" does not exist here as a bond "
                                                          "or a slave of one"});
                }
                const auto only = slaves_bond == nullptr ? r.name : std::optional(slaves_bond->name());
                return api::encode_ok(show::ip_link_json(snapshot(only), r.name, r.details, r.statistics));
            },
            [&](const api::Proc &r) {
                auto found = bond(r.name);
                return found ? api::encode_ok(show::proc_text((*found)->view(), kernel_release()))
                             : api::encode_error(found.error());
            },
            [&](const api::Explain &r) {
                auto found = bond(r.name);
                return found ? api::encode_ok(show::explain_frame((*found)->view(), r.frame, r.vlan_tci))
                             : api::encode_error(found.error());
            },
            [&](const api::Lacp &r) { return lacp(r); }, [&](const api::Apply &) { return reply({}); }, // start_apply
            [&](const api::Watch &) { return reply({}); }, // kept by ControlServer
        },
        request);
}

std::string Daemon::lacp(const api::Lacp &request) {
    auto found = bond(request.name);
    if (!found) {
        return api::encode_error(found.error());
    }
    auto history = (*found)->lacp_history();
    if (!history) {
        return api::encode_error(history.error());
    }
    if (!request.history) {
        return api::encode_ok(show::lacp_json((*found)->view()));
    }
    if (request.slave) {
        if (core::find_slave((*found)->core(), *request.slave) == nullptr) {
            return api::encode_error({ENODEV, "'" + *request.slave + "' is not a slave of " + request.name});
        }
        std::erase_if(*history, [&](const auto &entry) { return entry.slave != *request.slave; });
    }
    return api::encode_ok(show::lacp_history_json(*history));
}

Result<void> Daemon::link_add(const api::LinkAdd &request) {
    XB_TRY(made, BondController::create(*host_, request.name, request.options, request.address, request.mtu));
    bonds_[request.name] = std::move(*made);
    auto saved = persist();
    if (!saved) {
        forget(request.name);
    }
    return saved;
}

void Daemon::forget(const std::string &name) {
    if (auto it = bonds_.find(name); it != bonds_.end()) {
        it->second->destroy();
        bonds_.erase(it);
    }
}

Result<void> Daemon::link_del(const api::LinkDel &request) {
    XB_TRY_VOID(bond(request.name));
    forget(request.name);
    return persist();
}

Result<void> Daemon::link_set(const api::LinkSet &request) {
    if (auto it = bonds_.find(request.name); it != bonds_.end()) {
        return set_bond(*it->second, request);
    }
    return set_slave(request);
}

// What can be refused without trying is refused first; what a device refuses takes back what was done before it.
Result<void> Daemon::set_bond(BondController &target, const api::LinkSet &request) {
    if (request.master || !request.slave_options.empty()) {
        return fail(EPERM, request.name + " is a bond: it cannot be a slave of a bond here");
    }
    core::BondState trial = target.core();
    XB_TRY_VOID(core::set_options(trial, request.options, sys::now()));
    Plan plan;
    if (request.address) {
        plan.push_back({"", [&] { return target.set_address(*request.address); },
                        [&target, from = target.core().mac] { (void)target.set_address(from); }});
    }
    if (request.mtu) {
        plan.push_back({"", [&] { return target.set_mtu(*request.mtu); },
                        [&target, from = target.core().mtu] { (void)target.set_mtu(from); }});
    }
    if (!request.options.empty()) {
        plan.push_back({"", [&] { return target.set_options(request.options); },
                        [&target, before = present_options(target.core(), request.options)] {
                            (void)target.set_options(before);
                        }});
    }
    if (request.up) {
        plan.push_back({"", [&] { return target.set_up(*request.up); }, [] {}});
    }
    return carry_out(plan);
}

Result<void> Daemon::set_slave(const api::LinkSet &request) {
    auto link = netlink_->link(request.name);
    if (!link) {
        return fail(ENODEV, "Cannot find device \"" + request.name + "\"");
    }
    if (!request.options.empty()) {
        return fail(EOPNOTSUPP, request.name + " is not a bond of this daemon: bond options cannot be set on it");
    }
    auto *current = bond_of_slave(request.name);
    BondController *target = current;
    if (request.master) {
        XB_TRY(found, request.master->empty() ? Result<BondController *>(nullptr) : bond(*request.master));
        target = *found;
    }
    if (!request.slave_options.empty() && target == nullptr) {
        return fail(EINVAL, request.name + " is not a slave of a bond: 'type bond_slave' needs one");
    }
    const auto index = link->ifindex;
    const bool was_up = (link->flags & IFF_UP) != 0;
    const auto set_link_up = [this, index](bool up) { return netlink_->set_up(index, up); };
    Plan plan;
    if (request.up == false) { // before master: `link set eth0 down master bond0` in one line
        plan.push_back({"", [&] { return set_link_up(false); },
                        [&] {
                            if (was_up) {
                                (void)set_link_up(true);
                            }
                        }});
    }
    if (current != nullptr && current != target) { // netlink moves a slave
        plan.push_back(
            {"", [&] { return current->release(request.name); }, [&] { (void)current->enslave(request.name); }});
    }
    if (target != nullptr && target != current) {
        plan.push_back({"", [&] { return target->enslave(request.name); },
                        [&] {
                            (void)target->release(request.name);
                            if (was_up) {
                                (void)set_link_up(true);
                            }
                        }});
    }
    if (!request.slave_options.empty()) {
        const auto *slave = core::find_slave(target->core(), request.name);
        const auto before =
            slave == nullptr ? std::vector<core::OptionValue>{} : present_options(*slave, request.slave_options);
        plan.push_back({"", [&] { return target->set_slave_options(request.name, request.slave_options); },
                        [target, before, name = request.name] {
                            if (!before.empty()) {
                                (void)target->set_slave_options(name, before);
                            }
                        }});
    }
    if (request.address) {
        plan.push_back({"", [&] { return netlink_->set_mac(index, *request.address); },
                        [this, index, from = link->mac] { (void)netlink_->set_mac(index, from); }});
    }
    if (request.mtu) {
        plan.push_back({"", [&] { return netlink_->set_mtu(index, *request.mtu); },
                        [this, index, from = link->mtu] { (void)netlink_->set_mtu(index, from); }});
    }
    if (request.up == true) {
        plan.push_back({"", [&] { return set_link_up(true); }, [] {}});
    }
    return carry_out(plan);
}

// Of all bonds, or of one.
show::Snapshot Daemon::snapshot(const std::optional<std::string> &only) {
    show::Snapshot s;
    s.version = XBOND_VERSION;
    s.kernel = kernel_release();
    s.netns = settings_.netns;
    s.pid = ::getpid();
    s.now = sys::now();
    s.started = started_;
    s.features = features_.list;
    for (const auto &[name, controller] : bonds_) {
        if (!only || *only == name) {
            s.bonds.push_back(controller->view());
        }
    }
    return s;
}

} // namespace xbond::daemon
