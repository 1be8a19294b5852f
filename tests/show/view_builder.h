// SPDX-License-Identifier: MIT
// The bond that the renderers' golden texts show: two slaves, as ip and /proc showed a kernel bond of that shape in the
// VM lab (6.12.117, iproute2 6.1).
#pragma once

#include "user/show/snapshot.h"

namespace xbond::test {

sys::LinkInfo device(const std::string &name, std::uint32_t ifindex, const char *mac);
show::BondView bond_view(Mode mode); // bond0 over v0 (active where the mode has one) and v1, both up
show::Snapshot snapshot_of(show::BondView);

} // namespace xbond::test
