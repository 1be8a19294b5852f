// SPDX-License-Identifier: MIT
// `xbond import`: reads files below a root, asks no daemon, changes nothing.
#pragma once

#include "user/cli/command.h"

namespace xbond::cli {

// As JSON: config and notes on standard output. Else the config there, and the notes on standard error.
Result<void> import_files(const ImportFiles &, bool json, bool pretty);

} // namespace xbond::cli
