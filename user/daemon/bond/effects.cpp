// SPDX-License-Identifier: MIT
// How a bond's effects are carried out, in their order.
#include <spdlog/spdlog.h>

#include "user/daemon/bond/controller.h"
#include "user/daemon/traffic/announcer.h"
#include "user/daemon/traffic/balancer.h"

namespace xbond::daemon {
namespace {

template <typename... F> struct Overloaded : F... { using F::operator()...; };
template <typename... F> Overloaded(F...) -> Overloaded<F...>;

} // namespace

void BondController::run_effects(const core::Effects &effects) {
    mac_failed_ = false;
    for (const auto &effect : effects) {
        std::visit(Overloaded{
                       [&](const core::SetSlaveMac &set) {
                           const auto *slave = core::find_slave(bond_, set.slot);
                           if (slave == nullptr || mac_failed_) {
                               return;
                           }
                           if (auto done = host_.netlink.set_mac(slave->ifindex, set.mac); !done) {
                               spdlog::error("{}: slave {} does not take the address {}: {}", name(), slave->name,
                                             set.mac.str(), done.error().message);
                               mac_failed_ = true;
                           }
                       },
                       [&](const core::SetBondMac &set) {
                           if (mac_failed_) {
                               return;
                           }
                           if (auto done = device_.set_mac(set.mac); !done) {
                               spdlog::error("{}: address {}: {}", name(), set.mac.str(), done.error().message);
                           }
                       },
                       [&](const core::Announce &announce) {
                           if (const auto *slave = core::find_slave(bond_, announce.slot)) {
                               daemon::announce(host_, device_.ifindex(), bond_.mac, slave->ifindex);
                           }
                       },
                       [&](const core::SendProbes &send) {
                           const auto *slave = core::find_slave(bond_, send.slot);
                           if (slave != nullptr && prober_.probe(*slave, device_.ifindex(), bond_.options)) {
                               probed_.push_back(send.slot);
                           }
                       },
                       [&](const core::RejoinMulticast &) {
                           const auto *slave = core::find_slave(bond_, core::desired(bond_).igmp);
                           if (slave == nullptr) {
                               slave = core::find_slave(bond_, bond_.active);
                           }
                           if (slave != nullptr) {
                               rejoin_groups(host_, device_.ifindex(), slave->ifindex);
                           }
                       },
                       [&](const core::SendLearning &send) {
                           if (const auto *slave = core::find_slave(bond_, send.slot)) {
                               send_learning(host_, device_.ifindex(), *slave, send.mac, send.slot == bond_.active);
                           }
                       },
                       [&](const core::balance::Update &update) {
                           if (const auto *slave = core::find_slave(bond_, update.slot)) {
                               send_update(host_, slave->ifindex, update);
                           }
                       },
                       [&](const core::balance::Changes &changes) { apply(path_, changes); },
                       [&](const core::Transition &t) { record(t); },
                       [&](const core::Log &log) { spdlog::warn("{}: {}", name(), log.message); },
                   },
                   effect);
    }
}

// What the data path has done with its tables since the last time, and what follows from it.
void BondController::run_balance() {
    (void)settle(
        core::step(bond_, core::BalanceObserved{balance_table(path_), single_vlan_ids(host_.links, device_.ifindex())},
                   sys::now()));
}

} // namespace xbond::daemon
