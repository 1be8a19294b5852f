// SPDX-License-Identifier: MIT
// Carries a parsed command out.
#pragma once

#include "user/cli/command.h"

namespace xbond::cli {

int run(const Invocation &); // an ExitCode; prints results on stdout, errors on stderr

} // namespace xbond::cli
