// SPDX-License-Identifier: MIT
#include "user/sys/device/name.h"

#include <array>
#include <net/if.h>

namespace xbond::sys {

std::string name_now(std::uint32_t ifindex) {
    std::array<char, IF_NAMESIZE> name{};
    return ::if_indextoname(ifindex, name.data()) != nullptr ? name.data() : "";
}

} // namespace xbond::sys
