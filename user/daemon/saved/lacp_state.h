// SPDX-License-Identifier: MIT
// The variables of LACP on disk, a file a bond. Written after every PDU, so that a controller that follows
// finds the partner's deadlines as they are; not synced: it is for a controller that dies, not for a machine that does.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "user/core/lacp/state.h"
#include "xbond/result.h"

namespace xbond::daemon {

std::string text_of(const lacp::SystemState &);
std::filesystem::path lacp_file(const std::filesystem::path &dir, const std::string &bond);
Result<void> save_lacp(const std::filesystem::path &dir, const std::string &bond, const lacp::SystemState &);
// Nothing when there is none; EINVAL when it cannot be understood. The options are not in it: the bond has them.
Result<std::optional<lacp::SystemState>> load_lacp(const std::filesystem::path &dir, const std::string &bond);

} // namespace xbond::daemon
