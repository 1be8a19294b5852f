// SPDX-License-Identifier: MIT
#include "user/core/link/mii.h"

namespace xbond::monitor {

std::optional<Link> MiiPass::inspect(Link link, bool has_carrier, std::uint32_t &delay) {
    return has_carrier ? with_carrier(link, delay) : without_carrier(link, delay);
}

std::optional<Link> MiiPass::without_carrier(Link link, std::uint32_t &delay) const {
    if (link == Link::down) {
        return std::nullopt;
    }
    if (link == Link::back) {
        return Link::down;
    }
    const bool just_begun = link == Link::up;
    if (just_begun) {
        delay = setup_.downdelay_ticks;
    }
    if (delay_over(delay, just_begun)) {
        return Link::down;
    }
    return just_begun ? std::optional(Link::fail) : std::nullopt;
}

std::optional<Link> MiiPass::with_carrier(Link link, std::uint32_t &delay) {
    if (link == Link::up) {
        return std::nullopt;
    }
    if (link == Link::fail) {
        return Link::up;
    }
    const bool just_begun = link == Link::down;
    if (just_begun) {
        delay = setup_.updelay_ticks;
    }
    if (setup_.ignore_updelay) {
        delay = 0;
    }
    if (setup_.ignore_updelay || delay_over(delay, just_begun)) {
        setup_.ignore_updelay = false;
        return Link::up;
    }
    return just_begun ? std::optional(Link::back) : std::nullopt;
}

// True when the delay is over; otherwise a tick uses one up. A delay that was begun by an earlier pass ends on a tick
// only, so that it is never shorter than asked for.
bool MiiPass::delay_over(std::uint32_t &delay, bool just_begun) const {
    if (delay == 0) {
        return just_begun || setup_.kind == PassKind::tick;
    }
    if (setup_.kind == PassKind::tick) {
        --delay;
    }
    return false;
}

} // namespace xbond::monitor
