// SPDX-License-Identifier: MIT
// Mode 1, active-backup (`select.mode`): everything leaves on the active slave, whatever its link state.
#include "user/core/modes/preference.h"
#include "user/core/modes/registry.h"

namespace xbond::core {
namespace {

class ActiveBackup final : public ModePolicy {
public:
    ActiveBackup() : ModePolicy(Mode::active_backup) {}

    std::vector<SlotId> pick(const ModeView &view) const override {
        return view.active == nullptr ? std::vector<SlotId>{} : std::vector<SlotId>{view.active->slot};
    }

    // The order in which selection would choose if the active slave failed. Not with a downdelay or while another
    // monitor may keep the slave up, where the user asked to wait, and not without the MII monitor, to which carrier
    // is all (`mii.none`).
    FallbackTable fallback(const ModeView &view) const override {
        FallbackTable table = no_fallback();
        const Options &options = view.options;
        const bool another = options.monitors == Monitors::any && options.arp_interval_ms > 0;
        if (view.active == nullptr || options.miimon_ms == 0 || options.downdelay_ticks > 0 || another) {
            return table;
        }
        SlotId last = view.active->slot;
        for (const Slave *next : by_preference(view.slaves, view.primary)) {
            if (next != view.active && next->ready()) {
                table.at(last) = next->slot;
                last = next->slot;
            }
        }
        return table;
    }

    bool ignores_updelay(const ModeView &view) const override { return view.active == nullptr; }

    void on_enslave(Slave &slave, bool all_active) const override { set_backup_flags(slave, all_active); }
    void on_link_up(Slave &) const override {}
    void on_link_down(Slave &slave, bool all_active) const override { set_backup_flags(slave, all_active); }
    void on_arp_commit(Slave &) const override {}
    void on_became_active(Slave &slave) const override { set_active_flags(slave); }
    void on_stopped_active(Slave &slave, bool all_active) const override { set_backup_flags(slave, all_active); }
    void on_bond_opened(Slave &slave, bool is_active, bool all_active) const override {
        if (is_active) {
            set_active_flags(slave);
        } else {
            set_backup_flags(slave, all_active);
        }
    }
};

} // namespace

const ModePolicy &active_backup_policy() {
    static const ActiveBackup policy;
    return policy;
}

} // namespace xbond::core
