// SPDX-License-Identifier: MIT
// The status as metrics, in the text format that Prometheus reads.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace xbond::show {

// Beside xbond's own the two that node_exporter has of the kernel's bonds, by its names: node_bonding_slaves and
// node_bonding_active.
std::string metrics_text(const nlohmann::ordered_json &status);

} // namespace xbond::show
