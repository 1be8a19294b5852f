// SPDX-License-Identifier: MIT
// Mode 6, balance-alb: as balance-tlb, and neighbours are given slaves to send to, which therefore receive
// unicast all of them.
#include "user/core/modes/balance_tlb.h"
#include "user/core/modes/registry.h"

namespace xbond::core {
namespace {

class BalanceAlb final : public BalanceTlb {
public:
    BalanceAlb() : BalanceTlb(Mode::balance_alb) {}
};

} // namespace

const ModePolicy &balance_alb_policy() {
    static const BalanceAlb policy;
    return policy;
}

} // namespace xbond::core
