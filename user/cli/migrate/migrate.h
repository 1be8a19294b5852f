// SPDX-License-Identifier: MIT
// `xbond migrate`: a bond of the kernel becomes one of xbond's, or back, with all that it has, under traffic.
#pragma once

#include <iosfwd>

#include "user/cli/command.h"
#include "user/cli/ifenslave.h"

namespace xbond::cli {

// Says what it is going to do, does it unless it is a dry run, and says what was lost. What fails is undone.
Result<void> migrate_bond(const Migrate &, const Call &, std::ostream &out, std::ostream &notes);

} // namespace xbond::cli
