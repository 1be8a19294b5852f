// SPDX-License-Identifier: MIT
// MAC addresses after enslavement (1.6): fail_over_mac, and the user's own changes.
#include "user/core/bond/step.h"

namespace xbond::core {

void Bond::set_slave_mac(Step &step, Slave &slave, const MacAddr &mac, const std::string &cause) {
    if (slave.mac == mac) {
        return;
    }
    step.effects.emplace_back(SetSlaveMac{slave.slot, mac});
    step.report("mac", slave.name, slave.mac.str(), mac.str(), cause);
    slave.mac = mac;
}

void Bond::set_bond_mac(Step &step, const MacAddr &mac, const std::string &cause) {
    if (mac_ == mac) {
        return;
    }
    step.effects.emplace_back(SetBondMac{mac});
    step.report("mac", "", mac_.str(), mac.str(), cause);
    mac_ = mac;
}

// After the flags were switched, only in modes whose address follows the active slave.
void Bond::move_address(Step &step, Slave *previous, Slave &now_active) {
    if (options_.fail_over_mac == FailOverMac::active) {
        set_bond_mac(step, now_active.mac, "fail_over_mac active");
    } else if (options_.fail_over_mac == FailOverMac::follow) {
        if (previous == nullptr) {
            const auto holder = std::ranges::find_if(
                slaves_, [&](const Slave &slave) { return slave.slot != now_active.slot && slave.mac == mac_; });
            previous = holder == slaves_.end() ? nullptr : &*holder;
        }
        const MacAddr former = now_active.mac;
        set_slave_mac(step, now_active, previous == nullptr ? mac_ : previous->mac, "fail_over_mac follow");
        if (previous != nullptr) {
            set_slave_mac(step, *previous, former, "fail_over_mac follow");
        }
    }
}

void Bond::on(const BondMacSet &event, Step &step) {
    if (event.mac == mac_) {
        return;
    }
    const bool ignored = slave_keeps_mac();
    if (ignored || !event.mac.is_valid_unicast()) {
        step.warn("address " + event.mac.str() + " of the bond is not taken over: " +
                  (ignored ? "with fail_over_mac " + std::string(core::name(options_.fail_over_mac)) +
                                 " the slaves decide on it"
                           : "it is no unicast address"));
        step.effects.emplace_back(SetBondMac{mac_});
        return;
    }
    if (policy().traits().balances_load) {
        balanced_address_set(step, event.mac);
    } else {
        for (Slave &slave : slaves_) {
            set_slave_mac(step, slave, event.mac, "bond address set by user");
        }
        set_bond_mac(step, event.mac, "set by user");
    }
    mac_is_random_ = false;
}

void Bond::on(const SlaveMacSet &event, Step &step) {
    Slave *slave = find(event.slot);
    if (slave != nullptr && slave->mac != event.mac) {
        step.report("mac", slave->name, slave->mac.str(), event.mac.str(), "changed outside xbond");
        slave->mac = event.mac;
    }
}

} // namespace xbond::core
