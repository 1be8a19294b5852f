// SPDX-License-Identifier: MIT
// The ARP/NS monitor at work in a bond (4.1, 4.5, 4.6): its tick, its probes, and the search while no slave is active.
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

} // namespace

// Enslaved: as if it had answered just long enough ago to have half an interval left (4.1).
void Bond::start_times(Slave &slave, Time now) const {
    constexpr Time jiffy = Ms(1);
    change_times(slave, [&](Time &time) { time = now - Ms(options_.arp_interval_ms) - jiffy; });
}

void Bond::observe_stamps(Slave &slave, const Stamps &stamps) const {
    if (stamps.last_rx != Time{}) {
        slave.last_rx = std::max(slave.last_rx, stamps.last_rx);
    }
    for (std::size_t i = 0; i < stamps.target_rx.size(); ++i) {
        if (stamps.target_rx[i] > target_since_[i]) {
            slave.target_rx[i] = std::max(slave.target_rx[i], stamps.target_rx[i]);
        }
    }
}

Time Bond::rx(const Slave &slave) const {
    return options_.arp_all_targets_all ? monitor::oldest_target(slave.target_rx, options_.arp_ip_targets.size())
                                        : slave.last_rx;
}

void Bond::restart_arp(Time first_tick) {
    const bool runs = admin_up_ && options_.arp_interval_ms > 0 && !slaves_.empty();
    next_arp_ = runs ? std::optional(first_tick) : std::nullopt;
}

// While nobody probed, nobody could answer: a slave that was up gets its whole window from now on.
void Bond::forgive_silence(Time now) {
    for (Slave &slave : slaves_) {
        if (slave.arp == Link::up) {
            change_times(slave, [&](Time &time) { time = std::max(time, now); });
        }
    }
}

void Bond::run_arp(Step &step) {
    const Time interval = Ms(options_.arp_interval_ms);
    const Time late = step.now - *next_arp_;
    if (late > interval / 2) { // more than the windows allow for: the delay is ours, not the slaves'
        for (Slave &slave : slaves_) {
            if (slave.arp == Link::up) {
                change_times(slave, [&](Time &time) { time = std::min(time + late, std::max(time, step.now)); });
            }
        }
    }
    const monitor::ArpWindow window{step.now, interval, options_.arp_missed_max};
    const bool on_active = policy().traits().arp_on_active;
    Causes causes;
    for (Slave &slave : slaves_) {
        const monitor::ArpSlave seen{.link = slave.arp,
                                     .backup = slave.backup,
                                     .last_tx = slave.last_tx,
                                     .rx = on_active ? rx(slave) : slave.last_rx,
                                     .last_link_up = slave.last_link_up};
        const auto proposal =
            on_active ? inspect_active_backup(seen, window, candidate_ != no_slot) : inspect_balanced(seen, window);
        slave.arp = proposal ? proposal->link : slave.arp;
        if (slave.slot == candidate_ && slave.arp == Link::fail) {
            policy().on_stopped_active(slave, options_.all_slaves_active);
        }
        causes.push_back(proposal ? proposal->reason : "");
    }
    commit(step, causes);
    probe(step);
    if (options_.miimon_ms == 0) {
        announce_tick(step);
    }
    *next_arp_ += interval * (late / interval + 1);
}

void Bond::probe(Step &step) {
    if (policy().traits().arp_on_active) {
        if (active_ == no_slot) {
            search(step);
        } else {
            step.effects.emplace_back(SendProbes{active_});
        }
        return;
    }
    for (const Slave &slave : slaves_) {
        if (slave.up()) {
            step.effects.emplace_back(SendProbes{slave.slot});
        }
    }
}

// One candidate an interval. It listens as if it were active; if an answer comes, the next inspection proposes UP.
void Bond::search(Step &step) {
    std::vector<monitor::SearchSlave> all;
    std::ranges::transform(slaves_, std::back_inserter(all), [](const Slave &slave) {
        return monitor::SearchSlave{slave.slot, slave.up()};
    });
    Slave *next = find(monitor::next_candidate(all, candidate_));
    if (next == nullptr) {
        return;
    }
    end_search();
    candidate_ = next->slot;
    next->arp = Link::back;
    set_link(step, *next, verdict(*next), "no slave is active: it is probed");
    policy().on_became_active(*next);
    next->last_link_up = step.now;
    step.effects.emplace_back(SendProbes{candidate_});
}

void Bond::end_search() {
    if (Slave *candidate = find(candidate_)) {
        policy().on_stopped_active(*candidate, options_.all_slaves_active);
    }
    candidate_ = no_slot;
}

void Bond::on(const ProbesSent &event, Step &step) {
    if (Slave *slave = find(event.slot)) {
        slave->last_tx = step.now;
    }
}

// ARP target i and NS target i share a time (4.1).
void Bond::sync_targets(const Options &before, Time now) {
    const auto follow = [&]<typename Addr>(const std::vector<Addr> &from, const std::vector<Addr> &to) {
        if (from == to) {
            return;
        }
        for (Slave &slave : slaves_) {
            move_times<Addr>(from, to, slave.target_rx, now);
        }
        distrust<Addr>(from, to, target_since_, now);
    };
    follow(before.arp_ip_targets, options_.arp_ip_targets);
    follow(before.ns_ip6_targets, options_.ns_ip6_targets);
}

// Monitors that a setting started, stopped or changed. The same value again keeps the grid, so that no delay gets
// shorter. A monitor that starts takes the links as they are; to the ARP monitor a slave in downdelay is up until it is
// silent.
void Bond::sync_monitors(Step &step, const Options &before, const std::string &cause) {
    if (options_.miimon_ms != before.miimon_ms) {
        if (before.miimon_ms == 0) {
            for (Slave &slave : slaves_) {
                slave.mii = slave.link;
                slave.delay = 0;
            }
        }
        restart_monitor(step.now);
    }
    if (options_.arp_interval_ms != before.arp_interval_ms) {
        if (before.arp_interval_ms == 0) {
            std::ranges::for_each(slaves_,
                                  [](Slave &slave) { slave.arp = slave.link == Link::fail ? Link::up : slave.link; });
        }
        end_search();
        forgive_silence(step.now);
        restart_arp(step.now);
    }
    commit(step, Causes(slaves_.size(), cause));
}

} // namespace xbond::core
