// SPDX-License-Identifier: MIT
// Whether XDP on a device sees the VLAN tags of all frames. What it redirects has no metadata: a tag that lies there is
// lost, and the frame would arrive in another VLAN. For hands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "user/daemon/hands.h"

namespace xbond::daemon {

class TagLooker {
public:
    // Why not, for people; empty: it sees them.
    std::string hidden(Hands::Tools &, std::uint32_t ifindex, const std::string &driver);

private:
    std::string hidden_by_sender(Hands::Tools &, std::uint32_t ifindex);

    std::map<std::int32_t, std::filesystem::path> seen_; // where other ends' network namespaces were found
};

} // namespace xbond::daemon
