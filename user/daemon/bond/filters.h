// SPDX-License-Identifier: MIT
// What the slaves let in for the bond: promiscuous and all-multicast flags and multicast lists, each on top of what the
// slave had of its own.
#pragma once

#include <vector>

#include "user/core/bond/desired.h"
#include "user/daemon/bond/bond_device.h"
#include "user/daemon/bond/slave_device.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

// `originals`: what the slaves' own filters were. Failures are logged only: a slave may be going at this moment.
void sync_filters(Host &, const BondDevice &, const std::vector<SlaveOriginal> &originals, const core::Desired &,
                  const sys::MulticastLists &);

} // namespace xbond::daemon
