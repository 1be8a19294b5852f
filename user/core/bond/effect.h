// SPDX-License-Identifier: MIT
// What a step asks for: one list, to be carried out in its order.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "user/core/balance/state.h"
#include "user/core/bond/desired.h"
#include "user/core/bond/transition.h"
#include "user/core/wire/frame.h"

namespace xbond::core {

// The data path's tables are to be this from here on. What precedes it in the list happens while they are as they were:
// a port leaves them before its partner hears of it, and joins them after.
struct Publish {
    Desired desired;
};
struct SetSlaveMac { // a failure ends the MAC effects of this list, and comes back as MacRefused
    SlotId slot = no_slot;
    MacAddr mac;
    std::optional<MacAddr> put_back{}; // the bond's address that a refusal brings back: one that the user changes
};
struct SetBondMac {
    MacAddr mac;
};
struct Announce { // gratuitous ARP and unsolicited NA out of this slave, for bond0 and devices on top
    SlotId slot = no_slot;
};
// One ARP or NS probe for each target out of this slave; ProbesSent comes back if one was queued.
struct SendProbes {
    SlotId slot = no_slot;
};
struct RejoinMulticast {}; // raise membership reports for the groups joined on the bond
struct SendLearning {      // from `mac` to itself, for the bond and the VLAN devices above it
    SlotId slot = no_slot;
    MacAddr mac;
};
struct SendSlow { // an LACPDU, or a marker response, out of this slave; SlowNotSent comes back if it does not leave
    SlotId slot = no_slot;
    wire::Frame bytes;
    bool is_marker = false;
};
struct Log {
    std::string message; // warnings that the kernel would log
};
using Effect = std::variant<Publish, SetSlaveMac, SetBondMac, Announce, SendProbes, RejoinMulticast, SendLearning,
                            SendSlow, balance::Update, balance::Changes, Transition, Log>;
using Effects = std::vector<Effect>;

} // namespace xbond::core
