// SPDX-License-Identifier: MIT
// The lease under which the data path of mode 802.3ad sends: renewed four times over while the controller runs. When it
// is over nothing is sent, so that the partners' switches do not lose what a port sends that nobody vouches for.
#pragma once

#include "loader/datapath.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

class Lease {
public:
    Lease(Host &host, loader::DataPath &path) : host_(host), path_(path) {}
    void set(Ms length); // 0: none. Before the bank that says XB_BANK_LEASED.
    // An LACPDU has gone to a partner that wants them fast. Without a lease the data path stands in for the next ones
    // when they do not come in time (`lacp.stand_in`).
    void vouch();

private:
    void renew();

    Host &host_;
    loader::DataPath &path_;
    Ms length_{};
    sys::EventLoop::Source timer_;
};

} // namespace xbond::daemon
