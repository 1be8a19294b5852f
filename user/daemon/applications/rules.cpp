// SPDX-License-Identifier: MIT
#include "user/daemon/applications/rules.h"

#include <algorithm>
#include <iterator>

namespace xbond::daemon {
namespace {

// Told apart by the data path, which knows no names.
std::uint32_t hash_of(const std::string &group) {
    constexpr std::uint32_t basis = 0x811c9dc5, prime = 0x01000193; // FNV-1a
    std::uint32_t hash = basis;
    for (const char c : group) {
        hash = (hash ^ static_cast<unsigned char>(c)) * prime;
    }
    return hash;
}

} // namespace

xb_xsk_rule encode(const core::XskRule &rule) {
    xb_xsk_rule out{};
    out.fields = XB_RULE_IN_USE;
    out.group = hash_of(rule.group);
    if (rule.vlan) {
        out.fields |= XB_RULE_VLAN;
        out.vlan = *rule.vlan;
    }
    if (rule.ethertype) {
        out.fields |= XB_RULE_ETHERTYPE;
        out.ethertype = XB_BE16(*rule.ethertype);
    }
    if (rule.mac) {
        out.fields |= XB_RULE_MAC;
        std::ranges::copy(rule.mac->bytes, std::begin(out.mac));
    }
    if (rule.protocol) {
        out.fields |= XB_RULE_PROTOCOL;
        out.protocol = *rule.protocol;
    }
    if (rule.src) {
        out.fields |= XB_RULE_SRC;
        out.src_first = rule.src->first;
        out.src_last = rule.src->second;
    }
    if (rule.dst) {
        out.fields |= XB_RULE_DST;
        out.dst_first = rule.dst->first;
        out.dst_last = rule.dst->second;
    }
    if (rule.queue) {
        out.fields |= XB_RULE_QUEUE;
        out.queue = *rule.queue;
    }
    return out;
}

std::vector<xb_xsk_rule> encode(std::span<const core::XskRule> rules) {
    std::vector<xb_xsk_rule> out;
    std::ranges::transform(rules, std::back_inserter(out), [](const core::XskRule &rule) { return encode(rule); });
    return out;
}

} // namespace xbond::daemon
