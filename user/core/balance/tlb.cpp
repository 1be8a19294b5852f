// SPDX-License-Identifier: MIT
#include "user/core/balance/tlb.h"

#include <algorithm>

namespace xbond::core::balance {
namespace {

// In 64 bits throughout, unlike the kernel.
std::uint64_t per_second(std::uint64_t bytes) {
    return bytes / static_cast<std::uint64_t>(rebalance_interval / std::chrono::seconds(1));
}

bool contains(const std::vector<SlotId> &slots, SlotId slot) { return std::ranges::find(slots, slot) != slots.end(); }

} // namespace

void release_buckets(const Table &table, const ReleaseRule &rule, Changes &changes) {
    std::vector<SlotId> emptied = rule.with_history;
    for (std::size_t i = 0; i < table.buckets.size(); ++i) {
        const Bucket &bucket = table.buckets[i];
        if (bucket.owner == no_slot) {
            continue;
        }
        if (rule.all || contains(rule.with_history, bucket.owner)) {
            changes.buckets.push_back({i, bucket.owner, bucket.tx_bytes, 1 + per_second(bucket.tx_bytes)});
        } else if (!contains(rule.usable, bucket.owner)) {
            changes.buckets.push_back({i, bucket.owner, 0, bucket.history});
            emptied.push_back(bucket.owner);
        }
    }
    for (SlotId slot = 0; slot < XB_MAX_SLAVES; ++slot) {
        const std::uint64_t load = rule.all && slot == rule.active ? per_second(table.unbalanced) : 0;
        if ((rule.all || contains(emptied, slot)) && table.load.at(slot) != load) {
            changes.loads.emplace_back(slot, load);
        }
    }
    if (rule.all) {
        changes.unbalanced = table.unbalanced;
    }
}

} // namespace xbond::core::balance
