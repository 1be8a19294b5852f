// SPDX-License-Identifier: MIT
// The log on standard error. Whoever reads it may stall or go away: then lines are dropped and counted, and the program
// goes on. Any thread.
#pragma once

namespace xbond::daemon {

void start_log(); // makes it spdlog's default logger, and a broken pipe no signal

} // namespace xbond::daemon
