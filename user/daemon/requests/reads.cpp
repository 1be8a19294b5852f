// SPDX-License-Identifier: MIT
// What is asked about bonds. The loop copies what is to be shown, a few bonds a turn; the desk, a thread of its own,
// makes text of the copy, which takes many times as long.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <sys/utsname.h>
#include <unistd.h>

#include "user/daemon/daemon.h"
#include "user/show/explain.h"
#include "user/show/lacp_render.h"
#include "user/show/render.h"

namespace xbond::daemon {
namespace {

constexpr Ms copying_turn(1); // of the loop

std::string kernel_release() {
    utsname u{};
    ::uname(&u);
    return u.release;
}

show::Timing timing(const sys::Durations &durations) {
    return {durations.count(), durations.longest(), durations.longest_of(), durations.permille_999(),
            durations.total()};
}

std::string reply_of(const Rendering &render) {
    try {
        return api::encode_ok(render());
    } catch (const std::exception &error) {
        return api::encode_error({EPROTO, std::string("what was asked for cannot be shown: ") + error.what()});
    }
}

} // namespace

Task<Result<void>> Daemon::serve_read(api::Request request, ControlServer::Reply answer) {
    host_->catch_up(); // who has just changed a device sees it
    use_real_names(request);
    auto rendering = co_await prepare(std::move(request));
    if (!rendering) {
        answer(api::encode_error(rendering.error()));
        co_return Result<void>();
    }
    auto render = [rendering = std::move(*rendering)] { return reply_of(rendering); };
    answer(co_await call_by(*desk_, "render", std::move(render)));
    co_return Result<void>();
}

Task<Result<Rendering>> Daemon::prepare(api::Request request) {
    if (const auto *status = std::get_if<api::Status>(&request)) {
        if (status->name) {
            XB_CO_TRY_VOID(bond(*status->name));
        }
        const auto copy = co_await snapshot(status->name);
        co_return [copy] { return show::status_json(*copy); };
    }
    if (const auto *links = std::get_if<api::LinkShow>(&request)) {
        const auto *slaves_bond = links->name ? bond_of_slave(*links->name) : nullptr;
        if (links->name && !bonds_.contains(*links->name) && slaves_bond == nullptr) {
            co_return fail(ENODEV, "Device \"" + *links->name + "\" does not exist here as a bond or a slave of one");
        }
        auto only = slaves_bond == nullptr ? links->name : std::optional(slaves_bond->name());
        const auto copy = co_await snapshot(std::move(only));
        co_return
            [copy, asked = *links] { return show::ip_link_json(*copy, asked.name, asked.details, asked.statistics); };
    }
    co_return prepare_one(request);
}

// What concerns one bond.
Result<Rendering> Daemon::prepare_one(const api::Request &request) {
    const auto view = [this](const std::string &name) {
        return bond(name).map(
            [](const BondController *found) { return std::make_shared<const show::BondView>(found->view()); });
    };
    if (const auto *proc = std::get_if<api::Proc>(&request)) {
        XB_TRY(copy, view(proc->name));
        return [copy = *copy] { return nlohmann::ordered_json(show::proc_text(*copy, kernel_release())); };
    }
    if (const auto *explain = std::get_if<api::Explain>(&request)) {
        XB_TRY(copy, view(explain->name));
        return [copy = *copy, asked = *explain] { return show::explain_frame(*copy, asked.frame, asked.vlan_tci); };
    }
    if (const auto *lacp = std::get_if<api::Lacp>(&request)) {
        return prepare_lacp(*lacp);
    }
    return [] { return nlohmann::ordered_json::object(); }; // Watch is kept by ControlServer
}

Result<Rendering> Daemon::prepare_lacp(const api::Lacp &request) {
    XB_TRY(found, bond(request.name));
    XB_TRY(history, (*found)->lacp_history());
    if (!request.history) {
        return [copy = std::make_shared<const show::BondView>((*found)->view())] { return show::lacp_json(*copy); };
    }
    if (request.slave) {
        if (core::find_slave((*found)->core(), *request.slave) == nullptr) {
            return fail(ENODEV, "'" + *request.slave + "' is not a slave of " + request.name);
        }
        std::erase_if(*history, [&](const auto &entry) { return entry.slave != *request.slave; });
    }
    return [history = std::move(*history)] { return show::lacp_history_json(history); };
}

void Daemon::on_open(const api::StateOpen &request, const sys::Peer &peer,
                     std::function<void(ControlServer::Opened)> answer) {
    opens_.add([this, request, peer, answer = std::move(answer)] { return serve_open(request, peer, answer); });
}

// The bond may have gone when hands are done.
Task<Result<void>> Daemon::serve_open(api::StateOpen request, sys::Peer peer,
                                      std::function<void(ControlServer::Opened)> answer) {
    auto found = bond(real_name(request.name));
    if (!found) {
        answer({api::encode_error(found.error()), {}, 0});
        co_return Result<void>();
    }
    const std::uint32_t ifindex = (*found)->ifindex(), key = (*found)->peer();
    auto opened = co_await (*found)->applications().open(std::move(peer), request.sockets);
    if (!opened) {
        answer({api::encode_error(opened.error()), {}, 0});
    } else if (bond_of_device(key) == nullptr) {
        answer({api::encode_error({ENODEV, request.name + " has gone"}), {}, 0});
    } else {
        nlohmann::ordered_json result;
        result["ifindex"] = ifindex;
        result["rules"] = opened->rules;
        answer({api::encode_ok(result), std::move(opened->descriptors), key});
    }
    co_return Result<void>();
}

BondController *Daemon::bond_of_device(std::uint32_t peer) {
    const auto found = std::ranges::find_if(bonds_, [&](const auto &bond) { return bond.second->peer() == peer; });
    return found == bonds_.end() ? nullptr : found->second.get();
}

// In a turn of its own: what is being published comes first.
void Daemon::tell_listeners(std::uint32_t bond) {
    if (!server_ || !server_->has_listeners(bond) || !news_.insert(bond).second) {
        return;
    }
    loop_->post(
        [this, bond] {
            news_.erase(bond);
            if (!server_) {
                return;
            }
            bond_of_device(bond) != nullptr ? server_->tell(bond) : server_->end_listening(bond);
        },
        "news for applications");
}

// Of all bonds, or of one. A bond that goes while others are copied is left out.
Task<std::shared_ptr<const show::Snapshot>> Daemon::snapshot(std::optional<std::string> only) {
    auto s = std::make_shared<show::Snapshot>();
    s->version = XBOND_VERSION;
    s->kernel = kernel_release();
    s->netns = settings_.netns;
    s->pid = ::getpid();
    s->now = sys::now();
    s->started = started_;
    s->features = features_.list;
    s->turns = timing(loop_->turns());
    s->hands = timing(hands_->jobs());
    s->hands_waiting = hands_->waiting();
    s->disk = timing(files_->jobs());
    s->disk_waiting = files_->waiting();
    if (!only) {
        for (const auto &[name, left] : left_alone_) {
            s->not_under_control.push_back({name, left.why});
        }
    }
    Time began = s->now;
    for (auto next = only ? bonds_.lower_bound(*only) : bonds_.begin();
         next != bonds_.end() && (!only || next->first == *only);) {
        const std::string name = next->first;
        s->bonds.push_back(next->second->view());
        if (sys::now() - began >= copying_turn) {
            co_await next_turn(*loop_);
            began = sys::now();
        }
        next = bonds_.upper_bound(name);
    }
    co_return std::shared_ptr<const show::Snapshot>(std::move(s));
}

} // namespace xbond::daemon
