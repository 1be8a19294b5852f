// SPDX-License-Identifier: MIT
// `xbond top`: pictures one after the other, on the whole terminal until q, or plainly where there is none.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "xbond/result.h"

namespace xbond::cli {

// `status` asks for a look. Without a terminal at the output: one picture with the rates of one interval.
Result<void> top(std::chrono::milliseconds interval, const std::function<Result<nlohmann::ordered_json>()> &status);

} // namespace xbond::cli
