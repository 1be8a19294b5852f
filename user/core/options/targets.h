// SPDX-License-Identifier: MIT
// Lists of ARP and NS targets as users type and read them (`option.targets`).
#pragma once

#include <string>
#include <string_view>

#include "user/core/options/options.h"
#include "xbond/result.h"

namespace xbond::core {

// "a,b,..." replaces the list, "" empties it, "+a" adds, "-a" removes (arp_ip_target only, like sysfs).
Result<void> set_arp_targets(Options &, std::string_view text);
Result<void> set_ns_targets(Options &, std::string_view text);
std::string ip_text(const std::vector<Ipv4Addr> &); // comma separated
std::string ip_text(const std::vector<Ipv6Addr> &);

std::optional<Ipv4Addr> parse_ipv4(std::string_view); // a.b.c.d
std::optional<Ipv6Addr> parse_ipv6(std::string_view); // RFC 4291 2.2, without zone
std::string ip_text(const Ipv4Addr &);
std::string ip_text(const Ipv6Addr &); // RFC 5952

} // namespace xbond::core
