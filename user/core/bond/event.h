// SPDX-License-Identifier: MIT
// What happens to a bond.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "user/core/balance/state.h"
#include "user/core/bond/effect.h"
#include "user/core/link/slave.h"
#include "user/core/wire/frame.h"

namespace xbond::core {

struct LinkObservation {
    SlotId slot = no_slot;
    bool running = false;
    bool carrier = false;
    std::uint32_t speed = speed_unknown;
    std::uint8_t duplex = duplex_unknown;
    Stamps stamps; // of the data path
    // It has been without carrier since it was last looked at, though it may have one now.
    bool lost = false;
};
// State of some slaves, just read. The daemon sends it when the deadline is reached (then with every slave) and
// whenever the data path or netlink tells of a change (then with those concerned). If the monitor's tick is due it runs
// a tick, otherwise an event pass: the same inspection, but counters of FAIL and BACK do not advance, so that a delay
// is never shorter than the user asked for. The ARP/NS monitor acts on its ticks only, and only if every slave is
// there.
struct LinksObserved {
    std::vector<LinkObservation> links;
};
struct BondAdmin { // bond0 set up or down
    bool up = false;
};
// Somebody set, or asks to set, the address of bond0. The effects push it to the slaves in order and then to
// bond0; a slave that refuses puts everybody back.
struct BondMacSet {
    MacAddr mac;
};
struct MacRefused { // a slave did not take its address, and nothing that followed in the list was tried
    SetSlaveMac asked;
};
struct SlaveMacSet { // a slave's address was changed outside xbond
    SlotId slot = no_slot;
    MacAddr mac;
};
struct SlaveRenamed { // the primary follows names
    SlotId slot = no_slot;
    std::string name;
};
struct ProbesSent { // at least one probe was queued on this slave just now: last_tx
    SlotId slot = no_slot;
};
// Mode 802.3ad: frames that came on the slaves' slow channels, oldest first on each slave. LACP's own deadlines are
// acted upon only with `all`: when everything that waited on any slave is among the frames, so that a controller that
// was held up never lets a healthy partner expire.
struct SlowFrame {
    SlotId slot = no_slot;
    wire::Frame bytes;
    std::optional<Time> stamp; // when the kernel got it, in the time of `now`; none if it does not tell
};
struct SlowFrames {
    std::vector<SlowFrame> frames;
    bool all = false;
};
struct SlowNotSent { // what a SendSlow asked for did not leave
    SlotId slot = no_slot;
    bool is_marker = false;
};
// Modes balance-tlb and balance-alb: what the data path's tables hold. The daemon sends it when balance_due(), and when
// the data path tells of its clients.
struct BalanceObserved {
    balance::Table table;
    std::vector<std::uint16_t> vlan_ids; // of the devices above the bond
};
struct ClientDisplaced { // another one took its place in the table
    balance::Client client;
};
struct ControllerEnds {}; // and another one will go on
// The machine was suspended, and the clock stood still for that long. All links have been looked at since.
struct Resumed {
    Time away{};
};
using Event = std::variant<LinksObserved, BondAdmin, BondMacSet, MacRefused, SlaveMacSet, SlaveRenamed, ProbesSent,
                           SlowFrames, SlowNotSent, BalanceObserved, ClientDisplaced, ControllerEnds, Resumed>;

} // namespace xbond::core
