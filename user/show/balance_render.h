// SPDX-License-Identifier: MIT
// Load balancing (modes balance-tlb and balance-alb) in the status JSON. Internal to user/control.
#pragma once

#include <nlohmann/json.hpp>

#include "user/show/snapshot.h"

namespace xbond::show {

nlohmann::ordered_json balance_json(const BondView &); // of the bond; it has `balance`
nlohmann::ordered_json slave_balance_json(const BondView &, const SlaveView &);

} // namespace xbond::show
