// SPDX-License-Identifier: MIT
// The learning packet (`balance.learning`), from an address to itself: it shows a switch the port. Pure.
#pragma once

#include "user/core/wire/frame.h"

namespace xbond::wire {

Frame learning_packet(const MacAddr &mac, std::span<const VlanTag> tags);

} // namespace xbond::wire
