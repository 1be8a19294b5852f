// SPDX-License-Identifier: MIT
// The text files of /proc/net that netlink has no message for. Pure: text in, values out; lines that do not fit are
// passed over.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "user/sys/device/filter.h"
#include "user/sys/packet_socket.h"
#include "xbond/types.h"

namespace xbond::sys {

MulticastLists parse_dev_mcast(std::string_view text);
Ipv4Groups parse_igmp(std::string_view text, std::string_view ifname);
std::map<std::string, Ipv4Groups, std::less<>> parse_igmp(std::string_view text);
std::map<std::string, Ipv6Groups, std::less<>> parse_igmp6(std::string_view text);

} // namespace xbond::sys
