// SPDX-License-Identifier: MIT
// A bond: options, slaves, link monitor, active-slave selection, failover. Pure: no system call, no clock, no log.
// Events and commands go in with the time; effects come out in the order in which they must be carried out; after any
// of them `desired()` is the whole state that the data path and the devices must have.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "user/core/balance/state.h"
#include "user/core/bond/desired.h"
#include "user/core/bond/transition.h"
#include "user/core/link/slave.h"
#include "user/core/options/options.h"
#include "xbond/result.h"

namespace xbond::core {

struct SlaveOptionRow;

class ModePolicy;
struct ModeView;

// ---- events ----
struct LinkObservation {
    SlotId slot = no_slot;
    bool running = false;
    bool carrier = false;
    std::uint32_t speed = speed_unknown;
    std::uint8_t duplex = duplex_unknown;
    Stamps stamps; // of the data path
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
// Somebody set, or asks to set, the address of bond0 (1.6). The effects push it to the slaves in order and then to
// bond0; when a slave refuses, the daemon sends BondMacSet with the old address, which puts everybody back.
struct BondMacSet {
    MacAddr mac;
};
struct SlaveMacSet { // a slave's address was changed outside xbond
    SlotId slot = no_slot;
    MacAddr mac;
};
struct SlaveRenamed { // 1.13
    SlotId slot = no_slot;
    std::string name;
};
struct ProbesSent { // at least one probe was queued on this slave just now (4.1 last_tx)
    SlotId slot = no_slot;
};
struct PortVerdict {
    SlotId slot = no_slot;
    bool collecting = false, distributing = false;

    bool operator==(const PortVerdict &) const = default;
};
struct AggregationChanged { // mode 802.3ad: what LACP says now
    std::vector<PortVerdict> ports;
    bool carrier = false;

    bool operator==(const AggregationChanged &) const = default;
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
using Event = std::variant<LinksObserved, BondAdmin, BondMacSet, SlaveMacSet, SlaveRenamed, ProbesSent,
                           AggregationChanged, BalanceObserved, ClientDisplaced>;

// ---- effects, in order ----
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

// ---- enslave and release (1.5) ----
struct DeviceFacts { // what the daemon found out about a device that somebody wants to enslave
    std::string name;
    std::uint32_t ifindex = 0;
    std::uint16_t arp_type = 1; // ARPHRD_*
    std::uint32_t flags = 0;    // IFF_*
    std::uint32_t master = 0;   // ifindex of its master, 0 if none
    bool is_master = false;     // a bridge, team, VRF ... device (IFF_MASTER or a master-type kind)
    bool is_bond = false;       // an xbond bond, or a kernel bond
    bool is_own_device = false; // the device of an xbond bond, or the other end of its pair
    bool can_set_mac = true;
    MacAddr mac;
    std::uint32_t mtu = 1500;
    bool carrier = false; // for enslave(): this, speed and duplex as read after the device was opened
    std::uint32_t speed = speed_unknown;
    std::uint8_t duplex = duplex_unknown;
};
struct EnslavePlan { // what the daemon does to the device, in this order, before Bond::enslave
    SlotId slot = no_slot;
    std::optional<MacAddr> set_bond_mac; // first slave lends its MAC
    std::optional<MacAddr> set_mac;
    std::uint32_t set_mtu = 1500;
    bool switch_fail_over_mac_active = false; // first slave cannot change its MAC (1.5)
};
struct ReleasePlan {
    std::optional<MacAddr> restore_mac;  // none: keep (fail_over_mac active)
    std::optional<MacAddr> set_bond_mac; // last slave left: a new random MAC
};

// Everything a new controller needs to go on without a visible change.
struct SavedBond {
    std::string name;
    Options options;
    MacAddr mac;
    bool mac_is_random = true; // address type "random" (1.6)
    bool admin_up = false;
    std::vector<Slave> slaves; // enslavement order
    SlotId active = no_slot;
    SlotId primary = no_slot;
    bool force_primary = false;
    std::uint32_t pending_notif = 0;
    std::uint32_t pending_rejoin = 0;
    SlotId candidate = no_slot;       // of the ARP monitor's search (4.6)
    bool aggregation_carrier = false; // mode 802.3ad

