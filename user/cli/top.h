// SPDX-License-Identifier: MIT
// What is shown over and over: `xbond top`, on the whole terminal until q, or plainly where there is none; and
// `xbond status --watch`, until it is interrupted or nobody reads any more.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "xbond/result.h"

namespace xbond::cli {

// `status` asks for a look. Without a terminal at the output: one picture with the rates of one interval.
Result<void> top(std::chrono::milliseconds interval, const std::function<Result<nlohmann::ordered_json>()> &status);

// `print` writes a look to std::cout. The first one must succeed; later a daemon that is being replaced is waited for,
// and told of on stderr. A bond that has gone ends it.
Result<void> watch_status(std::chrono::milliseconds interval,
                          const std::function<Result<nlohmann::ordered_json>()> &status,
                          const std::function<void(const nlohmann::ordered_json &)> &print);

} // namespace xbond::cli
