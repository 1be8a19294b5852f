// SPDX-License-Identifier: MIT
// Which slave would a frame take, and why: the data path's decision, made by the text that the BPF programs run
// (xbond/frame.h) over the published table. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "user/show/snapshot.h"

namespace xbond::show {

// {"bond","mode","policy","hash","table","index","slot","slave","sent_on","fallback","reason"}: null where the mode has
// no such thing. `slave` is the table's choice, `sent_on` lists who sends after the carrier check.
nlohmann::ordered_json explain_frame(const BondView &, std::span<const std::uint8_t> frame, std::uint16_t vlan_tci);

// Without a bond: {"policy","hash","slaves","index"} for a table of that many usable slaves (>= 1).
nlohmann::ordered_json explain_policy(HashPolicy, std::uint32_t slaves, std::span<const std::uint8_t> frame,
                                      std::uint16_t vlan_tci);

std::string explain_text(const nlohmann::ordered_json &explanation); // of either

} // namespace xbond::show
