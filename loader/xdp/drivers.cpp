// SPDX-License-Identifier: MIT
#include "loader/xdp/drivers.h"

#include <algorithm>
#include <array>

namespace xbond::loader {
namespace {

constexpr std::string_view in_driver = "physical NIC, runs XDP in its receive ring before an skb exists";
constexpr std::string_view no_jumbo =
    "physical NIC, runs XDP in its receive ring; refuses jumbo frames, then xb_rx does it";
constexpr std::string_view spare_queues =
    "runs XDP in its receive ring; needs as many spare transmit queues as receive "
    "queues and refuses without them, then xb_rx does it";
constexpr std::string_view copies = "copies every skb for XDP and loses GRO and GSO trains: costs more than it saves";
constexpr std::string_view gives_up_lro =
    "gives up large receive and receive checksums for XDP: costs TCP more than it saves";
constexpr std::string_view stacked = "no hardware below it: XDP belongs on the NIC underneath";

// Drivers with ndo_bpf in Linux 6.12, by the name `ethtool -i` prints.
constexpr std::array rules{
    // Intel
    XdpDriverRule{"ixgbe", true, no_jumbo},
    XdpDriverRule{"ixgbevf", true, no_jumbo},
    XdpDriverRule{"i40e", true, in_driver},
    XdpDriverRule{"ice", true, in_driver},
    XdpDriverRule{"idpf", true, in_driver},
    XdpDriverRule{"igb", true, no_jumbo},
    XdpDriverRule{"igc", true, no_jumbo},
    // other servers
    XdpDriverRule{"mlx4_en", true, no_jumbo},
    XdpDriverRule{"mlx5_core", true, in_driver},
    XdpDriverRule{"bnxt_en", true, in_driver},
    XdpDriverRule{"qede", true, no_jumbo},
    XdpDriverRule{"sfc", true, no_jumbo},
    XdpDriverRule{"sfc_siena", true, no_jumbo},
    XdpDriverRule{"nfp", true, no_jumbo},
    XdpDriverRule{"ionic", true, in_driver},
    XdpDriverRule{"atlantic", true, in_driver},
    XdpDriverRule{"funeth", true, no_jumbo},
    XdpDriverRule{"nicvf", true, no_jumbo},
    XdpDriverRule{"rvu-nicpf", true, no_jumbo},
    XdpDriverRule{"rvu-nicvf", true, no_jumbo},
    // boards and switches
    XdpDriverRule{"mvneta", true, in_driver},
    XdpDriverRule{"mvpp2", true, no_jumbo},
    XdpDriverRule{"st_gmac", true, no_jumbo},
    XdpDriverRule{"st_xgmac", true, no_jumbo},
    XdpDriverRule{"fsl_dpaa2_eth", true, no_jumbo},
    XdpDriverRule{"fsl_dpa", true, no_jumbo},
    XdpDriverRule{"fsl_enetc", true, in_driver},
    XdpDriverRule{"fec", true, no_jumbo},
    XdpDriverRule{"cpsw", true, no_jumbo},
    XdpDriverRule{"am65-cpsw-nuss", true, no_jumbo},
    XdpDriverRule{"netsec", true, no_jumbo},
    XdpDriverRule{"lan966x-switch", true, no_jumbo},
    XdpDriverRule{"mtk_soc_eth", true, no_jumbo},
    XdpDriverRule{"tsnep", true, no_jumbo},
    // clouds: a NIC's virtual function or a device that behaves like one
    XdpDriverRule{"ena", true, spare_queues},
    XdpDriverRule{"gve", true, spare_queues},
    XdpDriverRule{"mana", true, no_jumbo},
    XdpDriverRule{"hv_netvsc", false, "copies every frame out of the host's ring for XDP and turns LRO off"},
    XdpDriverRule{"vmxnet3", false, gives_up_lro},
    XdpDriverRule{"virtio_net", false, gives_up_lro},
    XdpDriverRule{"vif", false, "needs the backend's agreement and copies every frame for XDP"},
    // software devices
    XdpDriverRule{"veth", false, copies},
    XdpDriverRule{"tun", false, copies},
    XdpDriverRule{"netkit", false, stacked},
    XdpDriverRule{"netdevsim", false, stacked},
    XdpDriverRule{"bonding", false, stacked},
    XdpDriverRule{"team", false, stacked},
    XdpDriverRule{"bridge", false, stacked},
    XdpDriverRule{"macvlan", false, stacked},
    XdpDriverRule{"802.1Q VLAN Support", false, stacked},
};

constexpr XdpDriverRule unknown{"", false,
                                "driver is not in the table of those whose native XDP is known to pay; "
                                "`xdp native` tries it"};

} // namespace

const XdpDriverRule &xdp_rule(std::string_view driver) {
    const auto *const found = std::ranges::find(rules, driver, &XdpDriverRule::driver);
    return found == rules.end() ? unknown : *found;
}

} // namespace xbond::loader
