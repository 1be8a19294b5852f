// SPDX-License-Identifier: MIT
// Mode 3, broadcast (`select.mode`): every slave that is up gets a copy; the backup flag is not consulted.
#include "user/core/modes/registry.h"

namespace xbond::core {
namespace {

class Broadcast final : public ModePolicy {
public:
    Broadcast() : ModePolicy(Mode::broadcast) {}

    std::vector<SlotId> pick(const ModeView &view) const override {
        std::vector<SlotId> positions;
        bool any = false;
        for (const Slave &slave : view.slaves) {
            const bool sends = slave.ready() && slave.link == Link::up;
            positions.push_back(sends ? slave.slot : no_slot);
            any = any || sends;
        }
        return any ? positions : std::vector<SlotId>{};
    }

    FallbackTable fallback(const ModeView &) const override { return no_fallback(); }
};

} // namespace

const ModePolicy &broadcast_policy() {
    static const Broadcast policy;
    return policy;
}

} // namespace xbond::core
