// SPDX-License-Identifier: MIT
// A slave's NIC, as far as the bond switches it: behind an interface, so that what is decided is tested without
// hardware. All of it waits for RTNL: for hands.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "user/core/wire/frame.h"
#include "user/sys/device/ethtool.h"
#include "user/sys/netlink.h"

namespace xbond::daemon {

class Nic {
public:
    virtual ~Nic() = default;

    virtual Result<std::vector<sys::Offload>> offloads(std::span<const std::string_view> names) = 0;
    virtual Result<void> set_offload(std::string_view name, bool on) = 0;
    // Devices of ours that put a VLAN into the NIC's filter by being there. 0: somebody else's does so.
    virtual Result<std::uint32_t> add_vlan(const wire::VlanTag &) = 0;
    virtual Result<void> remove_vlan(std::uint32_t ifindex) = 0;
    virtual bool has_vlan(std::uint32_t ifindex) = 0;
};

class KernelNic final : public Nic {
public:
    KernelNic(sys::Netlink &netlink, const sys::Ethtool &ethtool, std::uint32_t ifindex)
        : netlink_(netlink), ethtool_(ethtool), ifindex_(ifindex) {}

    Result<std::vector<sys::Offload>> offloads(std::span<const std::string_view> names) override;
    Result<void> set_offload(std::string_view name, bool on) override;
    Result<std::uint32_t> add_vlan(const wire::VlanTag &) override;
    Result<void> remove_vlan(std::uint32_t ifindex) override;
    bool has_vlan(std::uint32_t ifindex) override;

private:
    sys::Netlink &netlink_;
    const sys::Ethtool &ethtool_;
    std::uint32_t ifindex_;
};

// Whether a link is one that add_vlan() has made: by its mark, whoever made it.
bool is_own_vlan(const sys::LinkInfo &);
// Those on devices of which `unwanted` is true.
void remove_own_vlans(sys::Netlink &, const std::function<bool(std::uint32_t below)> &unwanted);

} // namespace xbond::daemon
