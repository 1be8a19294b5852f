// SPDX-License-Identifier: MIT
// One consistent picture of a daemon's bonds, from which every output is rendered: status JSON (the one place that
// turns it into JSON), the /proc text and iproute2's JSON and text (render.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "user/core/bond/bond.h"
#include "user/core/bond/transition.h"
#include "user/core/lacp/effects.h"
#include "user/core/lacp/history.h"
#include "user/core/lacp/state.h"
#include "user/sys/link_info.h"
#include "xbond/abi.h"
#include "xbond/types.h"

namespace xbond::show {

struct TargetView { // of the ARP/NS monitor, as one slave sees it
    std::string target;
    std::optional<Time> age;        // of the last answer that counts
    std::optional<Time> round_trip; // of the last probe of this slave that was answered
};

struct NicView {                  // what a slave's NIC was switched to for the bond
    std::string vlans = "none";   // "open", "filter off", "filter set", "promiscuous"; "none": the bond has no VLANs
    std::vector<std::string> off; // offloads, by ethtool's names in the kernel
    std::string why;              // for what is no more than the next best
};

struct SlaveView {
    core::Slave slave;
    sys::LinkInfo device;
    xb_counters counters{};
    bool active = false, primary = false;
    std::string driver;
    std::string xdp; // "none", "native", "generic"
    std::string xdp_why;
    bool xdp_chained = false;     // the bond's chained program runs here
    bool receives_by_xdp = false; // what is for the bond, else by TC
    std::string receives_why;     // with `receive xdp`: why it does not
    NicView nic;
    core::DesiredSlave published; // fallback, suppression
    std::uint32_t saved_mtu = 0;
    std::optional<Time> heard_age; // since the last reception that counts (`arp.validate`)
    std::optional<Time> probe_age;
    std::vector<TargetView> targets; // ARP targets, then NS targets; empty while the monitor is off
};

struct LacpPortView {
    std::string channel;        // "af_xdp" or "af_packet": how its control frames come
    std::size_t xsk_queues = 0; // with an AF_XDP socket
    std::uint64_t dropped = 0;  // control frames that found no room there
    std::uint64_t xsk_sent = 0; // frames that left there: control frames, probes
    std::optional<lacp::Transition> last_transition;
    std::string sends = "af_packet"; // or "af_xdp": unseen by captures and filters on the slave
};

struct LacpView { // mode 802.3ad
    lacp::SystemState state;
    std::map<SlotId, LacpPortView> ports;
    std::uint64_t generation = 0; // times the tables were published
    Time now{};
};

struct LacpHistoryEntry {
    std::string slave;
    lacp::PduRecord record;
};
using LacpHistory = std::vector<LacpHistoryEntry>; // oldest first

struct ChainedView { // somebody's XDP program on the slaves
    std::uint32_t id = 0;
    std::string file, program, pin;
    bool frags = false;
};

struct PortView { // a device whose frames go through the bond
    std::string name;
    std::uint32_t ifindex = 0;
    std::optional<MacAddr> mac; // the only address behind it
    std::uint16_t vlan = 0;
    std::string xdp; // "none", "native", "generic"
    std::string xdp_why;
    bool takes_xdp = false;  // what XDP on a slave sends there arrives; else it goes by TC
    std::uint32_t heard = 0; // addresses learned
    xb_port_counters counters{};
};

struct NetnsView { // another one, in which a bond's device is
    std::string name;
    std::uint64_t cookie = 0;
    std::int32_t nsid = -1;
    bool gone = false; // the device went with it: it is at home, made anew
};

struct BondView {
    std::string name;
    sys::LinkInfo device;
    std::string master; // of the device: a bridge, a VRF
    core::Options options;
    MacAddr mac;
    bool carrier = false, admin_up = false;
    SlotId active = no_slot, primary = no_slot;
    std::vector<SlaveView> slaves;
    std::vector<SlotId> pick;                // published
    xb_counters counters{};                  // bond entry: tx_dropped
    std::string visibility_now;              // "fast" or "full"
    std::vector<std::string> visibility_why; // what made `auto` go to full
    std::vector<std::string> bypassed;       // what is on the device and sees nothing, where visibility is fast
    std::string carrier_check;               // "kfunc", "probe_read", "none"
    std::string hook;                        // "tcx" or "clsact"
    std::uint64_t watch_runs = 0;
    std::vector<core::Transition> history; // oldest first, bounded
    std::optional<LacpView> lacp;
    std::optional<core::balance::Table> balance; // modes balance-tlb and balance-alb
    std::optional<ChainedView> chained;
    std::vector<PortView> ports;
    bool ports_by_xdp = false;      // every slave takes frames from XDP
    std::optional<NetnsView> netns; // none: in the daemon's own
};

struct Timing { // of things of one kind since the start
    std::uint64_t count = 0;
    Time longest{};
    std::string longest_of; // what took longest
    Time permille_999{};    // only one of a thousand took longer
    Time total{};
};

struct NotUnderControl { // a bond that goes on as it was left
    std::string name, why;
};

struct Snapshot {
    std::string version;     // of xbond
    std::string kernel;      // uname -r
    std::uint64_t netns = 0; // inode
    std::int64_t pid = 0;
    Time now{};
    Time started{};
    std::vector<Feature> features;
    Timing turns; // of the loop
    Timing hands; // of the calls that may sleep, made by a thread of their own
    std::size_t hands_waiting = 0;
    Timing disk; // of the state files, written by another
    std::size_t disk_waiting = 0;
    std::vector<BondView> bonds;
    std::vector<NotUnderControl> not_under_control;
};

} // namespace xbond::show
