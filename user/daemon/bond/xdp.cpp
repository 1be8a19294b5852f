// SPDX-License-Identifier: MIT
#include "user/daemon/bond/xdp.h"

namespace xbond::daemon {

Result<void> SlaveXdp::set(const core::DesiredSlave &slave, XdpPolicy policy) {
    auto &applied = applied_.at(slave.slot);
    if (applied.policy == policy || applied.refused == policy) {
        return {};
    }
    const auto *link = host_.links.find(slave.ifindex);
    const std::string driver = link == nullptr ? std::string() : host_.ethtool.driver(link->name);
    auto state = path_.set_xdp(slave.slot, slave.ifindex, policy, driver);
    if (!state) {
        applied.refused = policy;
        return tl::unexpected(state.error());
    }
    applied.refused.reset();
    applied.policy = policy;
    applied.state = *state;
    return {};
}

Result<void> SlaveXdp::set_all(const core::Desired &desired, XdpPolicy policy) {
    for (const auto &slave : desired.slaves) {
        applied_.at(slave.slot).refused.reset(); // somebody asks for it anew
        const auto before = applied_.at(slave.slot).policy.value_or(XdpPolicy::off);
        if (auto done = set(slave, policy); !done) {
            for (const auto &other : desired.slaves) {
                (void)set(other, before);
            }
            return done;
        }
    }
    return {};
}

} // namespace xbond::daemon
