// SPDX-License-Identifier: MIT
#include "user/core/balance/rlb.h"

#include <algorithm>

#include "xbond/balance.h"

namespace xbond::core::balance {
namespace {

constexpr unsigned repeats_after_loss = 3;

const Slave *slave_of(std::span<const Slave> slaves, SlotId slot) {
    const auto found = std::ranges::find(slaves, slot, &Slave::slot);
    return found == slaves.end() ? nullptr : &*found;
}

bool is_lost(const Slave *slave) { return slave == nullptr || slave->link == Link::down || slave->link == Link::back; }

} // namespace

SlotId next_slot(std::span<const Slave> slaves, SlotId last) {
    xb_turn turn{};
    turn.last = last == no_slot ? 0 : last + 1U;
    for (const Slave &slave : slaves) {
        if (slave.can_tx()) {
            xb_turn_step(&turn, slave.slot, slave.known_speed());
        }
    }
    const auto chosen = xb_turn_result(&turn);
    return chosen == 0 ? no_slot : static_cast<SlotId>(chosen - 1);
}

std::optional<Time> ReceiveBalance::deadline() const {
    if (reassign_ || !retell_.empty()) {
        return Time{};
    }
    return pending_ ? std::optional(next_update_) : std::nullopt;
}

// Not delayed, unlike the kernel's: what it still sends goes to an address that is of no use.
void ReceiveBalance::tell_repeatedly(Client &client, Time now) {
    if (client.known()) {
        client.tell = true;
        repeats_ = repeats_after_loss;
        next_update_ = now;
    }
}

// A broadcast request has taught everybody the bond's address: those that were given another are told again, later.
void ReceiveBalance::mark_asked(std::vector<Client> &clients, const ClientView &view, Time now) {
    std::vector<Ipv4Addr> servers;
    for (Client &client : clients) {
        if (client.asked) {
            client.asked = false;
            servers.push_back(client.server);
            next_update_ = now + update_interval;
        }
    }
    for (Client &client : clients) {
        const Slave *slave = slave_of(view.slaves, client.slot);
        if (client.assigned && client.known() && slave != nullptr && slave->mac != view.bond_mac &&
            std::ranges::find(servers, client.server) != servers.end()) {
            client.tell = true;
        }
    }
}

void ReceiveBalance::mark(std::vector<Client> &clients, const ClientView &view, Time now) {
    for (Client &client : clients) {
        const bool vlan_gone =
            client.vlan_id != 0 && std::ranges::find(view.vlan_ids, client.vlan_id) == view.vlan_ids.end();
        if (client.assigned && vlan_gone) {
            client = {};
        }
    }
    mark_asked(clients, view, now);
    for (Client &client : clients) {
        if (client.assigned && std::ranges::find(retell_, client.slot) != retell_.end()) {
            tell_repeatedly(client, now);
        }
    }
    retell_.clear();
}

void ReceiveBalance::give(std::vector<Client> &clients, const ClientView &view, SlotId &last, Time now) {
    for (Client &client : clients) {
        const bool lost = is_lost(slave_of(view.slaves, client.slot));
        if (!client.assigned || (!lost && !reassign_)) {
            continue;
        }
        const SlotId next = next_slot(view.slaves, last);
        last = next == no_slot ? last : next;
        if (lost && (next != no_slot || client.slot != no_slot)) {
            client.slot = next;
            tell_repeatedly(client, now);
        } else if (next != no_slot && client.slot != next) {
            client.slot = next;
            client.tell = client.known();
        }
    }
    reassign_ = false;
}

std::vector<Update> ReceiveBalance::updates_due(std::vector<Client> &clients, const ClientView &view, Time now) {
    std::vector<Update> updates;
    const auto waits = [](const Client &client) { return client.assigned && client.tell; };
    pending_ = std::ranges::any_of(clients, waits);
    if (!pending_ || now < next_update_) {
        return updates;
    }
    for (Client &client : clients) {
        const Slave *slave = slave_of(view.slaves, client.slot);
        if (waits(client) && slave != nullptr && client.known()) {
            updates.push_back({client.slot, slave->mac, client});
        }
        client.tell = client.tell && repeats_ > 0;
    }
    next_update_ = now + update_interval;
    pending_ = repeats_ > 0;
    repeats_ -= repeats_ > 0 ? 1 : 0;
    return updates;
}

std::vector<Update> ReceiveBalance::run(const Table &table, const ClientView &view, Time now, Changes &changes) {
    std::vector<Client> clients = table.clients;
    SlotId last = table.last_given;
    mark(clients, view, now);
    give(clients, view, last, now);
    auto updates = updates_due(clients, view, now);
    for (std::size_t i = 0; i < clients.size(); ++i) {
        if (clients[i] != table.clients[i]) {
            changes.clients.push_back({i, table.clients[i], clients[i]});
        }
    }
    if (last != table.last_given) {
        changes.last_given = last;
    }
    return updates;
}

} // namespace xbond::core::balance
