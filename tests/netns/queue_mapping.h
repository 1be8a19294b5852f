// SPDX-License-Identifier: MIT
// A tcx program in front of the bond's that gives each outgoing frame a queue mapping, as `tc ... skbedit` does.
#pragma once

#include <cstdint>
#include <string>

#include "tests/harness/netns.h"

namespace xbond::harness {

class QueueMapping {
public:
    QueueMapping(const NetNs &ns, const std::string &ifname, std::uint16_t mapping); // until destroyed

private:
    Fd program_, link_;
};

} // namespace xbond::harness
