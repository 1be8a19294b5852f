// SPDX-License-Identifier: MIT
#include "user/core/link/arp.h"

#include <algorithm>

namespace xbond::monitor {
namespace {

std::string ms(Time time) { return std::to_string(time / Ms(1)) + " ms"; }

std::string over(const char *what, Time since, const ArpWindow &window, std::uint32_t intervals) {
    return what + (" for " + ms(window.now - since)) + " (limit " + ms(window.until({}, intervals)) + ")";
}

ArpVerdict up(const ArpSlave &slave, const ArpWindow &window) {
    return {Link::up, "heard something " + ms(window.now - slave.rx) + " ago"};
}

std::optional<ArpVerdict> missed(const ArpSlave &slave, const ArpWindow &window) {
    if (!window.in(slave.rx, window.missed_max)) {
        return ArpVerdict{Link::down, over("nothing heard", slave.rx, window, window.missed_max)};
    }
    if (!window.in(slave.last_tx, window.missed_max)) {
        return ArpVerdict{Link::down, over("no probe could be sent", slave.last_tx, window, window.missed_max)};
    }
    return std::nullopt;
}

} // namespace

std::optional<ArpVerdict> inspect_balanced(const ArpSlave &slave, const ArpWindow &window) {
    if (slave.link == Link::up) {
        return missed(slave, window);
    }
    const bool answered = window.in(slave.last_tx, 1) && window.in(slave.rx, 1);
    return answered ? std::optional(up(slave, window)) : std::nullopt;
}

std::optional<ArpVerdict> inspect_active_backup(const ArpSlave &slave, const ArpWindow &window, bool has_candidate) {
    constexpr std::uint32_t grace = 2; // intervals after the link came up, and a half
    if (slave.link != Link::up) {
        if (window.in(slave.rx, 1)) {
            return up(slave, window);
        }
        return slave.link == Link::back ? std::optional(ArpVerdict{Link::fail, "no answer to the probe"})
                                        : std::nullopt;
    }
    if (window.in(slave.last_link_up, grace)) {
        return std::nullopt;
    }
    if (!slave.backup) {
        return missed(slave, window);
    }
    const std::uint32_t patience = window.missed_max + 1;
    if (!has_candidate && !window.in(slave.rx, patience)) {
        return ArpVerdict{Link::down, over("nothing heard", slave.rx, window, patience)};
    }
    return std::nullopt;
}

Time oldest_target(std::span<const Time, XB_MAX_TARGETS> target_rx, std::size_t targets) {
    return *std::ranges::min_element(target_rx.first(std::clamp<std::size_t>(targets, 1, XB_MAX_TARGETS)));
}

SlotId next_candidate(std::span<const SearchSlave> slaves, SlotId candidate) {
    auto current = std::ranges::find(slaves, candidate, &SearchSlave::slot);
    if (current == slaves.end()) {
        current = slaves.begin();
    }
    const auto after = current == slaves.end() ? current : current + 1;
    auto next = std::find_if(after, slaves.end(), [](const SearchSlave &slave) { return slave.up; });
    if (next == slaves.end()) {
        next = std::find_if(slaves.begin(), after, [](const SearchSlave &slave) { return slave.up; });
        return next == after ? no_slot : next->slot;
    }
    return next->slot;
}

} // namespace xbond::monitor
