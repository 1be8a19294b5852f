// SPDX-License-Identifier: MIT
#include "user/daemon/bond/link_watch.h"

#include <net/if.h>
#include <utility>

namespace xbond::daemon {
namespace {

// The name that a device has at this moment; empty: it has gone. Takes no lock that anybody holds for long.
std::string name_now(std::uint32_t ifindex) {
    std::array<char, IF_NAMESIZE> name{};
    return ::if_indextoname(ifindex, name.data()) != nullptr ? name.data() : "";
}

} // namespace

// By the device's number: a rename is no event of its link.
LinkWatch::State LinkWatch::state_of(const core::Slave &slave, const Result<std::uint32_t> &carriers) {
    const auto *link = host_.links.find(slave.ifindex);
    const bool up = link != nullptr && (link->flags & IFF_UP) != 0;
    if (carriers) {
        const bool carrier = (*carriers >> slave.slot & 1U) != 0;
        return {.running = carrier || up, .carrier = carrier};
    }
    // A kernel without a carrier check: the driver is asked.
    const std::string name = name_now(slave.ifindex);
    const bool running = host_.ethtool.running(name).value_or(up);
    return {.running = running, .carrier = running && host_.ethtool.carrier(name).value_or(false)};
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
        facts = {.ifindex = slave.ifindex, .asked = false, .answer = {}, .driver = {}};
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
        ask(slave);
    }
    seen.carrier = slave.up();
    seen.speed = slave.up() ? slave.speed : core::speed_unknown;
    seen.duplex = slave.up() ? slave.duplex : core::duplex_unknown;
    return seen;
}

void LinkWatch::ask(const core::Slave &slave) {
    auto &facts = facts_.at(slave.slot);
    if (std::exchange(facts.asked, true)) {
        return;
    }
    auto back = alive_.guard(
        [this, slot = slave.slot, ifindex = slave.ifindex](sys::SpeedDuplex rate, const std::string &driver) {
            auto &place = facts_.at(slot);
            if (place.ifindex == ifindex) {
                place.asked = false;
                place.answer = rate;
                place.driver = driver;
                answered_(slot);
            }
        });
    host_.hands.run(
        [ifindex = slave.ifindex, back](Hands::Tools &tools) -> Hands::Then {
            const std::string name = name_now(ifindex);
            auto driver = tools.ethtool.driver(name);
            return [back, rate = tools.ethtool.speed(name), driver = driver.empty() ? "?" : driver]() mutable {
                back(rate, driver);
            };
        },
        "speed and driver");
}

} // namespace xbond::daemon
