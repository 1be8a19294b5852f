// SPDX-License-Identifier: MIT
// Mode 4, 802.3ad (`select.mode`): as balance-xor, over the ports that send. The flags (`receive.flags`) are what LACP
// says of each port, and nothing else changes them: a port without link is not used whatever they are.
#include "user/core/modes/registry.h"

namespace xbond::core {
namespace {

class Ieee8023ad final : public ModePolicy {
public:
    Ieee8023ad() : ModePolicy(Mode::ieee8023ad) {}

    std::vector<SlotId> pick(const ModeView &view) const override { return usable_slots(view.slaves); }

    FallbackTable fallback(const ModeView &view) const override { return usable_ring(view.slaves); }

    void on_enslave(Slave &slave, bool all_active) const override { set_backup_flags(slave, all_active); }
    void on_link_up(Slave &) const override {}
    void on_arp_commit(Slave &) const override {}
    void on_bond_opened(Slave &, bool, bool) const override {}
};

} // namespace

const ModePolicy &ieee8023ad_policy() {
    static const Ieee8023ad policy;
    return policy;
}

} // namespace xbond::core
