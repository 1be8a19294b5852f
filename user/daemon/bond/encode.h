// SPDX-License-Identifier: MIT
// What a bond wants, put into the words of the data path: core::Desired and what the daemon knows of the machine in, an
// xb_bank out. PURE: no system call, no clock, no loader (tests/check/layers.py). Where received frames enter the bond
// (entry_*) is left open: the loader knows the devices and fills it in when it publishes.
#pragma once

#include <bitset>
#include <vector>

#include "user/core/bond/desired.h"
#include "xbond/abi.h"
#include "xbond/types.h"

namespace xbond::daemon {

// Addresses whose owner is the bond: those of bond0 and of every device stacked on it.
struct OwnAddresses {
    std::vector<Ipv4Addr> v4;
    std::vector<Ipv6Addr> v6;
    bool any_v4 = false; // a device among them has no IPv4 address: 0.0.0.0 counts as own
    bool operator==(const OwnAddresses &) const = default;
};

// By slot.
using SlotSet = std::bitset<XB_MAX_SLAVES>;

struct BankFacts {
    bool full_visibility = false;
    SlotSet captured;              // somebody captures on the slave's device
    SlotSet slow_to_xsk;           // an AF_XDP socket takes the slow protocols
    OwnAddresses own;              // looked at while the ARP/NS monitor is on
    std::vector<Ipv4Addr> bridges; // of bridges above the bond; looked at while the bond balances clients
    bool ports = false;            // the bond has ports
    bool elsewhere = false;        // its device is in another network namespace
    SlotSet by_xdp;                // xb_xdp gives the bond what is for it
    SlotSet unsummed;              // and has to make checksums whole
    bool operator==(const BankFacts &) const = default;
};

xb_bank encode(const core::Desired &, const BankFacts &);

} // namespace xbond::daemon
