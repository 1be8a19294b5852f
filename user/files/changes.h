// SPDX-License-Identifier: MIT
// What somebody writes into a file, carried out. Its errno is the kernel's.
#pragma once

#include <string>

#include "user/files/source.h"

namespace xbond::files {

Result<void> change_masters(Source &, const std::string &text); // "+bond1", "-bond1"
Result<void> change_bond(Source &, const std::string &bond, const std::string &attribute, const std::string &text);

} // namespace xbond::files
