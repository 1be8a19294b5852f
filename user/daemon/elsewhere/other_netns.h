// SPDX-License-Identifier: MIT
// The network namespace that a bond's device lives in, where it is not the daemon's own. Nothing of it is held open, or
// it could not end: hands enter it for a moment, found by the number that this namespace has for it; what happens there
// the kernel tells here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "user/core/options/options.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

// Of a bond, in its state file: where its device is, or was when that ended.
struct Abode {
    std::string name;         // as people called it: of /run/netns, or the number of a process
    std::uint64_t cookie = 0; // common/netns_cookie.h
    bool gone = false;        // the device went with it, and was made anew at home

    std::string text() const; // "C", or "with cookie 4711"

    bool operator==(const Abode &) const = default;
};

class OtherNetns {
public:
    OtherNetns(std::int32_t nsid, Abode abode);

    std::int32_t nsid() const { return nsid_; }
    const Abode &abode() const { return abode_; }

    // What the kernel does not tell of by itself: routes to targets, groups, what devices above let in, who forwards.
    struct Told {
        sys::JoinedGroups joined;
        std::vector<MacAddr> groups, unicast; // that the bond's device lets in
        std::map<Ipv4Addr, sys::RouteInfo> routes4;
        std::map<Ipv6Addr, sys::RouteInfo> routes6;
        std::set<std::string> routers; // devices that forward IPv6
        bool forwards = false;         // any device forwards anything

        bool operator==(const Told &) const;
    };
    struct Targets {
        std::uint32_t device = 0; // the bond's
        std::vector<Ipv4Addr> v4;
        std::vector<Ipv6Addr> v6;
    };

    // -- for hands --
    Result<Fd> open(sys::Netlink &home) const; // ENOENT: nothing that can be seen holds it
    Result<void> within(sys::Netlink &home, const std::function<Result<void>(sys::Netlink &)> &body) const;
    Result<LinkTable::Dump> list(sys::Netlink &home) const;
    Result<Told> ask(sys::Netlink &home, const Targets &) const;

    // -- for the loop, which keeps it true (netns_watch.h) --
    LinkTable links;
    Told told;

private:
    std::int32_t nsid_;
    Abode abode_;
    std::shared_ptr<std::filesystem::path> found_; // hands': where it was found
};

} // namespace xbond::daemon
