// SPDX-License-Identifier: MIT
// Addresses of the slaves in modes balance-tlb and balance-alb: each has one of its own, the active one the
// bond's. Pure.
#pragma once

#include <span>

#include "user/core/link/slave.h"
#include "xbond/result.h"

namespace xbond::core::balance {

// What a new slave is given. EFAULT: its own is in use and there is no other.
Result<MacAddr> address_for(std::span<const Slave>, const MacAddr &bond_mac, const MacAddr &permanent);

// Who has the permanent address of a slave that leaves, if that is neither the slave itself nor the bond (then it is
// returned to it by a swap).
const Slave *borrower_of(std::span<const Slave>, const MacAddr &bond_mac, const Slave &leaving);

const Slave *holder_of(std::span<const Slave>, const MacAddr &);

} // namespace xbond::core::balance
