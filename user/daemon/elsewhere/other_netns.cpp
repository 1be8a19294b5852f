// SPDX-License-Identifier: MIT
#include "user/daemon/elsewhere/other_netns.h"

#include <algorithm>
#include <utility>

#include "common/netns_cookie.h"
#include "user/sys/device/filter.h"
#include "user/sys/netns.h"
#include "user/sys/sysctl.h"

namespace xbond::daemon {
namespace {

auto parts(const sys::RouteInfo &route) { return std::tie(route.ifindex, route.source, route.on_link); }

template <typename Routes> bool same_routes(const Routes &a, const Routes &b) {
    return std::ranges::equal(a, b, [](const auto &one, const auto &other) {
        return one.first == other.first && parts(one.second) == parts(other.second);
    });
}

bool same_groups(const sys::JoinedGroups &a, const sys::JoinedGroups &b) {
    return a.v6 == b.v6 && std::ranges::equal(a.v4, b.v4, [](const auto &one, const auto &other) {
               return one.first == other.first && one.second.igmp_version == other.second.igmp_version &&
                      one.second.groups == other.second.groups;
           });
}

std::filesystem::path first_guess(const std::string &name) {
    return name.empty() || name.find('/') != std::string::npos ? name : "/run/netns/" + name;
}

bool is_on(const std::string &family, const std::string &device) {
    const auto value = sys::read_sysctl(family + "/conf/" + device + "/forwarding");
    return value && !value->starts_with('0');
}

} // namespace

std::string Abode::text() const { return name.empty() ? "with cookie " + std::to_string(cookie) : name; }

bool OtherNetns::Told::operator==(const Told &other) const {
    return same_groups(joined, other.joined) && groups == other.groups && unicast == other.unicast &&
           same_routes(routes4, other.routes4) && same_routes(routes6, other.routes6) && routers == other.routers &&
           forwards == other.forwards;
}

OtherNetns::OtherNetns(std::int32_t nsid, Abode abode)
    : nsid_(nsid),
      abode_(std::move(abode)),
      found_(std::make_shared<std::filesystem::path>(first_guess(abode_.name))) {}

Result<Fd> OtherNetns::open(sys::Netlink &home) const {
    const auto is_it = [&](int netns) {
        const auto id = home.nsid_of(netns);
        return id && *id == nsid_;
    };
    return sys::find_netns(is_it, *found_);
}

Result<void> OtherNetns::within(sys::Netlink &home, const std::function<Result<void>(sys::Netlink &)> &body) const {
    XB_TRY(netns, open(home));
    return sys::within_netns(netns->get(), [&]() -> Result<void> {
        if (abode_.cookie != 0 && netns_cookie() != abode_.cookie) { // its number is another one's now
            return fail(ENOENT, "network namespace " + abode_.text() + " has gone");
        }
        XB_TRY(inside, sys::Netlink::open());
        return body(*inside);
    });
}

Result<LinkTable::Dump> OtherNetns::list(sys::Netlink &home) const {
    LinkTable::Dump dump;
    XB_TRY_VOID(within(home, [&](sys::Netlink &inside) {
        return LinkTable::dump(inside).map([&](LinkTable::Dump &&all) { dump = std::move(all); });
    }));
    return dump;
}

Result<OtherNetns::Told> OtherNetns::ask(sys::Netlink &home, const Targets &targets) const {
    Told seen;
    XB_TRY_VOID(within(home, [&](sys::Netlink &inside) -> Result<void> {
        XB_TRY(device, inside.link(targets.device));
        XB_TRY(all, inside.links());
        seen.joined = sys::joined_groups();
        for (const auto &entry : sys::multicast_list(device->name)) {
            seen.groups.push_back(entry.mac);
        }
        seen.unicast = inside.unicast_filter(targets.device).value_or(std::vector<MacAddr>());
        for (const auto &target : targets.v4) {
            if (const auto route = inside.route(target)) {
                seen.routes4[target] = *route;
            }
        }
        for (const auto &target : targets.v6) {
            if (const auto route = inside.route(target)) {
                seen.routes6[target] = *route;
            }
        }
        for (const auto &link : *all) {
            if (is_on("ipv6", link.name)) {
                seen.routers.insert(link.name);
            }
            seen.forwards = seen.forwards || is_on("ipv4", link.name);
        }
        seen.forwards = seen.forwards || !seen.routers.empty();
        return {};
    }));
    return seen;
}

} // namespace xbond::daemon
