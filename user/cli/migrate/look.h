// SPDX-License-Identifier: MIT
// What there is to migrate: a bond of the kernel by sysfs and rtnetlink, or one of xbondd by its status.
#pragma once

#include <nlohmann/json.hpp>

#include "user/cli/ifenslave.h"
#include "user/cli/migrate/plan.h"
#include "user/cli/migrate/rtnl.h"
#include "user/sys/netlink.h"

namespace xbond::cli::migrate {

Result<Snapshot> look(const std::string &bond, Side from, const Call &, Rtnl &, sys::Netlink &);

std::string sysfs_text(const std::string &path); // below /sys/class/net/, without its newline; empty: not there
// The bond of that name in the daemon's status; null: it has none.
Result<nlohmann::ordered_json> status_of(const std::string &bond, const Call &);

} // namespace xbond::cli::migrate
