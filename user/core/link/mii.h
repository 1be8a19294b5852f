// SPDX-License-Identifier: MIT
// The MII monitor's inspection (`mii.inspect`): one pass over the slaves in list order proposes link changes. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "user/core/link/link.h"

namespace xbond::monitor {

enum class PassKind : std::uint8_t {
    tick,  // miimon is over: delays advance
    event, // a change was seen between two ticks: delays stand still, and only a delay of 0 is over at once
};

struct MiiSetup {
    PassKind kind = PassKind::tick;
    std::uint32_t updelay_ticks = 0;
    std::uint32_t downdelay_ticks = 0;
    bool ignore_updelay = false; // nothing can transmit: the first slave that has carrier is taken at once
};

class MiiPass {
public:
    explicit MiiPass(MiiSetup setup) : setup_(setup) {}

    // The link to propose for the next slave of the list, none if nothing changes; the commit is the bond's.
    // `delay`: the slave's ticks left in FAIL or BACK.
    std::optional<Link> inspect(Link link, bool has_carrier, std::uint32_t &delay);

private:
    std::optional<Link> without_carrier(Link link, std::uint32_t &delay) const;
    std::optional<Link> with_carrier(Link link, std::uint32_t &delay);
    bool delay_over(std::uint32_t &delay, bool just_begun) const;

    MiiSetup setup_;
};

} // namespace xbond::monitor
