// SPDX-License-Identifier: MIT
// What a step asks for: one list, to be carried out in its order.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "user/core/balance/state.h"
#include "user/core/bond/desired.h"
#include "user/core/bond/transition.h"

namespace xbond::core {

struct SetSlaveMac { // a failure ends the MAC effects of this batch (1.6 follow)
    SlotId slot = no_slot;
    MacAddr mac;
};
struct SetBondMac {
    MacAddr mac;
};
struct Announce { // 1.11: gratuitous ARP and unsolicited NA out of this slave, for bond0 and devices on top
    SlotId slot = no_slot;
};
// 4.2: one ARP or NS probe for each target out of this slave, then ProbesSent. Publish desired() before: the slave may
// have to listen for the answers from now on.
struct SendProbes {
    SlotId slot = no_slot;
};
struct RejoinMulticast {}; // 1.12: raise membership reports for the groups joined on the bond
struct SendLearning {      // 5.3, from `mac` to itself, for the bond and the VLAN devices above it
    SlotId slot = no_slot;
    MacAddr mac;
};
struct Log {
    std::string message; // warnings that the kernel would log
};
using Effect = std::variant<SetSlaveMac, SetBondMac, Announce, SendProbes, RejoinMulticast, SendLearning,
                            balance::Update, balance::Changes, Transition, Log>;
using Effects = std::vector<Effect>;

} // namespace xbond::core
