// SPDX-License-Identifier: MIT
// Two helpers that every adapter needs: errno to Error, and a whole file (of /proc) as text.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "xbond/result.h"

namespace xbond::sys {

inline std::string errno_text(int code) { return std::generic_category().message(code); }

// "<what>: <text of the errno>"
inline tl::unexpected<Error> fail_errno(std::string_view what, int code = errno) {
    return fail(code, std::string(what) + ": " + errno_text(code));
}

Result<std::string> read_file(const std::string &path);

} // namespace xbond::sys
