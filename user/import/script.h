// SPDX-License-Identifier: MIT
// Lines of boot scripts and hooks that load the driver, make bonds and enslave. They are read, never run.
#pragma once

#include "user/import/machine.h"
#include "user/import/syntax/shell.h"

namespace xbond::import {

// Reads one command into the draft. True: it is understood, nothing of it stays behind.
Result<bool> read_command(const ShellCommand &, const std::string &file, Draft &);

// A whole line of commands. True if all of them are.
Result<bool> read_commands(std::string_view text, const Place &, Draft &);

} // namespace xbond::import
