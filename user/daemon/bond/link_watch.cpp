// SPDX-License-Identifier: MIT
#include "user/daemon/bond/link_watch.h"

#include <net/if.h>
#include <utility>

namespace xbond::daemon {

// By the device's number: a rename is no event of its link.
LinkWatch::State LinkWatch::state_of(const core::Slave &slave, const Result<std::uint32_t> &carriers) {
    const auto *link = host_.links.find(slave.ifindex);
    const bool up = link != nullptr && (link->flags & IFF_UP) != 0;
    if (carriers) {
        const bool carrier = (*carriers >> slave.slot & 1U) != 0;
        return {.running = carrier || up, .carrier = carrier};
    }
    // A kernel without a carrier check: the driver is asked.
    const bool running = host_.ethtool.running(slave.ifindex).value_or(up);
    return {.running = running, .carrier = running && host_.ethtool.carrier(slave.ifindex).value_or(false)};
}

core::LinksObserved LinkWatch::look(std::span<const core::Slave> slaves, Ask ask_driver) {
    const auto carriers = path_.carriers();
    core::LinksObserved observed;
    for (const auto &slave : slaves) {
        observed.links.push_back(look(slave, ask_driver, carriers));
    }
    return observed;
}

core::LinkObservation LinkWatch::look(const core::Slave &slave, Ask ask_driver, const Result<std::uint32_t> &carriers) {
    auto &facts = facts_.at(slave.slot);
    if (facts.ifindex != slave.ifindex) {
        facts = {.ifindex = slave.ifindex, .asked = false, .again = false, .answer = {}, .driver = {}};
    }
    core::LinkObservation seen;
    seen.slot = slave.slot;
    const State state = state_of(slave, carriers);
    seen.running = state.running;
    seen.carrier = state.carrier;
    if (!seen.carrier) {
        facts.answer.reset(); // of the link that was
        return seen;
    }
    if (const auto answer = std::exchange(facts.answer, {})) {
        seen.speed = answer->speed;
        seen.duplex = answer->duplex;
        return seen;
    }
    // A link that waits for its speed, or for a delay to be over, is asked about again.
    if (ask_driver == Ask::always || !slave.up() || slave.link != core::Link::up || facts.driver.empty()) {
        facts.again = facts.asked && ask_driver == Ask::always;
        ask(slave.slot, slave.ifindex);
    }
    seen.carrier = slave.up();
    seen.speed = slave.up() ? slave.speed : core::speed_unknown;
    seen.duplex = slave.up() ? slave.duplex : core::duplex_unknown;
    return seen;
}

void LinkWatch::ask(SlotId slot, std::uint32_t ifindex) {
    auto &facts = facts_.at(slot);
    if (std::exchange(facts.asked, true)) {
        return;
    }
    auto back = alive_.guard([this, slot, ifindex](sys::SpeedDuplex rate, const std::string &driver) {
        auto &place = facts_.at(slot);
        if (place.ifindex != ifindex) {
            return;
        }
        place.asked = false;
        place.driver = driver;
        if (std::exchange(place.again, false)) {
            ask(slot, ifindex);
            return;
        }
        place.answer = rate;
        answered_(slot);
    });
    host_.hands.run(
        [ifindex, back](Hands::Tools &tools) -> Hands::Then {
            auto driver = tools.ethtool.driver(ifindex);
            return [back, rate = tools.ethtool.speed(ifindex), driver = driver.empty() ? "?" : driver]() mutable {
                back(rate, driver);
            };
        },
        "speed and driver");
}

} // namespace xbond::daemon
