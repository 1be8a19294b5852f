// SPDX-License-Identifier: MIT
// The one list of the modes that this version has. A new mode: its file, a line in registry.cpp.
#pragma once

#include "user/core/modes/mode_policy.h"

namespace xbond::core {

const ModePolicy *find_mode_policy(Mode); // null: not in this version

const ModePolicy &round_robin_policy();
const ModePolicy &active_backup_policy();
const ModePolicy &balance_xor_policy();
const ModePolicy &broadcast_policy();
const ModePolicy &balance_tlb_policy();
const ModePolicy &balance_alb_policy();
const ModePolicy &ieee8023ad_policy();

} // namespace xbond::core
