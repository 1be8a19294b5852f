// SPDX-License-Identifier: MIT
#include "user/daemon/bond/xdp.h"

#include <spdlog/spdlog.h>

#include "loader/xdp/foreign.h"

namespace xbond::daemon {

loader::DataPath::XdpSlave SlaveXdp::Place::asked(Hands::Tools &tools) const {
    auto all = slave;
    all.driver = tools.ethtool.driver(slave.ifindex);
    if (all.receive && bond.is_here()) {
        all.receive_refused = tags->hidden(tools, slave.ifindex, all.driver);
        if (all.receive_refused.empty()) {
            if (const auto takes = bond.take_received(tools.ethtool); !takes) {
                all.receive_refused = takes.error().message;
            }
        }
    }
    return all;
}

SlaveXdp::Place SlaveXdp::place_of(const core::DesiredSlave &slave, Wanted wanted) const {
    return {{slave.slot, slave.ifindex, wanted.policy, "", wanted.needed, wanted.ports, wanted.receive, ""},
            device_,
            tags_};
}

SlaveXdp::Job SlaveXdp::job(const core::DesiredSlave &slave, Wanted wanted) const {
    return [path = path_, place = place_of(slave, wanted)](Hands::Tools &tools) {
        return path->set_xdp(place.asked(tools));
    };
}

std::vector<SlaveXdp::Place> SlaveXdp::places_of(const std::vector<core::DesiredSlave> &slaves, Wanted wanted) const {
    std::vector<Place> places;
    for (const auto &slave : slaves) {
        places.push_back(place_of(slave, wanted));
    }
    return places;
}

std::vector<loader::DataPath::XdpSlave> SlaveXdp::asked(const std::vector<Place> &places, Hands::Tools &tools) {
    std::vector<loader::DataPath::XdpSlave> all;
    for (const auto &place : places) {
        all.push_back(place.asked(tools));
    }
    return all;
}

void SlaveXdp::keep(const core::DesiredSlave &slave, const Result<loader::XdpState> &outcome) {
    auto &applied = applied_.at(slave.slot);
    if (applied.ifindex != slave.ifindex) {
        return;
    }
    applied.refused = !outcome;
    applied.known = true;
    if (outcome) {
        applied.state = *outcome;
    } else {
        applied.state.receives = false;
        applied.state.receives_why = outcome.error().message;
    }
}

void SlaveXdp::set_soon(const core::DesiredSlave &slave, Wanted wanted, std::function<void()> changed) {
    auto &applied = applied_.at(slave.slot);
    if (applied.ifindex == slave.ifindex && applied.wanted == wanted) {
        return;
    }
    applied.known = applied.known && applied.ifindex == slave.ifindex;
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

void SlaveXdp::look_again(const std::vector<core::DesiredSlave> &slaves, std::uint32_t only,
                          std::function<void()> changed) {
    for (const auto &slave : slaves) {
        auto &applied = applied_.at(slave.slot);
        if ((only != 0 && only != slave.ifindex) || applied.ifindex != slave.ifindex || !applied.wanted ||
            !applied.wanted->receive || !applied.known || applied.looking) {
            continue;
        }
        applied.looking = true;
        auto done = alive_.guard([this, slave, wanted = *applied.wanted, changed](Result<loader::XdpState> outcome) {
            auto &now = applied_.at(slave.slot);
            now.looking = false;
            if (now.ifindex != slave.ifindex || now.wanted != wanted || (outcome && *outcome == now.state)) {
                return;
            }
            if (!outcome) { // what is on the device is not known: by TC everything goes
                outcome = loader::XdpState{.why = outcome.error().message, .receives_why = outcome.error().message};
            }
            if (outcome->receives != now.state.receives) {
                spdlog::warn("slave {}: frames come by {} now{}", slave.ifindex, outcome->receives ? "XDP" : "TC",
                             outcome->receives ? "" : ": " + outcome->receives_why);
            }
            now.state = *outcome;
            changed();
        });
        host_.hands.run(
            [job = job(slave, *applied.wanted), done](Hands::Tools &tools) -> Hands::Then {
                return [done, outcome = job(tools)]() mutable { done(outcome); };
            },
            "look at XDP of a slave");
    }
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
        XB_TRY(states, path->chain(program->get(), frags, asked(places, tools)));
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
        auto states = path->unchain(asked(places, tools));
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
