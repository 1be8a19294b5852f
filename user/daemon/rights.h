// SPDX-License-Identifier: MIT
// What the program gives up once pins have their place: whoever got into it would have no more than it needs itself.
#pragma once

#include <span>
#include <string_view>

#include "xbond/result.h"

namespace xbond::daemon {

// All capabilities but those that a controller needs. Before any thread is started.
void drop_rights();

struct RefusedCall {
    std::string_view name;
    long number = 0;
};
std::span<const RefusedCall> refused_calls();

// From here on these fail with EPERM, in all threads and for good, and so does everything by another way into the
// kernel than this program's own (32-bit calls). The others are not listed: the C library and the kernel get new ones.
Result<void> confine();

} // namespace xbond::daemon
