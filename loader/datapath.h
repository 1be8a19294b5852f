// SPDX-License-Identifier: MIT
// The BPF data path of one bond: programs, maps, links and their pins. Everything here is pinned, so that a controller
// that dies leaves it forwarding; destroying the object detaches nothing. Threading: one thread (the event loop's).
//
// Pin layout, below `<bpffs>/xbond/<netns inode>/<bond>/`:
//   xb_table xb_stamps xb_lb xb_stats xb_events    the maps of abi.h
//   xb_own4 xb_own6 xb_watch xb_xsk
//   xb_chain xb_chain_frags xb_out xb_all          for other people's XDP programs
//   xb_ports xb_port_macs xb_port_stats xb_port_out    ports
//   xb_enter                                       `receive xdp`
//   xb_view xb_view_timer xb_xsk_rules xb_xsk_apps    made when they are needed
//   xb_tx xb_rx xb_learn xb_look xb_watch_arm xb_port    the programs in use
//   xb_chained                                     somebody's program behind xb_xdp
//   tx_bond tx_peer rx_<slot> port_<number>        links, where the kind of hook in use has any (loader/hook)
//   build_<hash>                                   empty directory: which build's programs they are
//   carrier_<check> qdisc_<ifindex>                empty directories: the variant in use; a clsact qdisc made by us
//   netns_<cookie> was_<ifindex>_<mac>_<mtu>_<up>  empty directories: whose it is; what a slave was before
// XDP programs need no pin of ours: they sit on the device by netlink or by libxdp's pins, and are known by their maps.
#pragma once

#include <array>
#include <climits>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/fd.h"
#include "loader/features.h"
#include "loader/pins.h"
#include "xbond/abi.h"
#include "xbond/bank.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::loader {

// How XDP sits on one slave; `why` says what decided (the table of drivers is in xdp_policy.h).
struct XdpState {
    enum class Attached { none, native, generic } attached = Attached::none;
    std::string why;
    // `receive xdp`: whether xb_xdp may give the bond what is for it (XB_SLOT_BY_XDP), and what decided.
    bool receives = false, unsummed = false; // the latter as XB_SLOT_UNSUMMED
    std::string receives_why;

    bool operator==(const XdpState &) const = default;
};

// Somebody's XDP program behind xb_xdp, as the kernel tells of it.
struct ChainedProgram {
    std::uint32_t id = 0;
    std::string name;
    bool frags = false;                 // takes frames in fragments
    std::vector<std::uint32_t> map_ids; // those it uses

    bool operator==(const ChainedProgram &) const = default;
};

// What is published in one flip. Slot devices are set apart (set_slot, clear_slot).
using Bank = xb_bank;

struct Counters { // sums over CPUs
    xb_counters slot[XB_MAX_SLAVES];
    xb_counters bond;
};

// A device whose frames go through the bond.
struct Port {
    std::uint32_t ifindex = 0;
    std::optional<MacAddr> mac; // the only address behind it; none: they are learned
    std::uint16_t vlan = 0;     // of its untagged frames; 0: frames are as on the wire
    MacAddr own;                // of the device itself
    XdpPolicy xdp = XdpPolicy::automatic;
};
struct PortState {
    std::uint32_t ifindex = 0;
    xb_port_counters counters{};
    std::uint32_t heard = 0; // addresses learned
    bool takes_xdp = false;  // what XDP on a slave sends there arrives
};

class DataPath {
public:
    struct Config {
        std::filesystem::path pin_dir;  // <bpffs>/xbond/<netns inode>/<bond>
        std::uint32_t bond_ifindex = 0; // 0: in another network namespace
        std::uint32_t peer_ifindex = 0;
        ProgramSet programs;
    };

    // Loads a new data path and attaches it to bond and peer with an empty table (which drops). Nothing is left on
    // error.
    static Result<DataPath> create(const Config &, const Features &);

    // Takes over what is pinned, without touching a packet. ENOENT: nothing there. EPROTO: another layout version or
    // pins that do not match the config's interfaces. ESTALE: they are of another network namespace, one that has gone.
    // Any other error may pass: what is pinned goes on forwarding.
    static Result<DataPath> adopt(const Config &, const Features &);

    DataPath(DataPath &&) noexcept;
    DataPath &operator=(DataPath &&) noexcept;
    ~DataPath(); // closes descriptors; what is pinned goes on

    // Learns the slave's net_device and fills the slot. Before any bank names the slot. The slot's counters start at 0
    // for a device that was not in the slot before. Also after the device went down and up, to be sure; idempotent.
    Result<void> set_slot(SlotId, std::uint32_t ifindex);
    // After no bank names the slot. Idempotent; also right after the device has gone.
    void clear_slot(SlotId);

