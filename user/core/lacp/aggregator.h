// SPDX-License-Identifier: MIT
// What follows from the variables: figures of an aggregator, data-path sets, carrier.
#pragma once

#include <cstdint>

#include "user/core/lacp/state.h"

namespace xbond::lacp {

struct Figures {
    std::uint32_t ports = 0;
    std::uint32_t up_ports = 0;     // with link: "Number of ports" of /proc
    std::uint32_t live_ports = 0;   // with link and not looped
    std::uint32_t usable_ports = 0; // that distribute
    std::uint64_t bandwidth_mbps = 0;
    std::uint64_t port_priority_sum = 0;
};
Figures figures_of(const SystemState &, const Aggregator &);

bool collecting(const SystemState &, const Port &);
bool distributing(const SystemState &, const Port &);
// Distributing, and its partner collects, unless no other one's does: the coupled machine goes on where the partner has
// expired us, and what is sent there is lost.
bool sending(const SystemState &, const Port &);
bool carrier(const SystemState &);

} // namespace xbond::lacp
