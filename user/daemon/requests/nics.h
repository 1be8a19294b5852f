// SPDX-License-Identifier: MIT
// The devices of the namespace as the config's slaves see them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "user/api/protocol.h"
#include "user/daemon/hands.h"
#include "user/sys/link_info.h"

namespace xbond::daemon {

struct FoundNic {
    sys::LinkInfo link;
    api::Nic nic;
    std::string bond; // whose slave it is; empty: no bond's
};

// For hands: asks for RTNL, and with `details`, drivers and paths, each driver.
std::vector<FoundNic> list_nics(Hands::Tools &, bool details);

bool needs_details(const api::Config &); // a slave of it is known by its driver or its path

} // namespace xbond::daemon
