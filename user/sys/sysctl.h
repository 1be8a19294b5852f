// SPDX-License-Identifier: MIT
// Per-interface sysctls below /proc/sys/net of the calling thread's network namespace.
#pragma once

#include <string>
#include <string_view>

#include "xbond/result.h"

namespace xbond::sys {

// path such as "ipv4/conf/eth0/arp_ignore". ENOENT where the kernel lacks it (IPv6 off).
Result<std::string> read_sysctl(std::string_view path);
Result<void> write_sysctl(std::string_view path, std::string_view value);

} // namespace xbond::sys
