// SPDX-License-Identifier: MIT
// What each control request does.
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
        if (controller->core().slave(ifname) != nullptr) {
            return controller.get();
        }
    }
    return nullptr;
}

std::string Daemon::handle(const api::Request &request) {
    return std::visit(Overloaded{
                          [&](const api::LinkAdd &r) { return reply(link_add(r)); },
                          [&](const api::LinkDel &r) { return reply(link_del(r)); },
                          [&](const api::LinkSet &r) { return reply(link_set(r)); },
                          [&](const api::Status &r) {
                              auto s = snapshot();
                              if (r.name) {
                                  if (auto known = bond(*r.name); !known) {
                                      return api::encode_error(known.error());
                                  }
                                  std::erase_if(s.bonds, [&](const show::BondView &b) { return b.name != *r.name; });
                              }
                              return api::encode_ok(show::status_json(s));
                          },
                          [&](const api::LinkShow &r) {
                              if (r.name && !bonds_.contains(*r.name) && bond_of_slave(*r.name) == nullptr) {
                                  return api::encode_error({ENODEV, "Device \"" + *r.name +
                                                                        "\" does not exist here as a bond "
                                                                        "or a slave of one"});
                              }
                              return api::encode_ok(show::ip_link_json(snapshot(), r.name, r.details, r.statistics));
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
                          [&](const api::Apply &r) {
                              auto config = api::parse_config(r.config_json, "request");
                              if (!config) {
                                  return api::encode_error(config.error());
                              }
                              std::vector<std::string> plan;
                              if (auto done = apply(*config, r.dry_run, &plan); !done) {
                                  return api::encode_error(done.error());
                              }
                              return api::encode_ok({{"changes", plan}});
                          },
                          [&](const api::Lacp &r) { return lacp(r); },
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
        if ((*found)->core().slave(*request.slave) == nullptr) {
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

Result<void> Daemon::set_bond(BondController &target, const api::LinkSet &request) {
    if (request.master || !request.slave_options.empty()) {
        return fail(EPERM, request.name + " is a bond: it cannot be a slave of a bond here");
    }
    Result<void> done;
    if (!request.options.empty()) {
        done = target.set_options(request.options);
    }
    if (done && request.address) {
        done = target.set_address(*request.address);
    }
    if (done && request.mtu) {
        done = target.set_mtu(*request.mtu);
    }
    if (done && request.up) {
        done = target.set_up(*request.up);
    }
    return done;
}

Result<void> Daemon::set_slave(const api::LinkSet &request) {
    auto link = netlink_->link(request.name);
    if (!link) {
        return fail(ENODEV, "Cannot find device \"" + request.name + "\"");
    }
    if (!request.options.empty()) {
        return fail(EOPNOTSUPP, request.name + " is not a bond of this daemon: bond options cannot be set on it");
    }
    if (request.up == false) { // before master: `link set eth0 down master bond0` in one line
        XB_TRY_VOID(netlink_->set_up(link->ifindex, false));
    }
    auto *current = bond_of_slave(request.name);
    if (request.master) {
        const std::string &wanted = *request.master;
        XB_TRY(target, wanted.empty() ? Result<BondController *>(nullptr) : bond(wanted));
        if (current != nullptr && current != *target) { // netlink moves a slave (1.5)
            XB_TRY_VOID(current->release(request.name));
        }
        if (*target != nullptr && current != *target) {
            XB_TRY_VOID((*target)->enslave(request.name));
        }
        current = *target;
    }
    Result<void> done;
    if (!request.slave_options.empty()) {
        if (current == nullptr) {
            return fail(EINVAL, request.name + " is not a slave of a bond: 'type bond_slave' needs one");
        }
        done = current->set_slave_options(request.name, request.slave_options);
    }
    if (done && request.address) {
        done = netlink_->set_mac(link->ifindex, *request.address);
    }
    if (done && request.mtu) {
        done = netlink_->set_mtu(link->ifindex, *request.mtu);
    }
    if (done && request.up == true) {
        done = netlink_->set_up(link->ifindex, true);
    }
    return done;
}

show::Snapshot Daemon::snapshot() {
    show::Snapshot s;
    s.version = XBOND_VERSION;
    s.kernel = kernel_release();
    s.netns = settings_.netns;
    s.pid = ::getpid();
    s.now = sys::now();
    s.started = started_;
    s.features = features_.list;
    for (const auto &[name, controller] : bonds_) {
        s.bonds.push_back(controller->view());
    }
    return s;
}

} // namespace xbond::daemon
