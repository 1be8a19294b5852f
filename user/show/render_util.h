// SPDX-License-Identifier: MIT
// Small questions that more than one renderer asks of a bond.
#pragma once

#include <string>

#include "user/show/snapshot.h"

namespace xbond::show {

const SlaveView *slave_in_slot(const BondView &, SlotId); // null: no such slave, or no_slot
xb_counters bond_counters(const BondView &);              // sums over the slaves, plus the bond's own entry

} // namespace xbond::show
