// SPDX-License-Identifier: MIT
#include "user/daemon/host.h"

#include <sys/random.h>

namespace xbond::daemon {

Result<void> LinkTable::resync(sys::Netlink &netlink) {
    XB_TRY(links, netlink.links());
    XB_TRY_VOID(resync_addresses(netlink));
    links_.clear();
    for (auto &link : *links) {
        links_[link.ifindex] = std::move(link);
    }
    return {};
}

Result<void> LinkTable::resync_addresses(sys::Netlink &netlink) {
    XB_TRY(addresses, netlink.addresses());
    addresses_ = std::move(*addresses);
    return {};
}

const sys::LinkInfo *LinkTable::find(std::uint32_t ifindex) const {
    auto it = links_.find(ifindex);
    return it == links_.end() ? nullptr : &it->second;
}

const sys::LinkInfo *LinkTable::find(std::string_view name) const {
    for (const auto &[ifindex, link] : links_) {
        if (link.name == name) {
            return &link;
        }
    }
    return nullptr;
}

MacAddr random_mac() {
    MacAddr mac;
    while (getrandom(mac.bytes.data(), mac.bytes.size(), 0) != static_cast<ssize_t>(mac.bytes.size())) {}
    mac.bytes[0] = static_cast<std::uint8_t>((mac.bytes[0] & 0xfe) | 0x02);
    return mac;
}

} // namespace xbond::daemon
