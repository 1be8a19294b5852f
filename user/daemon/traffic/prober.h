// SPDX-License-Identifier: MIT
// Probes (`arp.probe`): the route decides source address and VLAN tags; and the times of question and
// answer, for the round trip in the status.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>

#include "user/core/bond/bond.h"
#include "user/daemon/bond/encode.h"
#include "user/daemon/host.h"
#include "user/daemon/traffic/announcer.h"

namespace xbond::daemon {

class Prober {
public:
    using Send = std::function<Result<void>(const core::Slave &, std::span<const std::uint8_t> frame)>;
    Prober(Host &host, Send send) : host_(host), send_(std::move(send)) {}

    // One probe per target out of the slave, with the slave's own address. True when at least one was queued.
    bool probe(const core::Slave &, const BondDevice &, const core::Options &);

    // Round trip of the last probe answered on this slave; target: position in either list (both share it).
    std::optional<Time> round_trip(const core::Slave &, std::size_t target) const;

private:
    // A way out through the bond, source zero where there is none. None: a target that is on a link elsewhere.
    struct Way {
        std::vector<wire::VlanTag> tags;
        std::array<std::uint8_t, 16> source{}; // as AddressInfo::addr
    };
    std::optional<Way> way_to(const Ipv4Addr &, const BondDevice &) const;
    std::optional<Way> way_to(const Ipv6Addr &, const BondDevice &) const;
    std::optional<Way> way_on(std::uint32_t device, const sys::AddressInfo &target, const BondDevice &) const;
    std::optional<Way> way_by_subnet(const sys::AddressInfo &target, const BondDevice &) const;
    template <typename Addr> std::optional<sys::RouteInfo> route_to(const Addr &target, const BondDevice &) const;
    bool send(const core::Slave &, std::size_t target, std::span<const std::uint8_t> frame);

    Host &host_;
    Send send_;
    struct Question { // the last one
        Time sent{};
        std::optional<Time> round_trip; // of the one before, or an earlier one
    };
    std::array<std::array<Question, XB_MAX_TARGETS>, XB_MAX_SLAVES> questions_{};
};

OwnAddresses own_addresses(const LinkTable &, std::uint32_t bond_ifindex);

} // namespace xbond::daemon
