// SPDX-License-Identifier: MIT
// What happens to links and addresses in another network namespace, told in this one: nothing of that namespace is held
// open, since a descriptor or a socket in it would keep alive what somebody deletes.
#pragma once

#include <cstdint>
#include <functional>

#include "user/sys/netlink.h"

namespace xbond::daemon {

class NsidEvents {
public:
    // In the calling thread's network namespace; of any other for which that has an id. EPERM: without
    // CAP_NET_BROADCAST.
    static Result<NsidEvents> open();

    int fd() const { return fd_.get(); }
    // Those of the namespace with that id; an Overrun concerns every one.
    void drain(std::int32_t nsid, const std::function<void(sys::NetlinkEvent &&)> &);

private:
    Fd fd_;
};

} // namespace xbond::daemon
