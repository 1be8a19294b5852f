// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace xbond::harness {

[[noreturn]] inline void throw_errno(const std::string &what) {
    throw std::system_error(errno, std::generic_category(), what);
}

inline void check(bool ok, const std::string &what) { // throws with errno
    if (!ok) {
        throw_errno(what);
    }
}

} // namespace xbond::harness
