// SPDX-License-Identifier: MIT
#include "user/core/lacp/state.h"

#include <algorithm>
#include <array>

namespace xbond::lacp {
namespace {

template <std::size_t N, typename State>
std::string_view text(const std::array<std::string_view, N> &names, State state) {
    const auto index = static_cast<std::size_t>(state);
    return index < N ? names[index] : "?";
}

} // namespace

std::string_view name(RxState state) {
    return text(std::array<std::string_view, 6>{"INITIALIZE", "PORT_DISABLED", "EXPIRED", "LACP_DISABLED", "DEFAULTED",
                                                "CURRENT"},
                state);
}

std::string_view name(PeriodicState state) {
    return text(std::array<std::string_view, 3>{"NO_PERIODIC", "FAST_PERIODIC", "SLOW_PERIODIC"}, state);
}

std::string_view name(MuxState state) {
    return text(std::array<std::string_view, 6>{"DETACHED", "WAITING", "ATTACHED", "COLLECTING", "DISTRIBUTING",
                                                "COLLECTING_DISTRIBUTING"},
                state);
}

std::string_view name(ChurnState state) {
    return text(std::array<std::string_view, 3>{"monitoring", "churned", "none"}, state);
}

std::string_view name(Selected selected) {
    return text(std::array<std::string_view, 3>{"UNSELECTED", "SELECTED", "STANDBY"}, selected);
}

std::string_view name(AdSelect policy) { return text(ad_select_names, policy); }

std::vector<std::string_view> flag_names(std::uint8_t state) {
    constexpr std::array<std::string_view, 8> names{"activity",   "timeout",      "aggregation", "synchronization",
                                                    "collecting", "distributing", "defaulted",   "expired"};
    std::vector<std::string_view> set;
    for (std::size_t bit = 0; bit < names.size(); ++bit) {
        if ((state >> bit & 1) != 0) {
            set.push_back(names[bit]);
        }
    }
    return set;
}

Port *SystemState::port(SlotId slot) {
    const auto found = std::ranges::find(ports, slot, &Port::slot);
    return found == ports.end() ? nullptr : &*found;
}

Aggregator *SystemState::aggregator(std::uint32_t id) {
    const auto found = std::ranges::find(aggregators, id, &Aggregator::id);
    return found == aggregators.end() ? nullptr : &*found;
}

std::vector<const Port *> SystemState::members(std::uint32_t aggregator) const {
    std::vector<const Port *> found;
    for (const auto &port : ports) {
        if (port.aggregator == aggregator) {
            found.push_back(&port);
        }
    }
    return found;
}

} // namespace xbond::lacp
