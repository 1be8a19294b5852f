// SPDX-License-Identifier: MIT
// The devices of the namespace as the config's slaves see them.
#pragma once

#include <map>
#include <optional>
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

// For hands: without `links` asks the kernel for them, and with `details`, drivers and paths, each driver.
std::vector<FoundNic> list_nics(Hands::Tools &, std::optional<std::vector<sys::LinkInfo>> links, bool details);

bool needs_details(const api::Config &); // a slave of it is known by its driver or its path

} // namespace xbond::daemon
