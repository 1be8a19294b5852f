// SPDX-License-Identifier: MIT
// What a slave's hardware lets in: promiscuous and all-multicast flags and the multicast list. All of it is kept
// by the kernel and not by the life of a socket, so that a restart of the controller leaves a NIC's filters alone.
// Others set them, too: what was there before, or came by somebody else, is not ours, and stays.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "user/sys/netlink.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::sys {

struct MulticastEntry {
    MacAddr mac;
    bool administrative = false; // added by SIOCADDMULTI or `ip maddr add`
    bool operator==(const MulticastEntry &) const = default;
};

// By device, from /proc/thread-self/net/dev_mcast: it has those of all devices or none, and takes time where there are
// many. A device without entries is not in it.
using MulticastLists = std::map<std::string, std::vector<MulticastEntry>, std::less<>>;
std::string multicast_text(); // as the kernel prints it; empty: it could not be read
MulticastLists multicast_lists();
std::vector<MulticastEntry> multicast_list(std::string_view ifname, const MulticastLists & = multicast_lists());

// `own`: whether it was set by us. IFF_PROMISC, as `ip link set promisc`, and IFF_ALLMULTI. No other flag is written:
// somebody may be setting the device down at this moment.
Result<void> set_promisc(Netlink &, std::uint32_t ifindex, bool wanted, bool &own);
Result<void> set_allmulti(Netlink &, std::uint32_t ifindex, bool wanted, bool &own);

class DeviceFilter {
public:
    static Result<DeviceFilter> open();

    // The device's administrative list (`ip maddr`) gets what is wanted, and loses what is our `own` and is not;
    // addresses joined by sockets are not in it.
    Result<void> set_multicast(std::string_view ifname, std::span<const MacAddr> wanted, std::vector<MacAddr> &own,
                               const MulticastLists &present = multicast_lists()) const;

private:
    Fd fd_;
};

} // namespace xbond::sys
