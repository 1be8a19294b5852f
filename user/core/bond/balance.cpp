// SPDX-License-Identifier: MIT
// Load balancing in modes balance-tlb and balance-alb: when it acts, and whose address is whose.
#include "user/core/balance/macs.h"
#include "user/core/bond/step.h"

namespace xbond::core {
namespace {

bool balances(const BondState &bond) {
    const ModeTraits &traits = policy(bond).traits();
    const bool works = traits.balances_clients || (traits.balances_load && bond.options.tlb_dynamic_lb);
    return works && bond.admin_up && !bond.slaves.empty();
}

// Its new address is made known: to the switch by learning packets, to its clients by updates.
void announce_address(BondState &bond, Step &step, const Slave &slave) {
    if (slave.can_tx()) {
        step.effects.emplace_back(SendLearning{slave.slot, slave.mac});
        bond.balance.clients.retell(slave.slot);
    }
}

void swap_addresses(BondState &bond, Step &step, Slave &first, Slave &second, const std::string &cause) {
    const MacAddr former = first.mac;
    set_slave_mac(step, first, second.mac, cause);
    set_slave_mac(step, second, former, cause);
    announce_address(bond, step, first);
    announce_address(bond, step, second);
}

} // namespace

// Starts and stops it as the bond comes and goes.
void sync_balance(BondState &bond, Time now) {
    if (!balances(bond)) {
        bond.balance = {};
    } else if (!bond.balance.rebalance_at) {
        bond.balance.rebalance_at = now + balance::rebalance_interval;
        bond.balance.learning_at = now;
    }
}

std::optional<Time> balance_deadline(const BondState &bond) {
    if (!bond.balance.rebalance_at) {
        return std::nullopt;
    }
    if (!bond.balance.released.empty() || bond.balance.usable != usable_slots(bond.slaves)) {
        return Time{};
    }
    std::optional<Time> first = bond.balance.learning_at;
    const auto rebalance = bond.options.tlb_dynamic_lb ? bond.balance.rebalance_at : std::nullopt;
    const auto updates = policy(bond).traits().balances_clients ? bond.balance.clients.deadline() : std::nullopt;
    for (const auto &due : {rebalance, bond.balance.listen_until, updates}) {
        first = due ? std::min(*first, *due) : first;
    }
    return first;
}

void on(BondState &bond, const BalanceObserved &event, Step &step) {
    if (!bond.balance.rebalance_at) {
        return;
    }
    balance::Changes changes;
    bond.balance.usable = usable_slots(bond.slaves);
    if (bond.options.tlb_dynamic_lb) {
        const bool all = step.now >= *bond.balance.rebalance_at;
        balance::release_buckets(
            event.table,
            {.all = all, .with_history = bond.balance.released, .usable = bond.balance.usable, .active = bond.active},
            changes);
        bond.balance.rebalance_at = all ? step.now + balance::rebalance_interval : *bond.balance.rebalance_at;
    }
    bond.balance.released.clear();
    std::vector<balance::Update> updates;
    if (policy(bond).traits().balances_clients) {
        updates = bond.balance.clients.run(event.table, {bond.slaves, bond.mac, event.vlan_ids}, step.now, changes);
    }
    if (!changes.empty()) {
        step.effects.emplace_back(std::move(changes));
    }
    step.effects.insert(step.effects.end(), updates.begin(), updates.end());
    if (step.now >= *bond.balance.learning_at) {
        for (const Slave &slave : bond.slaves) {
            step.effects.emplace_back(SendLearning{slave.slot, slave.mac});
        }
        const Time interval = std::chrono::seconds(bond.options.lp_interval_s);
        *bond.balance.learning_at += interval * ((step.now - *bond.balance.learning_at) / interval + 1);
    }
    if (bond.balance.listen_until && step.now >= *bond.balance.listen_until) {
        bond.balance.listen_until.reset();
    }
}

// Another client took its place in the table: from here on the active slave's address is right for it.
void on(BondState &bond, const ClientDisplaced &event, Step &step) {
    if (const Slave *active = find_slave(bond, bond.active); active != nullptr && event.client.known()) {
        step.effects.emplace_back(balance::Update{bond.active, active->mac, event.client});
    }
}

// A slave joined, or its link came up: flows and clients are spread anew.
void slave_came(BondState &bond, Time now) {
    if (bond.balance.rebalance_at) {
        bond.balance.rebalance_at = std::min(*bond.balance.rebalance_at, now + balance::tick);
        bond.balance.clients.reassign();
    }
}

// What is still sent to a dead slave's address comes in on the active one (`balance.dead`). Not if only answers are
// missing there: a slave with carrier goes on sending, and the switch would see its address on two ports in turn.
void notify_clients(BondState &bond, Step &step, const Slave &dead) {
    const bool listens = policy(bond).traits().balances_clients && bond.balance.rebalance_at && bond.active != no_slot;
    if (listens && !dead.up()) {
        step.effects.emplace_back(SendLearning{bond.active, dead.mac});
        bond.balance.listen_until = step.now + balance::listen_interval;
    }
}

// The new active slave is not `previous` (`balance.active`).
void move_balanced_address(BondState &bond, Step &step, Slave *previous, Slave *gained) {
    const std::string cause = "the active slave has the bond's address";
    bond.balance.listen_until.reset();
    if (gained == nullptr) {
        return;
    }
    if (previous == nullptr) {
        previous = const_cast<Slave *>(balance::holder_of(bond.slaves, bond.mac));
    }
    if (bond.balance.rebalance_at) {
        bond.balance.released.push_back(gained->slot);
    }
    if (previous == nullptr || previous == gained) {
        set_slave_mac(step, *gained, bond.mac, cause);
        announce_address(bond, step, *gained);
        return;
    }
    if (bond.balance.rebalance_at) {
        bond.balance.released.push_back(previous->slot);
    }
    swap_addresses(bond, step, *gained, *previous, cause);
    if (gained->can_tx() && !previous->can_tx()) {
        notify_clients(bond, step, *previous);
    }
}

// A slave that leaves takes its own address along; who has it gets the leaving one's in return.
void return_address(BondState &bond, Step &step, SlotId leaving) {
    Slave &slave = *find_slave(bond, leaving);
    if (auto *borrower = const_cast<Slave *>(balance::borrower_of(bond.slaves, bond.mac, slave))) {
        swap_addresses(bond, step, slave, *borrower, slave.name + " takes its own address back");
    }
}

// The user gave the bond another address. Only the active slave follows.
void balanced_address_set(BondState &bond, Step &step, const MacAddr &mac) {
    const std::string cause = "bond address set by user";
    Slave *active = find_slave(bond, bond.active);
    auto *holder = const_cast<Slave *>(balance::holder_of(bond.slaves, mac));
    set_bond_mac(bond, step, mac, "set by user");
    if (active != nullptr && holder != nullptr && holder != active) {
        swap_addresses(bond, step, *active, *holder, cause);
    } else if (active != nullptr) {
        set_slave_mac(step, *active, mac, cause);
        announce_address(bond, step, *active);
    }
}

} // namespace xbond::core
