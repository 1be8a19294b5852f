// SPDX-License-Identifier: MIT
// Mode 802.3ad, for machines and for people. The texts come from the JSON, so that both agree.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "user/show/snapshot.h"

namespace xbond::show {

// What LACP shows. Of a bond that has a LacpView.
nlohmann::ordered_json lacp_system_json(const BondView &);
nlohmann::ordered_json aggregators_json(const BondView &);
nlohmann::ordered_json lacp_port_json(const BondView &, SlotId); // null: no such port
nlohmann::ordered_json lacp_json(const BondView &);              // all of it
std::string lacp_text(const nlohmann::ordered_json &lacp);       // in the manner of `ovs-appctl lacp/show`

// One object a frame, oldest first.
nlohmann::ordered_json lacp_history_json(const LacpHistory &);
std::string lacp_history_text(const nlohmann::ordered_json &history);
// A capture of the history in pcap's format, with times in nanoseconds. `boot`: the wall clock's time of boot in ns.
// Throws nlohmann's exceptions on what is no history.
std::vector<std::uint8_t> lacp_history_pcap(const nlohmann::ordered_json &history, std::int64_t boot);

} // namespace xbond::show
