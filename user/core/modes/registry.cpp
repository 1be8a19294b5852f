// SPDX-License-Identifier: MIT
#include "user/core/modes/registry.h"

namespace xbond::core {

const ModePolicy *find_mode_policy(Mode mode) {
    for (const ModePolicy *policy :
         {&round_robin_policy(), &active_backup_policy(), &balance_xor_policy(), &broadcast_policy(),
          &ieee8023ad_policy(), &balance_tlb_policy(), &balance_alb_policy()}) {
        if (policy->traits().mode == mode) {
            return policy;
        }
    }
    return nullptr;
}

} // namespace xbond::core
