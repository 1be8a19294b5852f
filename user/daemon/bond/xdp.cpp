// SPDX-License-Identifier: MIT
#include "user/daemon/bond/xdp.h"

#include <spdlog/spdlog.h>

#include "loader/xdp/foreign.h"

namespace xbond::daemon {

SlaveXdp::Job SlaveXdp::job(const core::DesiredSlave &slave, Wanted wanted) const {
    return [path = path_, slot = slave.slot, ifindex = slave.ifindex, wanted](Hands::Tools &tools) {
        const auto driver = tools.ethtool.driver(ifindex);
        return path->set_xdp({slot, ifindex, wanted.policy, driver, wanted.needed, wanted.ports});
    };
}

SlaveXdp::Places SlaveXdp::places_of(const std::vector<core::DesiredSlave> &slaves, Wanted wanted) const {
    Places places;
    for (const auto &slave : slaves) {
        places.slaves.push_back({slave.slot, slave.ifindex, wanted.policy, "", wanted.needed, wanted.ports});
    }
    return places;
}

std::vector<loader::DataPath::XdpSlave> SlaveXdp::Places::with_drivers(const sys::Ethtool &ethtool) const {
    auto all = slaves;
    for (auto &slave : all) {
        slave.driver = ethtool.driver(slave.ifindex);
    }
    return all;
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

Task<Result<void>> SlaveXdp::chain(std::vector<core::DesiredSlave> slaves, Wanted wanted,
                                   std::shared_ptr<const Fd> program, bool frags, std::string pin) {
    struct Outcome {
        std::vector<loader::XdpState> states;
        std::optional<loader::ChainedProgram> chained;
    };
    const auto places = places_of(slaves, wanted);
    auto job = [path = path_, places, program, frags, pin](Hands::Tools &tools) -> Result<Outcome> {
        const auto before = path->chained();
        XB_TRY(states, path->chain(program->get(), frags, places.with_drivers(tools.ethtool)));
        if (before) {
            loader::remove_map_pins(pin, before->map_ids, path->chained()->map_ids);
        }
        return Outcome{std::move(*states), path->chained()};
    };
    XB_CO_TRY(outcome, co_await host_.hands.call("chain an XDP program", std::move(job)));
    chained_ = outcome->chained;
    for (std::size_t i = 0; i < slaves.size(); ++i) {
        keep(slaves[i], outcome->states[i]);
    }
    co_return Result<void>();
}

Task<Result<void>> SlaveXdp::unchain(std::vector<core::DesiredSlave> slaves, Wanted wanted, std::string pin) {
    const auto places = places_of(slaves, wanted);
    auto job = [path = path_, places, pin](Hands::Tools &tools) {
        const auto before = path->chained();
        auto states = path->unchain(places.with_drivers(tools.ethtool));
        if (before) {
            loader::remove_map_pins(pin, before->map_ids, {});
        }
        return states;
    };
    const auto states = co_await host_.hands.call("unchain an XDP program", std::move(job));
    chained_.reset();
    for (std::size_t i = 0; i < slaves.size(); ++i) {
        if (!states[i]) {
            spdlog::warn("XDP on slave {}: {}", slaves[i].ifindex, states[i].error().message);
        }
        keep(slaves[i], states[i]);
    }
    co_return Result<void>();
}

} // namespace xbond::daemon
