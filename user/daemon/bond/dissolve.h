// SPDX-License-Identifier: MIT
// The end of a bond that nobody controls, from its pins and its devices alone, and from what is saved of its slaves,
// where that can be read. Waits for RTNL: for hands.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "user/daemon/nic/slave_device.h"
#include "user/sys/netlink.h"

namespace xbond::daemon {

// Pins, hooks, slaves, then the device. Goes on after errors and returns the first one; what is not there is none.
Result<void> dissolve(sys::Netlink &, const std::filesystem::path &pin_dir, const std::string &name,
                      std::span<const SlaveOriginal> saved);

} // namespace xbond::daemon
