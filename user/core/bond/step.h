// SPDX-License-Identifier: MIT
// What one command or event has done so far, and what the files of this directory do for each other. Internal to
// user/core.
#pragma once

#include <algorithm>
#include <utility>

#include "user/core/bond/bond.h"
#include "user/core/modes/mode_policy.h"

namespace xbond::core {

struct Step {
    Time now;
    Effects effects{};
    std::size_t published = 0;         // effects before this one need no further Publish
    std::optional<MacAddr> put_back{}; // see SetSlaveMac

    void report(std::string machine, std::string slave, std::string from, std::string to, std::string cause) {
        effects.emplace_back(
            Transition{now, std::move(machine), std::move(slave), std::move(from), std::move(to), std::move(cause)});
    }
    void warn(std::string message) { effects.emplace_back(Log{std::move(message)}); }
};

inline std::string_view state_text(const Slave &slave) { return slave.backup ? "backup" : "active"; }
inline std::string up_down(bool up) { return up ? "up" : "down"; }
inline std::string on_off(bool on) { return on ? "on" : "off"; }

// Runs a change of the flags and reports what became of the slave's state.
template <typename Change> void change_flags(Step &step, Slave &slave, const std::string &cause, Change change) {
    const std::string before(state_text(slave));
    change(slave);
    if (before != state_text(slave)) {
        step.report("slave", slave.name, before, std::string(state_text(slave)), cause);
    }
}

// bond.cpp
void on(BondState &, const Resumed &, Step &);
// What has changed is in the tables before anything that was asked for since the last time.
void publish(BondState &, Step &);
Effects finish(BondState &, Step &); // of every command and event
const ModePolicy &policy(const BondState &);
ModeView view(const BondState &);
void set_link(BondState &, Step &, Slave &, Link, std::string cause);
Link verdict(const BondState &, const Slave &);
void restart_monitor(BondState &, Time first_tick);

// link.cpp
using Causes = std::vector<std::string>;          // of what a monitor says, a slave each
void commit(BondState &, Step &, const Causes &); // the links follow what the monitors say
// A link is left at once and taken back slowly, because the other end is not ready in the first millisecond: at a tick
// of the monitor that has seen its carrier for a whole interval, or at once when no other one is ready.
void trust_links(BondState &, Time now);
void look_again(BondState &, Step &); // at the links as they were last observed
void on(BondState &, const LinksObserved &, Step &);
void on(BondState &, const BondAdmin &, Step &);
void on(BondState &, const SlaveRenamed &, Step &);

// arp_link.cpp (`arp.balanced`, `arp.active`)
void start_times(const BondState &, Slave &, Time now);
void observe_stamps(const BondState &, Slave &, const Stamps &);
void restart_arp(BondState &, Time first_tick);
void forgive_silence(BondState &, Time now);
void run_arp(BondState &, Step &);
void end_search(BondState &);
void sync_targets(BondState &, const Options &before, Time now);
void sync_monitors(BondState &, Step &, const Options &before, const std::string &cause);
void on(BondState &, const ProbesSent &, Step &);

// balance.cpp
void sync_balance(BondState &, Time now);
std::optional<Time> balance_deadline(const BondState &);
void slave_came(BondState &, Time now);
void notify_clients(BondState &, Step &, const Slave &dead);
void move_balanced_address(BondState &, Step &, Slave *previous, Slave *gained);
void return_address(BondState &, Step &, SlotId leaving);
void balanced_address_set(BondState &, Step &, const MacAddr &);
void on(BondState &, const BalanceObserved &, Step &);
void on(BondState &, const ClientDisplaced &, Step &);

// selection.cpp (`active.choose`, `active.primary`)
void select(BondState &, Step &, const std::string &cause);
void sync_primary(BondState &, Step &);

// failover.cpp (`active.change`, `carrier.bond`)
void change_active(BondState &, Step &, SlotId, const std::string &cause);
bool wants_carrier(const BondState &);
void update_carrier(BondState &, Step &, const std::string &cause);

// mac.cpp (`address.fail_over_mac`)
void move_address(BondState &, Step &, Slave *previous, Slave &now_active);
void set_slave_mac(Step &, Slave &, const MacAddr &, const std::string &cause);
void set_bond_mac(BondState &, Step &, const MacAddr &, const std::string &cause);
void on(BondState &, const BondMacSet &, Step &);
void on(BondState &, const MacRefused &, Step &);
void on(BondState &, const SlaveMacSet &, Step &);

// announce.cpp (`announce.schedule`, `announce.rejoin`)
void start_announcing(BondState &, Step &);
bool try_announce(BondState &, Step &);
void announce_tick(BondState &, Step &);
void schedule_rejoin(BondState &, const Step &);
void run_rejoin(BondState &, Step &);

// lacp.cpp
void sync_lacp(BondState &, Step &); // LACP follows the bond, and the bond LACP
std::optional<Time> lacp_deadline(const BondState &);
void leave_lacp(BondState &, Step &, const Slave &leaving);
void shut_lacp_down(BondState &, Step &);
void on(BondState &, const SlowFrames &, Step &);
void on(BondState &, const SlowNotSent &, Step &);
void on(BondState &, const ControllerEnds &, Step &);

} // namespace xbond::core
