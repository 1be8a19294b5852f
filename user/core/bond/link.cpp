// SPDX-License-Identifier: MIT
// Events of links and of the bond device; the MII monitor's pass and its commit (`mii.commit`).
#include <limits>

#include "user/core/bond/step.h"
#include "user/core/link/mii.h"

namespace xbond::core {
namespace {

std::string lost(const Slave &slave) { return slave.running ? "carrier lost" : "device is down"; }

std::string mii_cause(const Slave &slave, Link to) {
    if (to == Link::fail) {
        return lost(slave) + ", waiting for downdelay";
    }
    if (to == Link::back) {
        return "carrier is on, waiting for updelay";
    }
    if (to == Link::down) {
        return slave.mii == Link::fail ? "downdelay is over" : lost(slave);
    }
    return slave.mii == Link::fail ? "carrier is back within downdelay" : "carrier is on";
}

// The ARP monitor judges by silence: it needs the latest stamps of every slave.
bool covers_all(const BondState &bond, const LinksObserved &event) {
    return std::ranges::all_of(bond.slaves, [&](const Slave &slave) {
        return std::ranges::find(event.links, slave.slot, &LinkObservation::slot) != event.links.end();
    });
}

Time monitor_interval(const BondState &bond) { // of whose ticks a link is taken back at
    return Ms(bond.options.miimon_ms > 0 ? bond.options.miimon_ms : bond.options.arp_interval_ms);
}

const std::optional<Time> &monitor_tick(const BondState &bond) {
    return bond.options.miimon_ms > 0 ? bond.next_tick : bond.next_arp;
}

bool is_tick(const BondState &bond, Time now) { return monitor_tick(bond) && now >= *monitor_tick(bond); }

// When a carrier has come that is seen now. A tick that is a little late does not make the next one too early.
Time seen_since(const BondState &bond, Time now) {
    return is_tick(bond, now) ? std::max(*monitor_tick(bond), now - monitor_interval(bond) / 10) : now;
}

void observe(BondState &bond, Step &step, const LinkObservation &link) {
    Slave *slave = find_slave(bond, link.slot);
    if (slave == nullptr) {
        return; // it was released while the observation was under way
    }
    if (slave->up() != (link.running && link.carrier)) {
        step.report("carrier", slave->name, on_off(slave->up()), on_off(!slave->up()), "observed");
    }
    const bool was_up = slave->up();
    slave->running = link.running;
    slave->carrier = link.carrier;
    if (!slave->up()) {
        slave->unsteady_since.reset();
    } else if (!was_up && monitor_interval(bond) > Time(0)) {
        slave->unsteady_since = seen_since(bond, step.now);
        slave->reason = slave->link == Link::down ? "carrier is on, but not for a whole interval yet" : slave->reason;
    }
    slave->speed = link.speed;
    slave->duplex = link.duplex;
    observe_stamps(bond, *slave, link.stamps);
}

bool lacks_speed(const BondState &bond, const Slave &slave) {
    return policy(bond).traits().needs_speed && (slave.speed == speed_unknown || slave.duplex == duplex_unknown);
}

std::string commit_up(BondState &bond, Step &step, Slave &slave) {
    if (bond.options.miimon_ms > 0) { // the ARP monitor's grace begins elsewhere (`arp.active`)
        slave.last_link_up = step.now;
    }
    end_search(bond);
    slave_came(bond, step.now);
    change_flags(step, slave, "link is up", [&](Slave &s) { policy(bond).on_link_up(s); });
    const Slave *active = find_slave(bond, bond.active);
    if (active == nullptr) {
        return slave.name + " is up and there was no active slave";
    }
    if (slave.slot == bond.primary) {
        return "primary " + slave.name + " is up again";
    }
    return slave.prio > active->prio ? slave.name + " is up and has a higher prio" : std::string();
}

std::string commit_down(BondState &bond, Step &step, Slave &slave) {
    if (slave.failures < std::numeric_limits<std::uint32_t>::max()) {
        ++slave.failures;
    }
    change_flags(step, slave, "link is down",
                 [&](Slave &s) { policy(bond).on_link_down(s, bond.options.all_slaves_active); });
    if (slave.slot == bond.active) {
        return "active slave " + slave.name + " is down";
    }
    notify_clients(bond, step, slave);
    return {};
}

// The first moment that is later than `now`, a whole interval or more behind the last tick, and a multiple of the
// interval: the ticks of many bonds come together and wake the host once.
Time tick_after(Time last, Time interval, Time now) {
    const Time next = last + interval * ((now - last) / interval + 1);
    return (next + interval - Time(1)) / interval * interval;
}

void run_mii(BondState &bond, Step &step, monitor::PassKind kind) {
    const bool tick = kind == monitor::PassKind::tick;
    const bool had_carrier = bond.carrier;
    monitor::MiiPass pass({.kind = kind,
                           .updelay_ticks = bond.options.updelay_ticks,
                           .downdelay_ticks = bond.options.downdelay_ticks,
                           .ignore_updelay = policy(bond).ignores_updelay(view(bond))});
    Causes causes;
    for (Slave &slave : bond.slaves) {
        const bool waits = slave.up() && slave.unsteady_since; // in DOWN, or in FAIL with the delay standing still
        const auto proposal = waits ? std::nullopt : pass.inspect(slave.mii, slave.up(), slave.delay);
        causes.push_back(proposal ? mii_cause(slave, *proposal) : "");
        slave.mii = proposal.value_or(slave.mii);
    }
    commit(bond, step, causes);
    if (tick) {
        announce_tick(bond, step);
        bond.next_tick = tick_after(*bond.next_tick, Ms(bond.options.miimon_ms), step.now);
    } else if (bond.carrier && !had_carrier) {
        try_announce(bond,
                     step); // the try at the change itself came before the carrier; no tick will make up for it
    }
}

// A link that was lost and has its carrier back is lost first.
void observe_losses(BondState &bond, Step &step, const LinksObserved &event) {
    bool any = false;
    for (LinkObservation link : event.links) {
        if (link.lost && link.carrier) {
            link.carrier = false;
            observe(bond, step, link);
            any = true;
        }
    }
    if (any && bond.next_tick) {
        run_mii(bond, step, monitor::PassKind::event);
    }
}

bool another_is_ready(const BondState &bond, const Slave &slave) {
    return std::ranges::any_of(bond.slaves, [&](const Slave &other) {
        return other.slot != slave.slot && other.ready() && other.link == Link::up;
    });
}

} // namespace

void trust_links(BondState &bond, Time now) {
    const Time interval = monitor_interval(bond);
    for (Slave &slave : bond.slaves) {
        const bool steady = interval == Time(0) ||
                            (slave.unsteady_since && is_tick(bond, now) && now - *slave.unsteady_since >= interval);
        if (steady || !another_is_ready(bond, slave)) {
            slave.unsteady_since.reset();
        }
    }
}

void look_again(BondState &bond, Step &step) {
    trust_links(bond, step.now);
    if (bond.next_tick) {
        run_mii(bond, step, monitor::PassKind::event);
    }
}

void on(BondState &bond, const LinksObserved &event, Step &step) {
    observe_losses(bond, step, event);
    for (const LinkObservation &link : event.links) {
        observe(bond, step, link);
    }
    trust_links(bond, step.now);
    if (bond.next_tick) {
        run_mii(bond, step, step.now >= *bond.next_tick ? monitor::PassKind::tick : monitor::PassKind::event);
    }
    if (bond.next_arp && step.now >= *bond.next_arp && covers_all(bond, event)) {
        run_arp(bond, step);
        trust_links(bond, step.now);
    }
    run_rejoin(bond, step);
}

// Links follow what the monitors propose (`mii.commit`).
void commit(BondState &bond, Step &step, const Causes &causes) {
    std::vector<std::optional<Link>> changes;
    for (std::size_t i = 0; i < bond.slaves.size(); ++i) {
        Link next = verdict(bond, bond.slaves[i]);
        std::string cause = causes[i];
        if (next == Link::up && bond.slaves[i].link != Link::up && lacks_speed(bond, bond.slaves[i])) {
            next = bond.slaves[i].mii = Link::down; // and is tried again: it has carrier
            cause = "speed or duplex is not known";
        }
        changes.push_back(next == bond.slaves[i].link ? std::nullopt : std::optional(next));
        set_link(bond, step, bond.slaves[i], next, std::move(cause));
    }
    if (std::ranges::none_of(changes, [](const auto &change) { return change.has_value(); })) {
        return;
    }
    std::string failover_cause;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        std::string request;
        if (changes[i] == Link::up) {
            request = commit_up(bond, step, bond.slaves[i]);
        } else if (changes[i] == Link::down) {
            request = commit_down(bond, step, bond.slaves[i]);
        }
        if (failover_cause.empty()) {
            failover_cause = std::move(request);
        }
    }
    if (bond.options.arp_interval_ms > 0) {
        for (Slave &slave : bond.slaves) {
            change_flags(step, slave, "ARP monitor", [&](Slave &s) { policy(bond).on_arp_commit(s); });
        }
    }
    if (!failover_cause.empty()) {
        select(bond, step, failover_cause);
    }
    update_carrier(bond, step, "link monitor");
}

