// SPDX-License-Identifier: MIT
// What the kernel tells of a network device. Plain values, so that outputs may be made from them without an adapter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "xbond/types.h"

namespace xbond::sys {

struct LinkInfo { // of one RTM_NEWLINK
    std::uint32_t ifindex = 0;
    std::string name;
    std::vector<std::string> altnames; // IFLA_ALT_IFNAME
    std::uint16_t arp_type = 0;        // ARPHRD_*
    std::uint32_t flags = 0;           // IFF_*
    bool carrier = false;              // IFLA_CARRIER
    std::uint32_t mtu = 0;
    std::uint32_t min_mtu = 0, max_mtu = 0;
    std::uint32_t master = 0;         // IFLA_MASTER, 0 if none
    std::uint32_t link = 0;           // IFLA_LINK: the device below (VLAN) or the peer (veth); 0 if none
    bool link_in_other_netns = false; // IFLA_LINK_NETNSID present, which is
    std::int32_t link_netnsid = -1;
    std::string kind; // linkinfo kind: "veth", "vlan", "bridge"; empty for hardware
    std::string slave_kind;
    std::string alias; // IFLA_IFALIAS
    std::uint32_t group = 0;
    std::uint16_t vlan_id = 0;    // kind vlan
    std::uint16_t vlan_proto = 0; // 0x8100 or 0x88a8, host order; kind vlan, and bridges
    bool vlan_filtering = false;  // kind bridge: its ports have VLANs
    std::uint32_t promiscuity = 0;
    std::uint32_t allmulti = 0;
    MacAddr mac;                     // zero when not 6 bytes
    std::optional<MacAddr> perm_mac; // IFLA_PERM_ADDRESS
    std::uint32_t txqlen = 0;
    std::string qdisc, operstate; // as ip prints them: "noqueue", "UP"
    std::uint8_t linkmode = 0;
    bool native_xdp = false; // an XDP program in its driver
};

// What a bridge that filters VLANs does with them at one of its ports, or at the bridge's own device.
struct BridgeVlans {
    struct Vlan {
        std::uint16_t id = 0;
        bool untagged = false; // leaves without a tag
    };
    std::uint32_t ifindex = 0;
    std::uint16_t pvid = 0; // of what comes without a tag; 0: that is dropped
    std::vector<Vlan> vlans;
};

} // namespace xbond::sys
