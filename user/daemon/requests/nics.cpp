// SPDX-License-Identifier: MIT
#include "user/daemon/requests/nics.h"

#include <algorithm>
#include <array>
#include <fstream>

namespace xbond::daemon {

namespace {

// ID_PATH as udev has found it; where there is no udev, that of a PCI device, which is all that its driver tells.
std::string path_of(const sys::Ethtool &ethtool, const sys::LinkInfo &link) {
    std::ifstream udev("/run/udev/data/n" + std::to_string(link.ifindex));
    constexpr std::string_view key = "E:ID_PATH=";
    for (std::string line; std::getline(udev, line);) {
        if (line.starts_with(key)) {
            return line.substr(key.size());
        }
    }
    const auto bus = ethtool.bus(link.ifindex);
    const bool pci = bus.size() == 12 && bus[4] == ':' && bus[7] == ':' && bus[10] == '.';
    return pci ? "pci-" + bus : "";
}

bool stands_on_others(const sys::LinkInfo &link) {
    constexpr std::array<std::string_view, 10> kinds{"vlan", "macvlan", "ipvlan", "bridge", "bond",
                                                     "team", "vrf",     "hsr",    "vxlan",  "dsa"};
    return std::ranges::find(kinds, link.kind) != kinds.end();
}

} // namespace

std::vector<FoundNic> list_nics(Hands::Tools &tools, std::optional<std::vector<sys::LinkInfo>> links, bool details) {
    std::vector<FoundNic> out;
    if (!links) {
        links = tools.netlink.links().value_or(std::vector<sys::LinkInfo>());
    }
    for (auto &link : *links) {
        api::Nic nic{link.name, link.altnames, link.perm_mac.value_or(link.mac), "", "", stands_on_others(link)};
        if (details && !nic.virtual_above) {
            nic.driver = tools.ethtool.driver(link.ifindex);
            nic.path = path_of(tools.ethtool, link);
        }
        out.push_back({std::move(link), std::move(nic), {}});
    }
    return out;
}

bool needs_details(const api::Config &config) {
    return std::ranges::any_of(config.bonds, [](const api::BondConfig &bond) {
        return std::ranges::any_of(
            bond.slaves, [](const api::SlaveConfig &slave) { return !slave.driver.empty() || !slave.path.empty(); });
    });
}

} // namespace xbond::daemon
