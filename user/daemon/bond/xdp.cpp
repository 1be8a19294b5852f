// SPDX-License-Identifier: MIT
#include "user/daemon/bond/xdp.h"

#include <spdlog/spdlog.h>

namespace xbond::daemon {

SlaveXdp::Job SlaveXdp::job(const core::DesiredSlave &slave, Wanted wanted) const {
    const auto *link = host_.links.find(slave.ifindex);
    return [path = path_, slot = slave.slot, ifindex = slave.ifindex, wanted,
            name = link == nullptr ? std::string() : link->name](Hands::Tools &tools) {
        return path->set_xdp(slot, ifindex, wanted.policy, name.empty() ? std::string() : tools.ethtool.driver(name),
                             wanted.needed);
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

void SlaveXdp::set_soon(const core::DesiredSlave &slave, Wanted wanted, std::function<void()> changed) {
    auto &applied = applied_.at(slave.slot);
    if (applied.ifindex == slave.ifindex && applied.wanted == wanted) {
        return;
    }
    applied.ifindex = slave.ifindex;
    applied.wanted = wanted;
    auto done = alive_.guard([this, slave, changed = std::move(changed)](const Result<loader::XdpState> &outcome) {
        if (!outcome) {
            spdlog::warn("XDP on slave {}: {}", slave.ifindex, outcome.error().message);
        }
        keep(slave, outcome);
        changed();
    });
    host_.hands.run(
        [job = job(slave, wanted), done](Hands::Tools &tools) -> Hands::Then {
            return [done, outcome = job(tools)]() mutable { done(outcome); };
        },
        "XDP of a slave");
}

Task<Result<void>> SlaveXdp::set_all(std::vector<core::DesiredSlave> slaves, Wanted wanted) {
    std::vector<std::pair<core::DesiredSlave, Wanted>> before;
    for (const auto &slave : slaves) {
        auto &applied = applied_.at(slave.slot);
        const bool known = applied.ifindex == slave.ifindex && applied.wanted;
        if (known && applied.wanted == wanted && !applied.refused) {
            continue;
        }
        before.emplace_back(slave, known && !applied.refused ? *applied.wanted : Wanted{XdpPolicy::off});
        applied.ifindex = slave.ifindex;
        applied.wanted = wanted;
        auto outcome = co_await host_.hands.call("XDP of a slave", job(slave, wanted));
        keep(slave, outcome);
        if (outcome) {
            continue;
        }
        for (const auto &[changed, old] : before) {
            applied_.at(changed.slot).wanted = old;
            keep(changed, co_await host_.hands.call("XDP of a slave", job(changed, old)));
        }
        co_return tl::unexpected(outcome.error());
    }
    co_return Result<void>();
}

} // namespace xbond::daemon
