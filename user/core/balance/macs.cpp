// SPDX-License-Identifier: MIT
#include "user/core/balance/macs.h"

#include <algorithm>

namespace xbond::core::balance {

const Slave *holder_of(std::span<const Slave> slaves, const MacAddr &mac) {
    const auto found = std::ranges::find(slaves, mac, &Slave::mac);
    return found == slaves.end() ? nullptr : &*found;
}

Result<MacAddr> address_for(std::span<const Slave> slaves, const MacAddr &bond_mac, const MacAddr &permanent) {
    const auto is_free = [&](const MacAddr &mac) { return mac != bond_mac && holder_of(slaves, mac) == nullptr; };
    if (slaves.empty() || is_free(permanent)) {
        return permanent;
    }
    for (const Slave &slave : slaves) {
        if (is_free(slave.perm_mac)) {
            return slave.perm_mac;
        }
    }
    if (holder_of(slaves, bond_mac) == nullptr) {
        return bond_mac;
    }
    return fail(EFAULT, "its address " + permanent.str() +
                            " is in use by another slave and no other is free; give the device another address first");
}

const Slave *borrower_of(std::span<const Slave> slaves, const MacAddr &bond_mac, const Slave &leaving) {
    if (leaving.perm_mac == leaving.mac || leaving.perm_mac == bond_mac) {
        return nullptr;
    }
    return holder_of(slaves, leaving.perm_mac);
}

} // namespace xbond::core::balance