    bool operator==(const SavedBond &) const = default;
};

class Bond {
public:
    // `options.mode` must be one that set_option accepts; anything else throws std::invalid_argument.
    Bond(std::string name, Options options, MacAddr mac, bool mac_is_random, std::uint32_t mtu);
    // No effects. The tick grid starts anew one miimon from now, so that no delay gets shorter: send LinksObserved of
    // all slaves at once to act on what happened meanwhile. The ARP/NS monitor's grid starts now, and the time in which
    // nobody probed is held against no slave. What saved state names but does not have is left out.
    static Bond restore(const SavedBond &, std::uint32_t mtu, Time now);
    SavedBond save() const;

    // -- commands; on error nothing has changed --
    // All-or-nothing, applied in the kernel's netlink order (6.3) whatever order they were given in. active_slave and
    // primary take names; "" clears.
    Result<Effects> set_options(std::span<const OptionValue>, Time now);
    Result<Effects> set_slave_options(SlotId, std::span<const OptionValue>, Time now);
    Result<EnslavePlan> plan_enslave(const DeviceFacts &, MacAddr fresh_random) const;
    Effects enslave(const DeviceFacts &before, const EnslavePlan &, Time now); // device is open, MAC and MTU set
    Result<ReleasePlan> plan_release(SlotId, MacAddr fresh_random) const;
    // The slave leaves the tables; call before the device is touched, then detach and restore it.
    Effects release(SlotId, const ReleasePlan &, Time now);

    // -- events --
    Effects handle(const Event &, Time now);
    std::optional<Time>
    deadline() const; // when handle(LinksObserved of all) is due next; none: no monitor, nothing pending

    bool balance_due(Time now) const; // BalanceObserved is due (then deadline() is not later)

    Desired desired() const;

    // -- views --
    const std::string &name() const;
    const Options &options() const;
    const std::vector<Slave> &slaves() const; // enslavement order
    const Slave *slave(SlotId) const;
    const Slave *slave(std::string_view name) const;
    SlotId active() const;
    SlotId primary() const;
    SlotId candidate() const; // the slave that the ARP monitor probes while there is no active one
    MacAddr mac() const;
    bool carrier() const;
    bool admin_up() const;
    bool uses_lacp() const; // mode 802.3ad: AggregationChanged decides who is used
    std::uint32_t mtu() const;
    void set_mtu(std::uint32_t);

private:
    struct Step; // one command or event in work (step.h)

    // bond.cpp
    void set_link(Step &, Slave &, Link, std::string cause);
    template <typename Change> void change_flags(Step &, Slave &, const std::string &cause, Change);
    Slave *find(SlotId);
    const ModePolicy &policy() const;
    ModeView view() const;
    Link verdict(const Slave &) const;
    void restart_monitor(Time first_tick);
    void restore_monitors(const SavedBond &, Time now);

    // events, link.cpp
    void on(const LinksObserved &, Step &);
    void on(const BondAdmin &, Step &);
    void on(const BondMacSet &, Step &); // mac.cpp
    void on(const SlaveMacSet &, Step &);
    void on(const SlaveRenamed &, Step &);
    void on(const ProbesSent &, Step &);         // arp_link.cpp
    void on(const AggregationChanged &, Step &); // lacp_verdict.cpp
    void observe(Step &, const LinkObservation &);
    void run_mii(Step &);
    bool covers_all(const LinksObserved &) const;
    using Causes = std::vector<std::string>; // of what a monitor says, a slave each
    void commit(Step &, const Causes &);     // the links follow what the monitors say
    std::string commit_up(Step &, Slave &);  // why a failover is requested; empty: none is
    std::string commit_down(Step &, Slave &);
    bool lacks_speed(const Slave &) const;