    // What is to be known of a device without a state file, before it is changed; gone with detach_slave().
    Result<void> note_original(const Original &);
    // Receive hook of a slave (ingress, of the kind in use). Attach before the bank that uses it; detach after.
    Result<void> attach_slave(SlotId, std::uint32_t ifindex);
    void detach_slave(SlotId, std::uint32_t ifindex);
    // Ends hooks and slots of every device that is none of these: left by a controller that died while it took a slave
    // in or let one go.
    struct Place {
        SlotId slot = 0;
        std::uint32_t ifindex = 0;
    };
    void evict_others(std::span<const Place> slaves);
    // Puts back hooks that somebody has taken away and moves those to the end that are not the last: what was done, for
    // people. Errors are told as well; what could not be mended is tried the next time. A device that has gone is none.
    bool hooks_can_be_taken() const;
    Ms hooks_look_pause() const; // how often it should be called
    std::vector<std::string> mend_hooks();
    void end_rivals(); // Hook::end_rivals() on all hooks, when this data path is ready to decide

    struct XdpSlave {
        SlotId slot = 0;
        std::uint32_t ifindex = 0;
        XdpPolicy policy = XdpPolicy::automatic;
        std::string driver;
        bool needed = false;         // applications have rules
        bool ports = false;          // the bond has ports: native, where the driver takes it
        bool receive = false;        // xb_xdp is to give frames to the bond: likewise
        std::string receive_refused; // why it must not all the same, as far as the device is concerned
    };
    // Attaches, switches or removes xb_xdp; a policy that the driver refuses is an error, except automatic. With rules
    // or a chained program automatic means wherever the device takes it: native, or generic where it has no native XDP.
    Result<XdpState> set_xdp(const XdpSlave &);
    Result<XdpState> set_xdp(SlotId, std::uint32_t ifindex, XdpPolicy, std::string_view driver, bool needed = false);
    // Which frames AF_XDP sockets of applications get: for hands. A rule's map of sockets, key as in xb_xsk.
    Result<void> set_xsk_rules(std::span<const xb_xsk_rule>);
    Result<Fd> rule_sockets(const xb_xsk_rule &) const;

    // What applications may see (view.h): made when it is first asked for, by hands; then true at each publish() and
    // after each interval (0: no more), also without a controller.
    Result<void> open_view(Ms interval);
    Result<void> set_view(Ms interval);
    int view_fd() const; // of a map that nobody in user space can write; -1: there is none yet

    // Gives somebody's XDP program the place behind xb_xdp on every slave, instead of the one that had it: on all at
    // once, and never without either, where both take frames the same way (`frags`); else slave after slave. On error
    // everything is as before. Not while a slave's policy is off.
    Result<std::vector<XdpState>> chain(int prog_fd, bool frags, std::span<const XdpSlave>);
    std::vector<Result<XdpState>> unchain(std::span<const XdpSlave>);
    const std::optional<ChainedProgram> &chained() const; // for whoever calls chain()
    // With a chained program: xb_xdp that somebody has taken off a slave is put back. What was done, for people.
    std::vector<std::string> mend_xdp(std::span<const XdpSlave>);

    // Ports. Idempotent: what is as asked for is not touched. EBUSY: somebody else's XDP program is there, which the
    // message names; ENOSPC: the bond has as many as it can have. Waits for RTNL, as the next.
    Result<XdpState> set_port(const Port &);
    void end_port(std::uint32_t ifindex);
    // What was `before` in this network namespace is `now` in the one that the thread has entered.
    void end_moved_port(std::uint32_t before, std::uint32_t now);
    void forget_port(std::uint32_t ifindex); // from here on it is none; for whoever has to be fast
    std::vector<std::uint32_t> port_devices() const;
    std::vector<PortState> port_states() const;
    // Whether slaves and ports take frames from XDP changes with what is at their other ends, and nobody tells; xb_fwd
    // that somebody has taken away is put back. What was done, for people.
    std::vector<std::string> look_at_ports();
    // Who is behind ports, as learned and as told; 0: without a VLAN of the port's.
    struct PortAddress {
        MacAddr mac;
        std::uint16_t vlan = 0;
    };
    std::vector<PortAddress> port_addresses() const;
    bool forwards_by_xdp() const; // every slave takes frames from XDP

    // Gives xb_xdp an AF_XDP socket for the slow protocols of one slave's receive queue; without one it passes them.
    // The kernel forgets a socket that is closed. ENOTSUP: this kernel has no AF_XDP.
    Result<void> set_xsk(SlotId, unsigned queue, int xsk_fd);
    void clear_xsk(SlotId, unsigned queue);

    // Fills the inactive bank and flips. Equal content is not published again. `entry_*` follow from `flags`.
    void publish(const Bank &);
    const Bank &published() const;

    // Another mode, policy or packets_per_slave: loads a new set and swaps every link, no packet lost. On error the
    // old set stays. The same set again does something only if programs_outdated().
    Result<void> reprogram(const ProgramSet &);
    const ProgramSet &programs() const; // what runs: after adopt() it may differ from the Config
    // After adopt(): the pinned programs are of another build than this controller's.
    bool programs_outdated() const;

