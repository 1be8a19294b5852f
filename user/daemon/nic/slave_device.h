// SPDX-License-Identifier: MIT
// What enslaving does to a device outside the data path, and how it is undone (`enslave.order`). The original state is
// captured first and goes to disk before anything is changed, so that a controller started after a crash can restore it
// too. Of filters, which others set as well, what was added is kept. All of it waits for RTNL: for hands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "user/core/bond/bond.h"
#include "user/daemon/nic/switches.h"
#include "user/sys/device/ethtool.h"
#include "user/sys/netlink.h"

namespace xbond::daemon {

struct SlaveFilters { // what the bond has put on a slave
    bool promisc = false, allmulti = false;
    std::vector<MacAddr> multicast;
    NicSwitches nic;

    bool operator==(const SlaveFilters &) const = default;
};

struct SlaveOriginal {
    std::string name;
    std::uint32_t ifindex = 0;
    MacAddr mac;
    std::uint32_t mtu = 0;
    bool up = false;
    bool promisc = false, allmulti = false;
    std::vector<MacAddr> multicast;                           // administrative addresses
    std::vector<std::pair<std::string, std::string>> sysctls; // "ipv4/conf/%/arp_ignore" and value; % = the name
    // None: of a revision that did not keep it; then what is there and was not before.
    std::optional<SlaveFilters> added;

    bool operator==(const SlaveOriginal &) const = default;
};

SlaveOriginal capture(const sys::LinkInfo &);
// Where nobody knows what a slave was: its permanent address, and sysctls as a new device would get them.
SlaveOriginal guess_original(const sys::LinkInfo &);
// Whether this is the device that was captured: its number may be another's by now.
bool is_same_device(const SlaveOriginal &, const sys::LinkInfo &);

// A slave says nothing by itself and answers for nobody: ARP, IPv6. Whatever was written since, to all devices at once
// for instance, is set right. By netlink where /proc/sys cannot be written; what then stays unprotected is returned,
// for people, empty where nothing does.
std::string keep_quiet(sys::Netlink &, std::uint32_t ifindex);

// MTU, MAC, sysctls; the device is still down. On error everything is as captured.
Result<void> prepare(sys::Netlink &, const SlaveOriginal &, const core::EnslavePlan &);

// What the bond has added: as saved, or of an earlier revision.
SlaveFilters added_filters(const SlaveOriginal &, const sys::LinkInfo &now);

// Leaves the device down (as the kernel does) with its own MTU and sysctls, and `mac` if given. Goes on after errors:
// what could be restored is restored, the first error is returned. A device that is gone is no error.
Result<void> restore(sys::Netlink &, const SlaveOriginal &, const std::optional<MacAddr> &mac);

// The same of a device that somebody has moved into the network namespace that the calling thread is in. Its sysctls
// are new ones, and whether it is up is the new owner's choice.
Result<void> restore_moved(const SlaveOriginal &, std::uint32_t ifindex_there, const std::optional<MacAddr> &mac);

// Facts for core::plan_enslave. A device that is down and nobody's is asked whether it lets its address be set.
core::DeviceFacts facts_of(sys::Netlink &, sys::Ethtool &, const sys::LinkInfo &);

// Everything of a device's link, asked of the driver.
core::LinkObservation observe(sys::Ethtool &, SlotId, std::uint32_t ifindex);

} // namespace xbond::daemon
