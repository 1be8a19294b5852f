// SPDX-License-Identifier: MIT
// The rules of the option xsk_allow: which frames the members of a group may take by AF_XDP sockets.
//   group quant match udp dst 4789; group dpi match vlan 7 queue 2
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "user/core/options/options.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::core {

// What is set has to fit; nothing set: all frames.
struct XskRule {
    using Ports = std::pair<std::uint16_t, std::uint16_t>; // first, last

    std::string group; // name or number
    std::optional<std::uint16_t> vlan, ethertype, queue;
    std::optional<MacAddr> mac; // destination
    std::optional<std::uint8_t> protocol;
    std::optional<Ports> src, dst;

    bool operator==(const XskRule &) const = default;
    bool same_match(const XskRule &) const;
};

Result<XskRule> parse_xsk_rule(std::string_view text);
Result<std::vector<XskRule>> parse_xsk_rules(std::string_view text);
std::string text(const XskRule &); // as it is parsed
std::string match_text(const XskRule &);

// "rule; rule" replaces all, "" removes all, "+rule" adds one, "-rule" removes one.
Result<void> set_xsk_rules(Options &, std::string_view text);

} // namespace xbond::core