    // arp_link.cpp (4.1, 4.5, 4.6)
    void start_times(Slave &, Time now) const;
    void observe_stamps(Slave &, const Stamps &) const;
    Time rx(const Slave &) const; // rx(s) of 4.1
    void restart_arp(Time first_tick);
    void forgive_silence(Time now);
    void run_arp(Step &);
    void probe(Step &);
    void search(Step &);
    void end_search();
    void sync_targets(const Options &before, Time now);
    void sync_monitors(Step &, const Options &before, const std::string &cause);

    // balance.cpp (section 5)
    void on(const BalanceObserved &, Step &);
    void on(const ClientDisplaced &, Step &);
    bool balances() const;
    void sync_balance(Time now);
    std::optional<Time> balance_deadline() const;
    void slave_came(Time now);
    void notify_clients(Step &, const Slave &dead);
    void announce_address(Step &, const Slave &);
    void swap_addresses(Step &, Slave &, Slave &, const std::string &cause);
    void move_balanced_address(Step &, Slave *previous, Slave *gained);
    void return_address(Step &, SlotId leaving);
    void balanced_address_set(Step &, const MacAddr &);

    // desired.cpp
    DesiredMonitor desired_monitor() const;
    DesiredSlave desired_slave(const Slave &, SlotId fallback) const;

    // selection.cpp (3.3, 3.5)
    SlotId choose();
    SlotId best();
    void select(Step &, const std::string &cause);
    void sync_primary(Step &);

    // failover.cpp (3.4, 1.10)
    void change_active(Step &, SlotId, const std::string &cause);
    bool wants_carrier() const;
    void update_carrier(Step &, const std::string &cause);

    // mac.cpp (1.6)
    void move_address(Step &, Slave *previous, Slave &now_active);
    void set_slave_mac(Step &, Slave &, const MacAddr &, const std::string &cause);
    void set_bond_mac(Step &, const MacAddr &, const std::string &cause);

    // announce.cpp (1.11, 1.12)
    void start_announcing(Step &);
    bool try_announce(Step &);
    void announce_tick(Step &);
    void schedule_rejoin(const Step &);
    void run_rejoin(Step &);

    // bond_options.cpp
    Result<void> apply_option(Step &, const OptionValue &);
    Result<void> apply_setting(Step &, const OptionValue &);
    void report_settings(Step &, const Options &before, const std::string &written) const;
    Result<void> apply_slave_option(Step &, SlotId, const OptionValue &);
    Result<void> set_active_slave(Step &, std::string_view name);
    Result<void> set_slave_option(Step &, Slave &, const SlaveOptionRow &, std::string_view value);
    Result<void> check_queue_is_free(const Slave &, std::int64_t queue_id) const;
    void sync_prio(Step &, const Slave &);

    // enslave.cpp (1.5)
    SlotId free_slot() const;
    bool slave_keeps_mac() const; // mode 1 with fail_over_mac
    void start_link(Slave &, Time now) const;
    std::optional<MacAddr> mac_for(const DeviceFacts &, MacAddr bond_mac, MacAddr fresh_random) const;

    std::string name_;
    Options options_;
    MacAddr mac_;
    bool mac_is_random_;
    std::uint32_t mtu_;
    bool admin_up_ = false;
    bool carrier_ = false;
    bool aggregation_carrier_ = false; // as LACP told last
    std::vector<Slave> slaves_;        // enslavement order
    SlotId active_ = no_slot;
    SlotId primary_ = no_slot;
    bool force_primary_ = false; // the primary takes over once, whatever primary_reselect says (3.5)
    std::uint32_t pending_notif_ = 0;
    std::uint32_t pending_rejoin_ = 0;
    std::optional<Time> next_tick_; // none: no monitor, bond down or no slaves
    std::optional<Time> rejoin_at_;
    SlotId candidate_ = no_slot;   // 4.6; only while there is no active slave
    std::optional<Time> next_arp_; // as next_tick_, of the ARP/NS monitor
    balance::State balance_;
    // Older stamps of a target slot belong to another target, or to a time before the monitor's.
    std::array<Time, XB_MAX_TARGETS> target_since_{};
};

} // namespace xbond::core
