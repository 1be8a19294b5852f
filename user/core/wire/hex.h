// SPDX-License-Identifier: MIT
// Frames as hex text, as requests carry them and people paste them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "xbond/result.h"

namespace xbond::wire {

Result<std::vector<std::uint8_t>> parse_hex(std::string_view text); // blanks and ':' between bytes are skipped
std::string to_hex(std::span<const std::uint8_t> bytes);

} // namespace xbond::wire
