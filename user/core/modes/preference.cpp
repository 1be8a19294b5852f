// SPDX-License-Identifier: MIT
#include "user/core/modes/preference.h"

#include <algorithm>

namespace xbond::core {

std::vector<const Slave *> by_preference(std::span<const Slave> slaves, const Slave *primary) {
    std::vector<const Slave *> order;
    for (const Slave &slave : slaves) {
        if (slave.link == Link::up) {
            order.push_back(&slave);
        }
    }
    std::ranges::stable_sort(order, [&](const Slave *a, const Slave *b) {
        if (a == primary || b == primary) {
            return a == primary && b != primary;
        }
        return a->prio > b->prio;
    });
    return order;
}

} // namespace xbond::core
