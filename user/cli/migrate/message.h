// SPDX-License-Identifier: MIT
// rtnetlink messages as the kernel dumps them, sent again for other devices: what is in a route or an address is
// carried without being understood. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace xbond::cli::migrate {

struct Message { // without its nlmsghdr
    std::uint16_t type = 0, flags = 0;
    std::vector<std::uint8_t> body; // the header of its family, then attributes

    bool operator==(const Message &) const = default;
};

// What devices have beyond themselves.
struct Held {
    std::vector<Message> addresses, routes, neighbours;
};

using Ifindexes = std::set<std::uint32_t>;
using IfindexMap = std::map<std::uint32_t, std::uint32_t>;

// Of a whole dump, what goes with these devices: addresses without the temporary ones, which the kernel makes itself;
// routes of all tables but `local` through them, or from an address of theirs; neighbours that are permanent or
// proxies.
Held held_by(const Held &dump, const Ifindexes &devices);

// Routes and addresses leave their devices, secondary ones first: a route that stays would be the first of two.
std::vector<Message> taken(const Held &);
// The same for other devices: neighbours, then addresses, at once usable, then routes, those without gateway first.
// What an address brings along by itself is there already: EEXIST.
std::vector<Message> put(const Held &, const IfindexMap &);

bool through_nexthop_object(const Message &route); // cannot be sent again for another device
std::string text(const Message &, const std::map<std::uint32_t, std::string> &names); // for people, as ip would say it

} // namespace xbond::cli::migrate
