// SPDX-License-Identifier: MIT
#include "user/show/balance_render.h"

#include <algorithm>

#include "user/core/options/targets.h"
#include "user/show/render_util.h"

namespace xbond::show {

using nlohmann::ordered_json;

ordered_json balance_json(const BondView &bond) {
    auto clients = ordered_json::array();
    for (const auto &client : bond.balance->clients) {
        if (!client.assigned) {
            continue;
        }
        const auto *slave = slave_in_slot(bond, client.slot);
        clients.push_back({{"client", core::ip_text(client.client)},
                           {"client_mac", client.known() ? ordered_json(client.client_mac.str()) : ordered_json()},
                           {"server", core::ip_text(client.server)},
                           {"slave", slave == nullptr ? ordered_json() : ordered_json(slave->slave.name)},
                           {"vlan", client.vlan_id == 0 ? ordered_json() : ordered_json(client.vlan_id)},
                           {"update_due", client.tell}});
    }
    return {{"unbalanced_bytes", bond.balance->unbalanced}, {"clients", clients}};
}

ordered_json slave_balance_json(const BondView &bond, const SlaveView &slave) {
    const SlotId slot = slave.slave.slot;
    const auto owned = std::ranges::count(bond.balance->buckets, slot, &core::balance::Bucket::owner);
    std::uint64_t bytes = 0;
    for (const auto &bucket : bond.balance->buckets) {
        bytes += bucket.owner == slot ? bucket.tx_bytes : 0;
    }
    const auto given = std::ranges::count_if(bond.balance->clients, [&](const core::balance::Client &client) {
        return client.assigned && client.slot == slot;
    });
    return {{"load", bond.balance->load.at(slot)},
            {"buckets", owned},
            {"bytes", bytes},
            {"clients", given},
            {"suppressed_flood", slave.published.suppress_flood}};
}

} // namespace xbond::show
