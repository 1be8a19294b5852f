// SPDX-License-Identifier: MIT
// The option table with a row that no revision has: whatever walks the rows must come upon it.
#pragma once

#include <vector>

#include "user/core/options/option_table.h"

namespace xbond::test {

// "spare" shares its member with min_links, as no other can be made here; everything else of it is its own.
inline std::vector<core::OptionRow> extended_table() {
    std::vector<core::OptionRow> rows(core::option_table().begin(), core::option_table().end());
    core::OptionRow spare = *core::find_option("min_links");
    spare.name = "spare";
    spare.alias = "extra_tyre";
    spare.values = "0..5";
    spare.range = {0, 5};
    spare.modes = core::lacp_modes;
    spare.needs_down = true;
    spare.storage.saved = "spare_count";
    spare.ip = {.form = core::IpForm::number, .key = "ad_spare", .behind = "miimon"};
    spare.help = "wheels that wait for their turn";
    rows.push_back(spare);
    return rows;
}

} // namespace xbond::test
