// SPDX-License-Identifier: MIT
// A file that is there whole, the old one or the new one, whatever fails and whenever the program dies.
#pragma once

#include <filesystem>
#include <string_view>

#include "xbond/result.h"

namespace xbond::sys {

enum class Durable { no, yes }; // survives a dying program; a dying machine too (fsync)

// Writes beside the file and renames. On an error the old file is as it was. Mode 0600.
Result<void> replace_file(const std::filesystem::path &, std::string_view text, Durable);

} // namespace xbond::sys
