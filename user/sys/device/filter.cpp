// SPDX-License-Identifier: MIT
#include "user/sys/device/filter.h"

#include <algorithm>
#include <cstring>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "user/sys/io.h"
#include "user/sys/proc_net.h"

namespace xbond::sys {
namespace {

ifreq request_for(std::string_view ifname) {
    ifreq request{};
    ifname.copy(request.ifr_name, IFNAMSIZ - 1);
    return request;
}

Result<void> set_flag(Netlink &netlink, std::uint32_t ifindex, std::uint32_t flag, bool wanted, bool &own) {
    if (!wanted && !own) {
        return {};
    }
    XB_TRY(link, netlink.link(ifindex));
    if (((link->flags & flag) != 0) != wanted) {
        LinkChange change;
        change.mask = flag;
        change.flags = wanted ? flag : 0;
        XB_TRY_VOID(netlink.change_link(ifindex, change));
        own = wanted;
    }
    own = own && wanted;
    return {};
}

} // namespace

Result<void> set_promisc(Netlink &netlink, std::uint32_t ifindex, bool wanted, bool &own) {
    return set_flag(netlink, ifindex, IFF_PROMISC, wanted, own);
}

Result<void> set_allmulti(Netlink &netlink, std::uint32_t ifindex, bool wanted, bool &own) {
    return set_flag(netlink, ifindex, IFF_ALLMULTI, wanted, own);
}

Result<DeviceFilter> DeviceFilter::open() {
    DeviceFilter filter;
    filter.fd_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!filter.fd_) {
        return fail_errno("cannot open a socket");
    }
    return filter;
}

Result<void> DeviceFilter::set_multicast(std::string_view ifname, std::span<const MacAddr> wanted,
                                         std::vector<MacAddr> &own, const MulticastLists &lists) const {
    Result<void> first;
    const auto change = [&](unsigned long what, const MacAddr &mac) {
        auto request = request_for(ifname);
        request.ifr_hwaddr.sa_family = AF_UNSPEC;
        std::memcpy(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
        const bool done = ::ioctl(fd_.get(), what, &request) == 0;
        if (!done && first) {
            first = fail_errno("cannot change the multicast list of " + std::string(ifname));
        }
        return done;
    };
    const auto entries = multicast_list(ifname, lists);
    const auto is_there = [&](const MacAddr &mac) {
        return std::ranges::find(entries, MulticastEntry{mac, true}) != entries.end();
    };
    std::vector<MacAddr> kept;
    for (const auto &mac : own) {
        const bool needed = std::ranges::find(wanted, mac) != wanted.end();
        if (is_there(mac) && (needed || !change(SIOCDELMULTI, mac))) {
            kept.push_back(mac);
        }
    }
    for (const auto &mac : wanted) {
        if (!is_there(mac) && std::ranges::find(kept, mac) == kept.end() && change(SIOCADDMULTI, mac)) {
            kept.push_back(mac);
        }
    }
    own = std::move(kept);
    return first;
}

std::string multicast_text() { return read_file("/proc/thread-self/net/dev_mcast").value_or(""); }

MulticastLists multicast_lists() { return parse_dev_mcast(multicast_text()); }

std::vector<MulticastEntry> multicast_list(std::string_view ifname, const MulticastLists &lists) {
    const auto found = lists.find(ifname);
    return found == lists.end() ? std::vector<MulticastEntry>() : found->second;
}

} // namespace xbond::sys
