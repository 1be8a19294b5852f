// SPDX-License-Identifier: MIT
#include "user/show/explain.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "user/core/modes/traits.h"
#include "user/core/options/targets.h"
#include "user/show/explain_table.h"
#include "user/show/render_util.h"
#include "xbond/hash.h"

namespace xbond::show {

using nlohmann::ordered_json;

namespace {

struct Choice {
    std::optional<std::uint32_t> hash, index;
    SlotId slot = no_slot;
    std::string reason;
};

std::string name_of(const BondView &bond, SlotId slot) {
    const auto *s = slave_in_slot(bond, slot);
    return s ? s->slave.name : "none";
}

Choice choose_round_robin(const BondView &bond, const ExplainTable &table, std::span<const std::uint8_t> frame) {
    if (const data_path::xb_frame view{frame, 0}; data_path::xb_is_igmp(&view)) {
        const SlotId slot = table.bank().igmp;
        return {{}, {}, slot, "IGMP goes out of the active slave, else the first usable one: " + name_of(bond, slot)};
    }
    const auto n = bond.options.packets_per_slave;
    const std::string who = n == 0   ? "a random number for each frame decides"
                            : n == 1 ? "the sending CPU's frame counter decides"
                                     : "the sending CPU's frame counter divided by " + std::to_string(n) + " decides";
    return {{}, {}, no_slot, "balance-rr does not look at the frame: " + who + ", modulo the table's length"};
}

Choice choose_by_hash(const BondView &bond, std::span<const std::uint8_t> frame, std::uint16_t vlan_tci) {
    const auto policy = bond.options.xmit_hash_policy;
    const auto hash = flow_hash(frame, vlan_tci, policy);
    if (bond.pick.empty()) {
        return {hash, {}, no_slot, "no slave is usable"};
    }
    const auto count = static_cast<std::uint32_t>(bond.pick.size());
    const auto index = data_path::xb_pick_index(count, hash);
    return {hash, index, bond.pick[index],
            std::string(core::policy_name(policy)) + " hash " + std::to_string(hash) + " mod " + std::to_string(count) +
                " = " + std::to_string(index)};
}

Choice choose_for_client(const BondView &bond, const ClientArp &arp) {
    const std::string client = "client " + core::ip_text(arp.client);
    return arp.slot == no_slot ? Choice{{}, {}, no_slot, client + " has no slave yet: it gets the next in turn"}
                               : Choice{{}, {}, arp.slot, client + " was given " + name_of(bond, arp.slot)};
}

Choice choose_balanced(const BondView &bond, const ExplainTable &table, std::span<const std::uint8_t> frame,
                       std::uint16_t vlan_tci) {
    const auto bucket = balance_bucket(bond.options, frame, vlan_tci);
    if (bucket && !bond.options.tlb_dynamic_lb) {
        return choose_by_hash(bond, frame, vlan_tci);
    }
    if (const auto arp = client_arp(bond, table, frame)) {
        return choose_for_client(bond, *arp);
    }
    if (!bucket) {
        return {{}, {}, bond.active, "not balanced: the current active slave sends it"};
    }
    const auto owner = bond.balance->buckets.at(*bucket).owner;
    const std::string which = "bucket " + std::to_string(*bucket);
    const auto hash = core::traits(bond.options.mode).buckets_by_destination
                          ? std::nullopt
                          : std::optional(flow_hash(frame, vlan_tci, bond.options.xmit_hash_policy));
    return owner == no_slot ? Choice{hash, bucket, no_slot, which + " has no slave yet: it gets the least loaded one"}
                            : Choice{hash, bucket, owner, which + " belongs to " + name_of(bond, owner)};
}

Choice choose(const BondView &bond, const ExplainTable &table, std::span<const std::uint8_t> frame,
              std::uint16_t vlan_tci) {
    if (bond.pick.empty()) {
        return {{}, {}, no_slot, "no slave is usable"};
    }
    if (core::traits(bond.options.mode).takes_turns) {
        return choose_round_robin(bond, table, frame);
    }
    if (bond.balance) {
        return choose_balanced(bond, table, frame, vlan_tci);
    }
    if (core::traits(bond.options.mode).has_primary) {
        return {{}, 0, bond.pick.front(), "the current active slave sends everything"};
    }
    return choose_by_hash(bond, frame, vlan_tci);
}

// The per-packet carrier check: the slave chosen, or the first on its chain of fallbacks that has carrier.
SlotId after_carrier_check(const BondView &bond, const ExplainTable &table, SlotId chosen, std::string &reason) {
    data_path::xb_links links = table.links;
    if (data_path::xb_link_carrier(&links, chosen)) {
        return chosen;
    }
    const auto sender = static_cast<SlotId>(data_path::xb_fallback(&links, &table.bank(), chosen));
    if (sender != no_slot) {
        reason += "; " + name_of(bond, chosen) + " has no carrier, the fallback " + name_of(bond, sender) + " sends";
        return sender;
    }
    const auto last = links.last_lost;
    const bool in_a_circle = last < XB_MAX_SLAVES && table.bank().slot[last].fallback < XB_MAX_SLAVES;
    if (!in_a_circle) {
        reason += "; no carrier there, and no fallback is published";
    }
    return chosen;
}

ordered_json name_or_null(const BondView &bond, SlotId slot) {
    return slave_in_slot(bond, slot) ? ordered_json(name_of(bond, slot)) : ordered_json();
}

template <typename T> ordered_json value_or_null(const std::optional<T> &value) {
    return value ? ordered_json(*value) : ordered_json();
}

std::string value_text(const ordered_json &value) {
    return value.is_string() ? value.get<std::string>() : value.is_null() ? "-" : value.dump();
}

} // namespace

ordered_json explain_frame(const BondView &bond, std::span<const std::uint8_t> frame, std::uint16_t vlan_tci) {
    const core::ModeTraits &traits = core::traits(bond.options.mode);
    const bool hashes =
        traits.picks_by_hash(bond.options.tlb_dynamic_lb) || (traits.balances_load && !traits.buckets_by_destination);
    auto pick = ordered_json::array(), sent_on = ordered_json::array();
    for (const auto slot : bond.pick) {
        pick.push_back(name_or_null(bond, slot));
    }
    Choice choice;
    SlotId sender = no_slot;
    if (traits.sends_on_all) {
        choice.reason = "broadcast: a copy out of every slave whose link is up";
        for (const auto &name : pick) {
            if (!name.is_null()) {
                sent_on.push_back(name);
            }
        }
    } else {
        const ExplainTable table(bond);
        choice = choose(bond, table, frame, vlan_tci);
        if (choice.slot != no_slot) {
            sender = after_carrier_check(bond, table, choice.slot, choice.reason);
            sent_on.push_back(name_of(bond, sender));
        }
    }
    return {{"bond", bond.name},
            {"mode", core::mode_name(bond.options.mode)},
            {"policy", hashes ? ordered_json(core::policy_name(bond.options.xmit_hash_policy)) : ordered_json()},
            {"hash", value_or_null(choice.hash)},
            {"table", pick},
            {"index", value_or_null(choice.index)},
            {"slot", choice.slot == no_slot ? ordered_json() : ordered_json(choice.slot)},
            {"slave", name_or_null(bond, choice.slot)},
            {"sent_on", sent_on},
            {"fallback", sender != choice.slot},
            {"reason", choice.reason}};
}

ordered_json explain_policy(HashPolicy policy, std::uint32_t slaves, std::span<const std::uint8_t> frame,
                            std::uint16_t vlan_tci) {
    const auto hash = flow_hash(frame, vlan_tci, policy);
    return {{"policy", core::policy_name(policy)}, {"hash", hash}, {"slaves", slaves}, {"index", hash % slaves}};
}

std::string explain_text(const ordered_json &explanation) {
    std::string out;
    for (const auto &[key, value] : explanation.items()) {
        std::string text = value_text(value);
        if (value.is_array()) {
            text.clear();
            for (const auto &item : value) {
                text += (text.empty() ? "" : " ") + value_text(item);
            }
        }
        out += key + std::string(key.size() < 9 ? 9 - key.size() : 1, ' ') + text + "\n";
    }
    return out;
}

} // namespace xbond::show
