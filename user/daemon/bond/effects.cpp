// SPDX-License-Identifier: MIT
// How a bond's effects are carried out, in their order. What comes of them waits in the queue.
#include <spdlog/spdlog.h>

#include "user/daemon/bond/controller.h"
#include "user/daemon/traffic/announcer.h"
#include "user/daemon/traffic/balancer.h"

namespace xbond::daemon {
namespace {

template <typename... F> struct Overloaded : F... { using F::operator()...; };
template <typename... F> Overloaded(F...) -> Overloaded<F...>;

// Control frames come and go without anything that devices would have to follow.
bool concerns_devices(const core::Effect &effect) {
    const auto *transition = std::get_if<core::Transition>(&effect);
    return !std::holds_alternative<core::Publish>(effect) && !std::holds_alternative<core::SendProbes>(effect) &&
           !std::holds_alternative<core::SendSlow>(effect) && !(transition != nullptr && transition->lacp);
}

} // namespace

void BondController::carry_out(const core::Effects &effects, Done &done) {
    bool mac_refused = false;
    for (const auto &effect : effects) {
        done.devices = done.devices || concerns_devices(effect);
        std::visit(Overloaded{
                       [&](const core::Publish &to) { publish(to, done); },
                       [&](const core::SetSlaveMac &set) { mac_refused = mac_refused || !set_slave_mac(set); },
                       [&](const core::SetBondMac &set) {
                           if (!mac_refused) {
                               set_bond_mac(set);
                           }
                       },
                       [&](const core::Announce &announce) {
                           if (const auto *slave = core::find_slave(bond_, announce.slot)) {
                               daemon::announce(host_, device_.ifindex(), bond_.mac, slave->ifindex);
                           }
                       },
                       [&](const core::SendProbes &send) { send_probes(send); },
                       [&](const core::RejoinMulticast &) { rejoin(); },
                       [&](const core::SendLearning &send) {
                           if (const auto *slave = core::find_slave(bond_, send.slot)) {
                               send_learning(host_, device_.ifindex(), *slave, send.mac, send.slot == bond_.active);
                           }
                       },
                       [&](const core::SendSlow &send) { send_slow(send); },
                       [&](const core::balance::Update &update) {
                           if (const auto *slave = core::find_slave(bond_, update.slot)) {
                               send_update(host_, slave->ifindex, update);
                           }
                       },
                       [&](const core::balance::Changes &changes) { apply(path_, changes); },
                       [&](const core::Transition &t) { note(t, done); },
                       [&](const core::Log &log) { spdlog::warn("{}: {}", name(), log.message); },
                   },
                   effect);
    }
}

void BondController::publish(const core::Publish &to, Done &done) {
    ++published_;
    done.published = applier_.publish(to.desired);
    if (!done.published) {
        spdlog::error("{}: the data path refused: {}", name(), done.published.error().message);
    }
}

bool BondController::set_slave_mac(const core::SetSlaveMac &set) {
    const auto *slave = core::find_slave(bond_, set.slot);
    if (slave == nullptr) {
        return true;
    }
    auto done = host_.netlink.set_mac(slave->ifindex, set.mac);
    if (!done) {
        spdlog::error("{}: slave {} does not take the address {}: {}", name(), slave->name, set.mac.str(),
                      done.error().message);
        queue_.emplace_back(core::MacRefused{set});
    }
    return done.has_value();
}

void BondController::set_bond_mac(const core::SetBondMac &set) {
    if (auto done = device_.set_mac(set.mac); !done) {
        spdlog::error("{}: address {}: {}", name(), set.mac.str(), done.error().message);
    }
}

void BondController::send_slow(const core::SendSlow &send) {
    if (auto sent = slow_.send(send.slot, send.bytes); !sent) {
        spdlog::debug("{}: slot {}: an LACP frame was not sent: {}", name(), send.slot, sent.error().message);
        queue_.emplace_back(core::SlowNotSent{send.slot, send.is_marker});
    }
}

void BondController::send_probes(const core::SendProbes &send) {
    const auto *slave = core::find_slave(bond_, send.slot);
    if (slave != nullptr && prober_.probe(*slave, device_.ifindex(), bond_.options)) {
        queue_.emplace_back(core::ProbesSent{send.slot});
    }
}

void BondController::rejoin() {
    const auto *slave = core::find_slave(bond_, core::desired(bond_).igmp);
    if (slave == nullptr) {
        slave = core::find_slave(bond_, bond_.active);
    }
    if (slave != nullptr) {
        rejoin_groups(host_, device_.ifindex(), slave->ifindex);
    }
}

// What the data path has done with its tables since the last time, and what follows from it.
void BondController::run_balance() {
    (void)settle(core::BalanceObserved{balance_table(path_), single_vlan_ids(host_.links, device_.ifindex())});
}

} // namespace xbond::daemon
