// SPDX-License-Identifier: MIT
// The ARP/NS monitor at work in a bond: its tick, its probes, and the search while no slave is active (`arp.active`).
#include "user/core/bond/step.h"
#include "user/core/link/arp.h"

namespace xbond::core {
namespace {

// Moves each target's time to where the target is now; one that is new counts from now on.
template <typename Addr>
void move_times(std::span<const Addr> before, std::span<const Addr> after, std::span<Time> times, Time now) {
    const std::vector<Time> old(times.begin(), times.end());
    for (std::size_t i = 0; i < after.size(); ++i) {
        const auto found = std::ranges::find(before, after[i]);
        times[i] = found == before.end() ? now : old[static_cast<std::size_t>(found - before.begin())];
    }
}

// Stamps at a position that now belongs to another target say nothing about it.
template <typename Addr>
void distrust(std::span<const Addr> before, std::span<const Addr> after, std::span<Time> since, Time now) {
    for (std::size_t i = 0; i < after.size(); ++i) {
        since[i] = i < before.size() && before[i] == after[i] ? since[i] : now;
    }
}

template <typename Change> void change_times(Slave &slave, Change change) {
    change(slave.last_tx);
    change(slave.last_rx);
    std::ranges::for_each(slave.target_rx, change);
}

Time rx(const BondState &bond, const Slave &slave) {
    return bond.options.arp_all_targets_all
               ? monitor::oldest_target(slave.target_rx, bond.options.arp_ip_targets.size())
               : slave.last_rx;
}

// One candidate an interval. It listens as if it were active; if an answer comes, the next inspection proposes UP.
void search(BondState &bond, Step &step) {
    std::vector<monitor::SearchSlave> all;
    std::ranges::transform(bond.slaves, std::back_inserter(all), [](const Slave &slave) {
        return monitor::SearchSlave{slave.slot, slave.up()};
    });
    Slave *next = find_slave(bond, monitor::next_candidate(all, bond.candidate));
    if (next == nullptr) {
        return;
    }
    end_search(bond);
    bond.candidate = next->slot;
    next->arp = Link::back;
    set_link(bond, step, *next, verdict(bond, *next), "no slave is active: it is probed");
    policy(bond).on_became_active(*next);
    next->last_link_up = step.now;
    step.effects.emplace_back(SendProbes{bond.candidate});
}

void probe(BondState &bond, Step &step) {
    if (policy(bond).traits().arp_on_active) {
        if (bond.active == no_slot) {
            search(bond, step);
        } else {
            step.effects.emplace_back(SendProbes{bond.active});
        }
        return;
    }
    for (const Slave &slave : bond.slaves) {
        if (slave.up()) {
            step.effects.emplace_back(SendProbes{slave.slot});
        }
    }
}

} // namespace

// Enslaved: as if it had answered just long enough ago to have half an interval left (`arp.times`).
void start_times(const BondState &bond, Slave &slave, Time now) {
    constexpr Time jiffy = Ms(1);
    change_times(slave, [&](Time &time) { time = now - Ms(bond.options.arp_interval_ms) - jiffy; });
}

void observe_stamps(const BondState &bond, Slave &slave, const Stamps &stamps) {
    if (stamps.last_rx != Time{}) {
        slave.last_rx = std::max(slave.last_rx, stamps.last_rx);
    }
    for (std::size_t i = 0; i < stamps.target_rx.size(); ++i) {
        if (stamps.target_rx[i] > bond.target_since[i]) {
            slave.target_rx[i] = std::max(slave.target_rx[i], stamps.target_rx[i]);
        }
    }
}

void restart_arp(BondState &bond, Time first_tick) {
    const bool runs = bond.admin_up && bond.options.arp_interval_ms > 0 && !bond.slaves.empty();
    bond.next_arp = runs ? std::optional(first_tick) : std::nullopt;
}

// While nobody probed, nobody could answer: a slave that was up gets its whole window from now on.
void forgive_silence(BondState &bond, Time now) {
    for (Slave &slave : bond.slaves) {
        if (slave.arp == Link::up) {
            change_times(slave, [&](Time &time) { time = std::max(time, now); });
        }
    }
}

void run_arp(BondState &bond, Step &step) {
    const Time interval = Ms(bond.options.arp_interval_ms);
    const Time late = step.now - *bond.next_arp;
    if (late > interval / 2) { // more than the windows allow for: the delay is ours, not the slaves'
        for (Slave &slave : bond.slaves) {
            if (slave.arp == Link::up) {
                change_times(slave, [&](Time &time) { time = std::min(time + late, std::max(time, step.now)); });
            }
        }
    }
    const monitor::ArpWindow window{step.now, interval, bond.options.arp_missed_max};
    const bool on_active = policy(bond).traits().arp_on_active;
    Causes causes;
    for (Slave &slave : bond.slaves) {
        const monitor::ArpSlave seen{.link = slave.arp,
                                     .backup = slave.backup,
                                     .last_tx = slave.last_tx,
                                     .rx = on_active ? rx(bond, slave) : slave.last_rx,
                                     .last_link_up = slave.last_link_up};
        const auto proposal =
            on_active ? inspect_active_backup(seen, window, bond.candidate != no_slot) : inspect_balanced(seen, window);
        slave.arp = proposal ? proposal->link : slave.arp;
        if (slave.slot == bond.candidate && slave.arp == Link::fail) {
            policy(bond).on_stopped_active(slave, bond.options.all_slaves_active);
        }
        causes.push_back(proposal ? proposal->reason : "");
    }
    commit(bond, step, causes);
    probe(bond, step);
    if (bond.options.miimon_ms == 0) {
        announce_tick(bond, step);
    }
    *bond.next_arp += interval * (late / interval + 1);
}

void end_search(BondState &bond) {
    if (Slave *candidate = find_slave(bond, bond.candidate)) {
        policy(bond).on_stopped_active(*candidate, bond.options.all_slaves_active);
    }
    bond.candidate = no_slot;
}

void on(BondState &bond, const ProbesSent &event, Step &step) {
    if (Slave *slave = find_slave(bond, event.slot)) {
        slave->last_tx = step.now;
    }
}

// ARP target i and NS target i share a time (`arp.times`).
void sync_targets(BondState &bond, const Options &before, Time now) {
    const auto follow = [&]<typename Addr>(const std::vector<Addr> &from, const std::vector<Addr> &to) {
        if (from == to) {
            return;
        }
        for (Slave &slave : bond.slaves) {
            move_times<Addr>(from, to, slave.target_rx, now);
        }
        distrust<Addr>(from, to, bond.target_since, now);
    };
    follow(before.arp_ip_targets, bond.options.arp_ip_targets);
    follow(before.ns_ip6_targets, bond.options.ns_ip6_targets);
}

// Monitors that a setting started, stopped or changed. The same value again keeps the grid, so that no delay gets
// shorter. A monitor that starts takes the links as they are; to the ARP monitor a slave in downdelay is up until it is
// silent.
void sync_monitors(BondState &bond, Step &step, const Options &before, const std::string &cause) {
    if (bond.options.miimon_ms != before.miimon_ms) {
        if (before.miimon_ms == 0) {
            for (Slave &slave : bond.slaves) {
                slave.mii = slave.link;
                slave.delay = 0;
            }
        }
        restart_monitor(bond, step.now);
    }
    if (bond.options.arp_interval_ms != before.arp_interval_ms) {
        if (before.arp_interval_ms == 0) {
            std::ranges::for_each(bond.slaves,
                                  [](Slave &slave) { slave.arp = slave.link == Link::fail ? Link::up : slave.link; });
        }
        end_search(bond);
        forgive_silence(bond, step.now);
        restart_arp(bond, step.now);
    }
    trust_links(bond, step.now);
    commit(bond, step, Causes(bond.slaves.size(), cause));
}

} // namespace xbond::core
