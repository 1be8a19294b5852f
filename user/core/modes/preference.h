// SPDX-License-Identifier: MIT
// The order of preference among slaves: what selection and the published fallback share. Internal to user/core.
#pragma once

#include <span>
#include <vector>

#include "user/core/link/slave.h"

namespace xbond::core {

// Slaves with link UP: the primary, then by prio, earliest in the list on ties.
std::vector<const Slave *> by_preference(std::span<const Slave>, const Slave *primary);

} // namespace xbond::core
