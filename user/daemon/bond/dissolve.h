// SPDX-License-Identifier: MIT
// The end of a bond that nobody controls, from its pins and its devices alone, and from what is saved of its slaves,
// where that can be read. Waits for RTNL: for hands.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "user/daemon/nic/slave_device.h"
#include "user/daemon/saved/saved_state.h"
#include "user/sys/netlink.h"

namespace xbond::daemon {

struct SavedOthers { // what its devices were, as far as it is on record
    std::vector<SlaveOriginal> slaves;
    std::vector<SavedPort> ports;
};

// Pins, hooks, ports, slaves, then the device. Goes on after errors and returns the first one; what is not there is
// none.
Result<void> dissolve(sys::Netlink &, const std::filesystem::path &pin_dir, const std::string &name,
                      const SavedOthers &saved);

} // namespace xbond::daemon
