// SPDX-License-Identifier: MIT
// Mode 2, balance-xor (`select.mode`): the hash of a packet picks from the usable array (`select.usable`).
#include "user/core/modes/registry.h"

namespace xbond::core {
namespace {

class BalanceXor final : public ModePolicy {
public:
    BalanceXor() : ModePolicy(Mode::balance_xor) {}

    std::vector<SlotId> pick(const ModeView &view) const override { return usable_slots(view.slaves); }

    FallbackTable fallback(const ModeView &view) const override { return usable_ring(view.slaves); }

    bool ignores_updelay(const ModeView &view) const override { return usable_slots(view.slaves).empty(); }
};

} // namespace

const ModePolicy &balance_xor_policy() {
    static const BalanceXor policy;
    return policy;
}

} // namespace xbond::core
