// SPDX-License-Identifier: MIT
// The status for Prometheus, over HTTP: on a port of the loopback interface or on a unix socket. Off unless asked for,
// in a process of its own: who scrapes slowly keeps nobody waiting but himself.
#pragma once

#include <functional>
#include <string>

#include "xbond/result.h"

namespace xbond::cli {

// ADDRESS:PORT, [ADDRESS]:PORT, of the loopback interface only, or unix:PATH. Checked without opening anything.
Result<void> check_listen(const std::string &where);

// Serves GET /metrics for ever; `page` makes the text, and where it cannot the answer is 503.
Result<void> serve_metrics(const std::string &where, const std::function<Result<std::string>()> &page);

} // namespace xbond::cli