    // Carrier watch: starts, changes or stops (0) the timer.
    Result<void> set_watch(Ms interval);
    std::uint64_t watch_runs() const; // times the timer has run since it was set
    // The slots whose device has carrier at this moment, bit i = slot i, read without any lock of the kernel. ENOTSUP:
    // this kernel offers no carrier check.
    Result<std::uint32_t> carriers() const;
    // A slot that was met without carrier is used no more while another one can send, until its latch is cleared: then
    // the next packet that meets it so tells again.
    bool latched(SlotId) const;
    void clear_latch(SlotId);

    // With XB_BANK_LEASED: nothing is sent after this (CLOCK_MONOTONIC).
    void set_lease(Time until);

    // ARP/NS monitor: the slave's stamps; and whose answers count: the addresses of bond0 and of all devices on it.
    Stamps stamps(SlotId) const;
    Result<void> set_own_addresses(std::span<const Ipv4Addr>, std::span<const Ipv6Addr>);

    // Load balancing (balance.h): what the programs keep, and how it is changed while they go on. The next news of the
    // client table is told again.
    void read_balance(xb_lb &copy) const;
    void set_load(SlotId, std::uint64_t load);
    void take_unbalanced(std::uint64_t counted);
    void release_bucket(std::size_t index, SlotId owner, std::uint64_t counted, std::uint64_t history);
    // Slot and flags, if the entry is still of the same pair of addresses.
    void change_client(std::size_t index, const xb_client &from, const xb_client &to);
    void set_last_client_slot(SlotId);

    int events_fd() const; // readable (epoll) when events wait
    void drain_events(const std::function<void(const xb_event &)> &,
                      const std::function<void(const xb_client &)> &displaced = {});

    Counters counters() const;
    CarrierCheck carrier_check() const; // the variant in use
    std::string_view hook() const;      // the name of the kind in use: "tcx", "clsact"

    // The bond's device is about to be moved into another network namespace or back, is there (0), or has come back:
    // programs and hooks for that, no packet lost. Before moving(), publish full visibility, and for as long as the
    // device is not in this network namespace.
    static constexpr std::uint32_t moving = INT_MAX; // no device's number
    Result<void> set_bond(std::uint32_t ifindex);

    // The bond has another name: its pins are in that directory from now on. Nothing is done where they are already.
    Result<void> move_pins(const std::filesystem::path &pin_dir);

    // Removes links, programs, pins. Frames then stay on the slaves. Nothing but the destructor may follow.
    void teardown();

private:
    struct Impl;
    explicit DataPath(std::unique_ptr<Impl>);
    std::unique_ptr<Impl> impl_;
};

// What is known of a bond from its pins alone, whatever their layout.
struct PinnedDevices {
    std::uint32_t bond = 0, peer = 0;  // 0: our program is no longer on it
    std::vector<std::uint32_t> slaves; // with a receive hook of this bond
    std::vector<std::uint32_t> ports;
    std::vector<Original> originals; // of slaves, also half taken in
};
PinnedDevices pinned_devices(const std::filesystem::path &pin_dir);

// A data path that is replaced goes on while its pins make room for those of the next: <bond>_being_replaced, which is
// longer than a name can be. Put back, what has come in their place is removed.
Result<void> set_pins_aside(const std::filesystem::path &pin_dir);
void put_pins_back(const std::filesystem::path &pin_dir);
Result<Fd> chained_aside(const std::filesystem::path &pin_dir); // the program that is chained there
void end_xdp_aside(const std::filesystem::path &pin_dir, std::span<const std::uint32_t> devices);
void remove_pins_aside(const std::filesystem::path &pin_dir, std::span<const std::uint32_t> devices);
// A bond that was renamed while no controller ran. EEXIST: there are pins of that name already.
Result<void> rename_pins(const std::filesystem::path &from, const std::filesystem::path &to);
// After a controller died in between.
void undo_replacements(const std::filesystem::path &netns_dir);

// Names of the bonds that have pins below `<bpffs>/xbond/<netns inode>`.
std::vector<std::string> pinned_bonds(const std::filesystem::path &netns_dir);

// Removes what network namespaces that have gone left in `<bpffs>/xbond`, and tells their inodes: neither is one of
// that inode known to be alive, nor is any of its links still on a device. Without links (clsact) nobody can tell.
std::vector<std::string> remove_dead(const std::filesystem::path &root,
                                     const std::function<bool(const std::string &inode)> &is_alive);

// Removes every pin below a bond's directory, detaching clsact filters and XDP of the interfaces it finds, without
// needing to understand the layout. For --teardown after a crash or a layout change.
void remove_pins(const std::filesystem::path &pin_dir);
// The same where it is known which devices there may be something on: asking every device of a large host takes long.
void remove_pins(const std::filesystem::path &pin_dir, std::span<const std::uint32_t> devices);

} // namespace xbond::loader
