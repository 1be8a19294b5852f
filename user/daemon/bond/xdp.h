// SPDX-License-Identifier: MIT
// xb_xdp on the slaves of one bond: which policy was applied to each, and how the driver took it.
#pragma once

#include <array>
#include <optional>

#include "loader/datapath.h"
#include "user/core/bond/desired.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

class SlaveXdp {
public:
    SlaveXdp(Host &host, loader::DataPath &path) : host_(host), path_(path) {}

    // What is applied already costs nothing.
    Result<void> set(const core::DesiredSlave &, XdpPolicy);
    // On every slave; on refusal all are put back and the driver's error is returned.
    Result<void> set_all(const core::Desired &, XdpPolicy);
    void slave_gone(SlotId slot) { applied_.at(slot) = {}; }

    const loader::XdpState &state(SlotId slot) const { return applied_.at(slot).state; }

private:
    struct Applied {
        std::optional<XdpPolicy> policy;
        std::optional<XdpPolicy> refused; // by the driver; not tried again until another one is wanted
        loader::XdpState state;
    };

    Host &host_;
    loader::DataPath &path_;
    std::array<Applied, XB_MAX_SLAVES> applied_{};
};

} // namespace xbond::daemon
