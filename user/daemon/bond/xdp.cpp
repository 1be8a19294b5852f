// SPDX-License-Identifier: MIT
#include "user/daemon/bond/xdp.h"

#include <spdlog/spdlog.h>

namespace xbond::daemon {

SlaveXdp::Job SlaveXdp::job(const core::DesiredSlave &slave, XdpPolicy policy) const {
    const auto *link = host_.links.find(slave.ifindex);
    return [path = path_, slot = slave.slot, ifindex = slave.ifindex, policy,
            name = link == nullptr ? std::string() : link->name](Hands::Tools &tools) {
        return path->set_xdp(slot, ifindex, policy, name.empty() ? std::string() : tools.ethtool.driver(name));
    };
}

void SlaveXdp::keep(const core::DesiredSlave &slave, const Result<loader::XdpState> &outcome) {
    auto &applied = applied_.at(slave.slot);
    if (applied.ifindex != slave.ifindex) {
        return;
    }
    applied.refused = !outcome;
    if (outcome) {
        applied.state = *outcome;
    }
}

void SlaveXdp::set_soon(const core::DesiredSlave &slave, XdpPolicy policy, std::function<void()> changed) {
    auto &applied = applied_.at(slave.slot);
    if (applied.ifindex == slave.ifindex && applied.policy == policy) {
        return;
    }
    applied.ifindex = slave.ifindex;
    applied.policy = policy;
    auto done = alive_.guard([this, slave, changed = std::move(changed)](const Result<loader::XdpState> &outcome) {
        if (!outcome) {
            spdlog::warn("XDP on slave {}: {}", slave.ifindex, outcome.error().message);
        }
        keep(slave, outcome);
        changed();
    });
    host_.hands.run(
        [job = job(slave, policy), done](Hands::Tools &tools) -> Hands::Then {
            return [done, outcome = job(tools)]() mutable { done(outcome); };
        },
        "XDP of a slave");
}

Task<Result<void>> SlaveXdp::set_all(std::vector<core::DesiredSlave> slaves, XdpPolicy policy) {
    std::vector<std::pair<core::DesiredSlave, XdpPolicy>> before;
    for (const auto &slave : slaves) {
        auto &applied = applied_.at(slave.slot);
        const bool known = applied.ifindex == slave.ifindex && applied.policy;
        if (known && applied.policy == policy && !applied.refused) {
            continue;
        }
        before.emplace_back(slave, known && !applied.refused ? *applied.policy : XdpPolicy::off);
        applied.ifindex = slave.ifindex;
        applied.policy = policy;
        auto outcome = co_await host_.hands.call("XDP of a slave", job(slave, policy));
        keep(slave, outcome);
        if (outcome) {
            continue;
        }
        for (const auto &[changed, old] : before) {
            applied_.at(changed.slot).policy = old;
            keep(changed, co_await host_.hands.call("XDP of a slave", job(changed, old)));
        }
        co_return tl::unexpected(outcome.error());
    }
    co_return Result<void>();
}

} // namespace xbond::daemon
