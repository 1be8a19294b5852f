// SPDX-License-Identifier: MIT
// `xbond migrate`, the pure part: from what is seen of a bond to a list of steps, and from the steps done to those that
// undo them. The new bond is built beside the old one, which is taken away only when nothing can fail any more.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "user/core/options/options.h"
#include "xbond/types.h"

namespace xbond::cli::migrate {

enum class Side : std::uint8_t { kernel, xbond }; // whose bond it is
constexpr Side other(Side side) { return side == Side::kernel ? Side::xbond : Side::kernel; }

struct SlaveSeen {
    std::string name;
    bool usable = false; // could take the traffic
    bool active = false; // has it now
    bool hardware = false;
    std::uint16_t queue_id = 0;
    std::int32_t prio = 0;
};

struct VlanSeen { // a VLAN device on the bond or on one of these
    std::string name, below;
    std::uint32_t ifindex = 0;
};

struct Snapshot {
    Side from = Side::kernel;
    std::string bond;
    std::uint32_t ifindex = 0;
    Mode mode = Mode::active_backup;
    std::vector<core::OptionValue> options; // that differ from the defaults
    std::optional<MacAddr> mac;             // to be kept; none: it follows the slaves
    std::uint32_t mtu = 0;
    bool up = false;
    bool live_rename = true; // of devices that are up: since Linux 6.2
    std::vector<SlaveSeen> slaves;
    std::vector<VlanSeen> vlans;        // those below first
    std::vector<std::string> held;      // addresses, routes, neighbours, for people
    std::vector<std::string> obstacles; // what forbids it
    std::vector<std::string> notes;     // what does not come along
};

// ---- the steps ----
struct Make { // a bond without slaves, down, with the options, MAC and MTU of the snapshot
    Side side;
    std::string name;
    bool operator==(const Make &) const = default;
};
struct Prepare { // sysctls of a device as those of another, no address of its own making, up as that one
    std::string like, device;
    bool operator==(const Prepare &) const = default;
};
struct Release {
    Side side;
    std::string bond, slave;
    bool operator==(const Release &) const = default;
};
struct Enslave {
    Side side;
    std::string bond, slave;
    bool operator==(const Enslave &) const = default;
};
struct Await { // a bond that can send; with a slave's name: that one, or it does without
    Side side;
    std::string bond, slave;
    bool operator==(const Await &) const = default;
};
struct Look { // what the devices hold now, to be carried
    std::vector<std::string> devices;
    bool operator==(const Look &) const = default;
};
struct Rename {
    std::string from, to;
    bool operator==(const Rename &) const = default;
};
struct MakeVlan {
    std::string name, below, like;
    bool operator==(const MakeVlan &) const = default;
};
struct Drop { // of a device that this made
    std::string name;
    bool operator==(const Drop &) const = default;
};
struct Carry { // addresses, routes, neighbours, altnames; in one go
    std::vector<std::pair<std::string, std::string>> devices;
    bool operator==(const Carry &) const = default;
};
struct Announce { // to the switch and the neighbours
    std::vector<std::string> devices;
    bool operator==(const Announce &) const = default;
};
struct Remove { // a bond without slaves
    Side side;
    std::string name;
    bool operator==(const Remove &) const = default;
};
struct Restore { // the old bond's MAC and state, and whatever it held
    std::string name;
    bool operator==(const Restore &) const = default;
};
using Step = std::variant<Make, Prepare, Release, Enslave, Await, Look, Rename, MakeVlan, Drop, Carry, Announce, Remove,
                          Restore>;

std::string text(const Step &, const Snapshot &);

std::vector<Step> plan(const Snapshot &);
// Of the first `done` steps and the one that failed behind them. Each of them may find its work done already.
std::vector<Step> undo(std::span<const Step> done, const Snapshot &);

// What is going to be lost, as a pause in each direction.
struct Expected {
    unsigned sent_ms = 0, received_ms = 0;
    std::string why;
};
Expected expected(const Snapshot &);

std::string away_name(std::uint32_t ifindex);  // of the old bond, or of a VLAN device on it
std::string fresh_name(std::uint32_t ifindex); // of the new bond, until it may have the old one's

// ---- what was lost: packet counters of all slaves, sampled ----
struct Sample {
    std::int64_t ns = 0;
    std::uint64_t sent = 0, received = 0;
};
struct Pause {                // one direction
    double packets_per_s = 0; // before anything was touched
    double longest_ms = 0;    // without a packet; 0: none went at all before
    double lost = 0;          // packets that this makes at that rate
};
struct Measured {
    Pause sent, received;
};
// `begun`: when the first step that concerns the traffic was taken. The rate is that of the samples before it.
Measured measured(std::span<const Sample>, std::int64_t begun);

} // namespace xbond::cli::migrate
