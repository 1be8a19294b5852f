// SPDX-License-Identifier: MIT
// Mode 0, balance-rr (`select.mode`): the data path counts over all positions; a position whose slave cannot transmit
// stands for the next one that can.
#include "user/core/modes/registry.h"

namespace xbond::core {
namespace {

class RoundRobin final : public ModePolicy {
public:
    RoundRobin() : ModePolicy(Mode::round_robin) {}

    std::vector<SlotId> pick(const ModeView &view) const override {
        const auto &slaves = view.slaves;
        std::vector<SlotId> positions;
        for (std::size_t i = 0; i < slaves.size(); ++i) {
            for (std::size_t step = 0; step < slaves.size(); ++step) {
                const Slave &candidate = slaves[(i + step) % slaves.size()];
                if (candidate.can_tx()) {
                    positions.push_back(candidate.slot);
                    break;
                }
            }
        }
        return positions;
    }

    FallbackTable fallback(const ModeView &view) const override { return usable_ring(view.slaves); }
};

} // namespace

const ModePolicy &round_robin_policy() {
    static const RoundRobin policy;
    return policy;
}

} // namespace xbond::core
