// SPDX-License-Identifier: MIT
// Lists of links that the command line itself makes, of what the daemon tells: what `link show` leaves out, and `link
// xstats`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "user/cli/command.h"

namespace xbond::cli {

nlohmann::ordered_json filtered(const nlohmann::ordered_json &links, const ShowFilter &);

// As `ip -j link xstats` has it: what LACP has counted for each bond, or each slave. ENODEV: the device is none.
Result<nlohmann::ordered_json> link_xstats(const nlohmann::ordered_json &status, const Xstats &);
std::string link_xstats_text(const nlohmann::ordered_json &);
int xstats(const Invocation &, const Xstats &); // an ExitCode

} // namespace xbond::cli
