// SPDX-License-Identifier: MIT
// Devices are known by their numbers. Where the kernel takes a name, it is looked up at the last moment.
#pragma once

#include <cstdint>
#include <string>

namespace xbond::sys {

// The name that a device of this network namespace has now; empty: it has gone. Takes no lock that anybody holds for
// long.
std::string name_now(std::uint32_t ifindex);

} // namespace xbond::sys
