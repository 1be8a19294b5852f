// SPDX-License-Identifier: MIT
#include "user/daemon/hands.h"

namespace xbond::daemon {

Result<std::unique_ptr<Hands>> Hands::open(sys::EventLoop &loop) {
    auto netlink = sys::Netlink::open();
    auto ethtool = sys::Ethtool::open();
    auto filter = sys::DeviceFilter::open();
    for (const Error *error : {netlink ? nullptr : &netlink.error(), ethtool ? nullptr : &ethtool.error(),
                               filter ? nullptr : &filter.error()}) {
        if (error != nullptr) {
            return tl::unexpected(*error);
        }
    }
    return std::unique_ptr<Hands>(new Hands(loop, Tools{std::move(*netlink), std::move(*ethtool), std::move(*filter)}));
}

} // namespace xbond::daemon