void on(BondState &bond, const BondAdmin &event, Step &step) {
    if (event.up == bond.admin_up) {
        return;
    }
    step.report("admin", "", up_down(bond.admin_up), up_down(event.up), "bond device set " + up_down(event.up));
    bond.admin_up = event.up;
    if (bond.admin_up) {
        for (Slave &slave : bond.slaves) {
            change_flags(step, slave, "bond opened", [&](Slave &s) {
                policy(bond).on_bond_opened(s, s.slot == bond.active, bond.options.all_slaves_active);
            });
        }
    } else {
        bond.pending_notif = 0;
        bond.pending_rejoin = 0;
        bond.rejoin_at.reset();
        shut_lacp_down(bond, step);
    }
    sync_balance(bond, step.now);
    end_search(bond);
    forgive_silence(bond, step.now);
    restart_monitor(bond, step.now); // an immediate first tick
    restart_arp(bond, step.now);
}

void on(BondState &bond, const SlaveRenamed &event, Step &step) {
    Slave *slave = find_slave(bond, event.slot);
    if (slave == nullptr || slave->name == event.name) {
        return;
    }
    step.report("name", event.name, slave->name, event.name, "renamed");
    slave->name = event.name;
    if (!policy(bond).traits().has_primary || bond.options.primary.empty()) {
        return;
    }
    if (slave->slot == bond.primary) {
        bond.primary = no_slot;
    } else if (slave->name == bond.options.primary) {
        bond.primary = slave->slot;
    } else {
        return;
    }
    select(bond, step, "primary renamed");
}

} // namespace xbond::core
