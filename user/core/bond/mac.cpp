// SPDX-License-Identifier: MIT
// MAC addresses after enslavement (`address.fail_over_mac`, `address.set_by_user`).
#include "user/core/bond/step.h"

namespace xbond::core {

void set_slave_mac(Step &step, Slave &slave, const MacAddr &mac, const std::string &cause) {
    if (slave.mac == mac) {
        return;
    }
    step.effects.emplace_back(SetSlaveMac{slave.slot, mac, step.put_back});
    step.report("mac", slave.name, slave.mac.str(), mac.str(), cause);
    slave.mac = mac;
}

void set_bond_mac(BondState &bond, Step &step, const MacAddr &mac, const std::string &cause) {
    if (bond.mac == mac) {
        return;
    }
    step.effects.emplace_back(SetBondMac{mac});
    step.report("mac", "", bond.mac.str(), mac.str(), cause);
    bond.mac = mac;
}

// After the flags were switched, only in modes whose address follows the active slave.
void move_address(BondState &bond, Step &step, Slave *previous, Slave &now_active) {
    if (bond.options.fail_over_mac == FailOverMac::active) {
        set_bond_mac(bond, step, now_active.mac, "fail_over_mac active");
    } else if (bond.options.fail_over_mac == FailOverMac::follow) {
        if (previous == nullptr) {
            const auto holder = std::ranges::find_if(bond.slaves, [&](const Slave &slave) {
                return slave.slot != now_active.slot && slave.mac == bond.mac;
            });
            previous = holder == bond.slaves.end() ? nullptr : &*holder;
        }
        const MacAddr former = now_active.mac;
        set_slave_mac(step, now_active, previous == nullptr ? bond.mac : previous->mac, "fail_over_mac follow");
        if (previous != nullptr) {
            set_slave_mac(step, *previous, former, "fail_over_mac follow");
        }
    }
}

namespace {

void give_address(BondState &bond, Step &step, const MacAddr &mac) {
    if (policy(bond).traits().balances_load) {
        balanced_address_set(bond, step, mac);
    } else {
        for (Slave &slave : bond.slaves) {
            set_slave_mac(step, slave, mac, "bond address set by user");
        }
        set_bond_mac(bond, step, mac, "set by user");
    }
}

} // namespace

void on(BondState &bond, const BondMacSet &event, Step &step) {
    if (event.mac == bond.mac) {
        return;
    }
    const bool ignored = slave_keeps_mac(bond);
    if (ignored || !event.mac.is_valid_unicast()) {
        step.warn("address " + event.mac.str() + " of the bond is not taken over: " +
                  (ignored ? "with fail_over_mac " + std::string(core::name(bond.options.fail_over_mac)) +
                                 " the slaves decide on it"
                           : "it is no unicast address"));
        step.effects.emplace_back(SetBondMac{bond.mac});
        return;
    }
    step.put_back = bond.mac;
    give_address(bond, step, event.mac);
    bond.mac_is_random = false;
}

void on(BondState &bond, const MacRefused &event, Step &step) {
    if (event.asked.put_back && event.asked.put_back != bond.mac) {
        give_address(bond, step, *event.asked.put_back);
    }
}

void on(BondState &bond, const SlaveMacSet &event, Step &step) {
    Slave *slave = find_slave(bond, event.slot);
    if (slave != nullptr && slave->mac != event.mac) {
        step.report("mac", slave->name, slave->mac.str(), event.mac.str(), "changed outside xbond");
        slave->mac = event.mac;
    }
}

} // namespace xbond::core
