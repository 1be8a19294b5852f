// SPDX-License-Identifier: MIT
// Load balancing in modes balance-tlb and balance-alb (section 5): when it acts, and whose address is whose.
#include "user/core/balance/macs.h"
#include "user/core/bond/step.h"

namespace xbond::core {

bool Bond::balances() const {
    const ModeTraits &traits = policy().traits();
    const bool works = traits.balances_clients || (traits.balances_load && options_.tlb_dynamic_lb);
    return works && admin_up_ && !slaves_.empty();
}

// Starts and stops it as the bond comes and goes.
void Bond::sync_balance(Time now) {
    if (!balances()) {
        balance_ = {};
    } else if (!balance_.rebalance_at) {
        balance_.rebalance_at = now + balance::rebalance_interval;
        balance_.learning_at = now;
    }
}

std::optional<Time> Bond::balance_deadline() const {
    if (!balance_.rebalance_at) {
        return std::nullopt;
    }
    if (!balance_.released.empty() || balance_.usable != usable_slots(slaves_)) {
        return Time{};
    }
    std::optional<Time> first = balance_.learning_at;
    const auto rebalance = options_.tlb_dynamic_lb ? balance_.rebalance_at : std::nullopt;
    const auto updates = policy().traits().balances_clients ? balance_.clients.deadline() : std::nullopt;
    for (const auto &due : {rebalance, balance_.listen_until, updates}) {
        first = due ? std::min(*first, *due) : first;
    }
    return first;
}

bool Bond::balance_due(Time now) const {
    const auto due = balance_deadline();
    return due && *due <= now;
}

void Bond::on(const BalanceObserved &event, Step &step) {
    if (!balance_.rebalance_at) {
        return;
    }
    balance::Changes changes;
    balance_.usable = usable_slots(slaves_);
    if (options_.tlb_dynamic_lb) {
        const bool all = step.now >= *balance_.rebalance_at;
        balance::release_buckets(
            event.table, {.all = all, .with_history = balance_.released, .usable = balance_.usable, .active = active_},
            changes);
        balance_.rebalance_at = all ? step.now + balance::rebalance_interval : *balance_.rebalance_at;
    }
    balance_.released.clear();
    std::vector<balance::Update> updates;
    if (policy().traits().balances_clients) {
        updates = balance_.clients.run(event.table, {slaves_, mac_, event.vlan_ids}, step.now, changes);
    }
    if (!changes.empty()) {
        step.effects.emplace_back(std::move(changes));
    }
    step.effects.insert(step.effects.end(), updates.begin(), updates.end());
    if (step.now >= *balance_.learning_at) {
        for (const Slave &slave : slaves_) {
            step.effects.emplace_back(SendLearning{slave.slot, slave.mac});
        }
        const Time interval = std::chrono::seconds(options_.lp_interval_s);
        *balance_.learning_at += interval * ((step.now - *balance_.learning_at) / interval + 1);
    }
    if (balance_.listen_until && step.now >= *balance_.listen_until) {
        balance_.listen_until.reset();
    }
}

// Another client took its place in the table: from here on the active slave's address is right for it (5.6).
void Bond::on(const ClientDisplaced &event, Step &step) {
    if (const Slave *active = slave(active_); active != nullptr && event.client.known()) {
        step.effects.emplace_back(balance::Update{active_, active->mac, event.client});
    }
}

// A slave joined, or its link came up: flows and clients are spread anew.
void Bond::slave_came(Time now) {
    if (balance_.rebalance_at) {
        balance_.rebalance_at = std::min(*balance_.rebalance_at, now + balance::tick);
        balance_.clients.reassign();
    }
}

// 5.7: what is still sent to a dead slave's address comes in on the active one. Not if only answers are missing there:
// a slave with carrier goes on sending, and the switch would see its address on two ports in turn.
void Bond::notify_clients(Step &step, const Slave &dead) {
    const bool listens = policy().traits().balances_clients && balance_.rebalance_at && active_ != no_slot;
    if (listens && !dead.up()) {
        step.effects.emplace_back(SendLearning{active_, dead.mac});
        balance_.listen_until = step.now + balance::listen_interval;
    }
}

// Its new address is made known: to the switch by learning packets, to its clients by updates.
void Bond::announce_address(Step &step, const Slave &slave) {
    if (slave.can_tx()) {
        step.effects.emplace_back(SendLearning{slave.slot, slave.mac});
        balance_.clients.retell(slave.slot);
    }
}

void Bond::swap_addresses(Step &step, Slave &first, Slave &second, const std::string &cause) {
    const MacAddr former = first.mac;
    set_slave_mac(step, first, second.mac, cause);
    set_slave_mac(step, second, former, cause);
    announce_address(step, first);
    announce_address(step, second);
}

// 5.5; the new active slave is not `previous`.
void Bond::move_balanced_address(Step &step, Slave *previous, Slave *gained) {
    const std::string cause = "the active slave has the bond's address";
    balance_.listen_until.reset();
    if (gained == nullptr) {
        return;
    }
    if (previous == nullptr) {
        previous = const_cast<Slave *>(balance::holder_of(slaves_, mac_));
    }
    if (balance_.rebalance_at) {
        balance_.released.push_back(gained->slot);
    }
    if (previous == nullptr || previous == gained) {
        set_slave_mac(step, *gained, mac_, cause);
        announce_address(step, *gained);
        return;
    }
    if (balance_.rebalance_at) {
        balance_.released.push_back(previous->slot);
    }
    swap_addresses(step, *gained, *previous, cause);
    if (gained->can_tx() && !previous->can_tx()) {
        notify_clients(step, *previous);
    }
}

// 5.4: a slave that leaves takes its own address along; who has it gets the leaving one's in return.
void Bond::return_address(Step &step, SlotId leaving) {
    Slave &slave = *find(leaving);
    if (auto *borrower = const_cast<Slave *>(balance::borrower_of(slaves_, mac_, slave))) {
        swap_addresses(step, slave, *borrower, slave.name + " takes its own address back");
    }
}

// 5.4: the user gave the bond another address. Only the active slave follows.
void Bond::balanced_address_set(Step &step, const MacAddr &mac) {
    const std::string cause = "bond address set by user";
    Slave *active = find(active_);
    auto *holder = const_cast<Slave *>(balance::holder_of(slaves_, mac));
    set_bond_mac(step, mac, "set by user");
    if (active != nullptr && holder != nullptr && holder != active) {
        swap_addresses(step, *active, *holder, cause);
    } else if (active != nullptr) {
        set_slave_mac(step, *active, mac, cause);
        announce_address(step, *active);
    }
}

} // namespace xbond::core
