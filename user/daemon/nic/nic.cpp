// SPDX-License-Identifier: MIT
#include "user/daemon/nic/nic.h"

#include <algorithm>
#include <utility>

#include "user/sys/device/name.h"

namespace xbond::daemon {
namespace {

constexpr std::uint32_t vlan_group = 0x7862766c; // "xbvl": the kernel takes it with the request that makes the device
constexpr std::uint16_t service_tag = 0x88a8;

// "xbv7.10": a name that nobody else gives.
std::string vlan_name(std::uint32_t ifindex, const wire::VlanTag &tag) {
    return (tag.proto == service_tag ? "xbs" : "xbv") + std::to_string(ifindex) + "." + std::to_string(tag.id);
}

} // namespace

bool is_own_vlan(const sys::LinkInfo &link) { return link.kind == "vlan" && link.group == vlan_group; }

void remove_own_vlans(sys::Netlink &netlink, const std::function<bool(std::uint32_t below)> &unwanted) {
    const auto vlans = netlink.links("vlan");
    if (!vlans) {
        return;
    }
    for (const auto &vlan : *vlans) {
        if (is_own_vlan(vlan) && unwanted(vlan.link_in_other_netns ? 0 : vlan.link)) {
            (void)netlink.delete_link(vlan.ifindex);
        }
    }
}

Result<std::vector<sys::Offload>> KernelNic::offloads(std::span<const std::string_view> names) {
    return ethtool_.offloads(ifindex_, names);
}

Result<void> KernelNic::set_offload(std::string_view name, bool on) { return ethtool_.set_offload(ifindex_, name, on); }

Result<std::uint32_t> KernelNic::add_vlan(const wire::VlanTag &tag) {
    const auto name = vlan_name(ifindex_, tag);
    auto made = netlink_.create_vlan(name, ifindex_, tag.proto, tag.id, vlan_group);
    if (!made && made.error().code != EEXIST) {
        return tl::unexpected(made.error());
    }
    XB_TRY(vlans, netlink_.links("vlan"));
    const auto is_it = [&](const sys::LinkInfo &link) {
        return link.link == ifindex_ && !link.link_in_other_netns &&
               wire::VlanTag{link.vlan_proto, link.vlan_id} == tag;
    };
    const auto there = std::ranges::find_if(*vlans, is_it);
    if (there == vlans->end()) {
        return fail(EEXIST, made ? name + " vanished while it was being made" : made.error().message);
    }
    if (!is_own_vlan(*there)) {
        return 0U;
    }
    (void)netlink_.set_alias(there->ifindex, "xbond: makes " + sys::name_now(ifindex_) + " let in a VLAN of its bond",
                             vlan_group);
    return there->ifindex;
}

Result<void> KernelNic::remove_vlan(std::uint32_t ifindex) {
    const auto link = netlink_.link(ifindex);
    if (!link || !is_own_vlan(*link)) { // it has gone, and the number may be another's
        return {};
    }
    return netlink_.delete_link(ifindex);
}

bool KernelNic::has_vlan(std::uint32_t ifindex) {
    const auto link = netlink_.link(ifindex);
    return link ? is_own_vlan(*link) : link.error().code != ENODEV;
}

} // namespace xbond::daemon
