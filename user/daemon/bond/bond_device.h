// SPDX-License-Identifier: MIT
// The bond's network device. Today a veth pair: bond0, which the host uses, and bond0p, whose administrative state is
// bond0's carrier (1.10) and whose ingress takes what skips bond0's egress hook. What creates, feeds and reads the
// device goes through here, so that other kinds (macvlan over a hidden namespace, netkit) can be added beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "user/daemon/host.h"

namespace xbond::daemon {

class BondDevice {
public:
    // Down, without carrier. EEXIST if either name is taken.
    static Result<BondDevice> create(Host &, const std::string &name, MacAddr, std::uint32_t mtu);
    // Finds a pair made earlier; ENODEV when it is not (or no longer) ours.
    static Result<BondDevice> adopt(Host &, const std::string &name, std::uint32_t ifindex, std::uint32_t peer);

    std::uint32_t ifindex() const { return ifindex_; }
    std::uint32_t peer() const { return peer_; }

    Result<void> set_carrier(bool on);
    Result<void> set_mac(MacAddr);
    Result<void> set_mtu(std::uint32_t);      // both ends
    Result<void> set_peer_mtu(std::uint32_t); // bond0 was already changed by somebody
    Result<void> set_up(bool up);
    Result<void> destroy();

private:
    BondDevice(Host &host, std::uint32_t ifindex, std::uint32_t peer) : host_(&host), ifindex_(ifindex), peer_(peer) {}

    Host *host_;
    std::uint32_t ifindex_;
    std::uint32_t peer_;
    std::optional<bool> carrier_; // as last set
};

} // namespace xbond::daemon
