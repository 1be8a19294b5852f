// SPDX-License-Identifier: MIT
#include "user/daemon/nic/tags.h"

#include <array>
#include <string_view>

#include "user/sys/device/name.h"
#include "user/sys/netns.h"

namespace xbond::daemon {
namespace {

// As ethtool lists them.
constexpr std::array<std::string_view, 2> taken_off{"rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"};
constexpr std::array<std::string_view, 2> left_out{"tx-vlan-hw-insert", "tx-vlan-stag-hw-insert"};

// Those of them that are on, as words for `ethtool -K`.
Result<std::string> on_of(const sys::Ethtool &ethtool, std::uint32_t ifindex,
                          const std::array<std::string_view, 2> &offloads) {
    XB_TRY(found, ethtool.offloads(ifindex, offloads));
    std::string words;
    for (std::size_t i = 0; i < offloads.size(); ++i) {
        if (found->at(i).on) {
            words += " " + std::string(offloads.at(i)) + " off";
        }
    }
    return words;
}

} // namespace

std::string TagLooker::hidden(Hands::Tools &tools, std::uint32_t ifindex, const std::string &driver) {
    if (driver == "veth") {
        return hidden_by_sender(tools, ifindex);
    }
    const auto hides = on_of(tools.ethtool, ifindex, taken_off);
    const auto name = sys::name_now(ifindex);
    if (!hides) {
        return hides.error().message;
    }
    return hides->empty() ? ""
                          : name + " takes VLAN tags off, which XDP does not see then: ethtool -K " + name + *hides;
}

// A veth hands over the metadata of its other end, whatever its own settings are.
std::string TagLooker::hidden_by_sender(Hands::Tools &tools, std::uint32_t ifindex) {
    const auto link = tools.netlink.link(ifindex);
    if (!link) {
        return link.error().message;
    }
    Result<std::string> hides = fail(ENOENT, "nothing that can be seen holds its network namespace");
    if (!link->link_in_other_netns) {
        hides = on_of(tools.ethtool, link->link, left_out);
    } else if (const auto there = sys::find_netns(
                   [&](int netns) {
                       const auto id = tools.netlink.nsid_of(netns);
                       return id && *id == link->link_netnsid;
                   },
                   seen_[link->link_netnsid])) {
        (void)sys::within_netns(there->get(), [&]() -> Result<void> {
            XB_TRY(ethtool, sys::Ethtool::open());
            hides = on_of(*ethtool, link->link, left_out);
            return {};
        });
    }
    if (!hides) {
        return "the other end of " + link->name +
               " cannot be asked whether it hides VLAN tags: " + hides.error().message;
    }
    return hides->empty()
               ? ""
               : "the other end of " + link->name + " hides VLAN tags from XDP: there, ethtool -K DEVICE" + *hides;
}

} // namespace xbond::daemon
