// SPDX-License-Identifier: MIT
// How a bond's effects are carried out, in their order. What comes of them waits in the queue.
#include <algorithm>
#include <spdlog/spdlog.h>

#include "user/daemon/bond/controller.h"
#include "user/daemon/traffic/announcer.h"
#include "user/daemon/traffic/balancer.h"

namespace xbond::daemon {
namespace {

template <typename... F> struct Overloaded : F... { using F::operator()...; };
template <typename... F> Overloaded(F...) -> Overloaded<F...>;

bool sets_address(const core::Effect &effect) {
    return std::holds_alternative<core::SetSlaveMac>(effect) || std::holds_alternative<core::SetBondMac>(effect);
}

// Control frames come and go without anything that devices would have to follow.
bool concerns_devices(const core::Effect &effect) {
    const auto *transition = std::get_if<core::Transition>(&effect);
    return !std::holds_alternative<core::Publish>(effect) && !std::holds_alternative<core::SendProbes>(effect) &&
           !std::holds_alternative<core::SendSlow>(effect) && !(transition != nullptr && transition->lacp);
}

} // namespace

// Addresses are set by hands; what follows them in the list waits until they are.
void BondController::carry_out(core::Effects &&effects, Done &done) {
    for (auto effect = effects.begin(); effect != effects.end(); ++effect) {
        done.devices = done.devices || concerns_devices(*effect);
        if (sets_address(*effect)) {
            const auto after = std::find_if_not(effect, effects.end(), sets_address);
            set_addresses({effect, after}, {after, effects.end()});
            return;
        }
        carry_out(*effect, done);
    }
}

void BondController::carry_out(const core::Effect &effect, Done &done) {
    std::visit(Overloaded{
                   [&](const core::Publish &to) {
                       ++published_;
                       applier_.publish(to.desired);
                   },
                   // Answers come to where it is announced: what the slave's filters are to let in comes before.
                   [&](const core::Announce &announce) {
                       applier_.filters().when_done([this, slot = announce.slot] { announce_on(slot); });
                   },
                   [&](const core::SendProbes &send) { send_probes(send); },
                   [&](const core::RejoinMulticast &) { applier_.filters().when_done([this] { rejoin(); }); },
                   [&](const core::SendLearning &send) {
                       if (const auto *slave = core::find_slave(bond_, send.slot)) {
                           send_learning(host_, device_, *slave, send.mac, send.slot == bond_.active);
                       }
                   },
                   [&](const core::SendSlow &send) { send_slow(send); },
                   [&](const core::balance::Update &update) {
                       if (const auto *slave = core::find_slave(bond_, update.slot)) {
                           send_update(host_, slave->ifindex, update);
                       }
                   },
                   [&](const core::balance::Changes &changes) { apply(*path_, changes); },
                   [&](const core::Transition &t) { note(t, done); },
                   [&](const core::Log &log) { spdlog::warn("{}: {}", name(), log.message); },
                   [](const core::SetSlaveMac &) {}, // set_addresses()
                   [](const core::SetBondMac &) {},
               },
               effect);
}

// In order; a refusal ends the list, and what the slaves behind it have is asked for.
void BondController::set_addresses(core::Effects &&macs, core::Effects &&after) {
    struct Address {
        std::uint32_t ifindex; // of a slave
        std::string whose;
        MacAddr mac;
        std::optional<core::SetSlaveMac> slave; // none: the bond's own
    };
    std::vector<Address> list;
    for (const auto &effect : macs) {
        if (const auto *set = std::get_if<core::SetSlaveMac>(&effect)) {
            if (const auto *slave = core::find_slave(bond_, set->slot)) {
                list.push_back({slave->ifindex, "slave " + slave->name, set->mac, *set});
            }
        } else if (const auto *bond = std::get_if<core::SetBondMac>(&effect)) {
            list.push_back({0, "its device", bond->mac, {}});
        }
    }
    ++setting_;
    auto back = alive_.guard([this, list](core::Effects &&rest, std::size_t done) {
        --setting_;
        settle(std::move(rest));
        if (done < list.size()) {
            settle(core::MacRefused{*list[done].slave});
        }
        for (; done < list.size(); ++done) {
            list[done].slave ? ask_truth(list[done].ifindex) : ask_own_truth();
        }
    });
    host_.hands.run(
        [list, back, rest = std::move(after), bond = name(), device = device_](Hands::Tools &tools) -> Hands::Then {
            std::size_t done = 0;
            for (; done < list.size(); ++done) {
                const auto &address = list[done];
                auto set = address.slave ? tools.netlink.set_mac(address.ifindex, address.mac)
                                         : device.set_mac(tools.netlink, address.mac);
                if (!set) {
                    spdlog::error("{}: {} does not take the address {}: {}", bond, address.whose, address.mac.str(),
                                  set.error().message);
                }
                if (!set && address.slave) {
                    break;
                }
            }
            return [back, rest, done]() mutable { back(std::move(rest), done); };
        },
        "addresses");
}

void BondController::send_slow(const core::SendSlow &send) {
    if (auto sent = slow_.send(send.slot, send.bytes); !sent) {
        spdlog::debug("{}: slot {}: an LACP frame was not sent: {}", name(), send.slot, sent.error().message);
        queue_.emplace_back(core::SlowNotSent{send.slot, send.is_marker});
        return;
    }
    const auto *port = bond_.lacp->port(send.slot);
    if (!send.is_marker && port != nullptr && port->partner.has(lacp::flag::timeout)) {
        applier_.vouch();
    }
}

void BondController::send_probes(const core::SendProbes &send) {
    const auto *slave = core::find_slave(bond_, send.slot);
    if (slave != nullptr && prober_.probe(*slave, device_, bond_.options)) {
        queue_.emplace_back(core::ProbesSent{send.slot});
    }
}

// While it waited another slave may have become the active one.
void BondController::announce_on(SlotId slot) {
    const bool holds = core::uses_lacp(bond_) || slot == bond_.active;
    if (const auto *slave = core::find_slave(bond_, slot); slave != nullptr && holds) {
        catch_up();
        announce(host_, device_, bond_.mac, slave->ifindex, applier_.unicast());
        ports_.announce_on(slave->ifindex);
    }
}

void BondController::rejoin() {
    const auto *slave = core::find_slave(bond_, core::desired(bond_).igmp);
    if (slave == nullptr) {
        slave = core::find_slave(bond_, bond_.active);
    }
    if (slave != nullptr) {
        rejoin_groups(host_, device_, bond_.mac, slave->ifindex);
    }
}

// What the data path has done with its tables since the last time, and what follows from it.
void BondController::run_balance() {
    settle(core::BalanceObserved{balance_table(*path_), single_vlan_ids(device_.links(host_), device_.ifindex())});
}

} // namespace xbond::daemon
