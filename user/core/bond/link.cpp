// SPDX-License-Identifier: MIT
// Events of links and of the bond device; the MII monitor's pass and its commit (3.2).
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

} // namespace

void Bond::on(const LinksObserved &event, Step &step) {
    for (const LinkObservation &link : event.links) {
        observe(step, link);
    }
    if (next_tick_) {
        run_mii(step);
    }
    if (next_arp_ && step.now >= *next_arp_ && covers_all(event)) {
        run_arp(step);
    }
    run_rejoin(step);
}

// The ARP monitor judges by silence: it needs the latest stamps of every slave.
bool Bond::covers_all(const LinksObserved &event) const {
    return std::ranges::all_of(slaves_, [&](const Slave &slave) {
        return std::ranges::find(event.links, slave.slot, &LinkObservation::slot) != event.links.end();
    });
}

void Bond::observe(Step &step, const LinkObservation &link) {
    Slave *slave = find(link.slot);
    if (slave == nullptr) {
        return; // it was released while the observation was under way
    }
    if (slave->up() != (link.running && link.carrier)) {
        step.report("carrier", slave->name, on_off(slave->up()), on_off(!slave->up()), "observed");
    }
    slave->running = link.running;
    slave->carrier = link.carrier;
    slave->speed = link.speed;
    slave->duplex = link.duplex;
    observe_stamps(*slave, link.stamps);
}

void Bond::run_mii(Step &step) {
    const bool tick = step.now >= *next_tick_;
    const bool had_carrier = carrier_;
    monitor::MiiPass pass({.kind = tick ? monitor::PassKind::tick : monitor::PassKind::event,
                           .updelay_ticks = options_.updelay_ticks,
                           .downdelay_ticks = options_.downdelay_ticks,
                           .ignore_updelay = policy().ignores_updelay(view())});
    Causes causes;
    for (Slave &slave : slaves_) {
        const auto proposal = pass.inspect(slave.mii, slave.up(), slave.delay);
        causes.push_back(proposal ? mii_cause(slave, *proposal) : "");
        slave.mii = proposal.value_or(slave.mii);
    }
    commit(step, causes);
    if (tick) {
        announce_tick(step);
        const Time interval = Ms(options_.miimon_ms);
        *next_tick_ += interval * ((step.now - *next_tick_) / interval + 1);
    } else if (carrier_ && !had_carrier) {
        try_announce(step); // the try at the change itself came before the carrier (1.11); no tick will make up for it
    }
}

bool Bond::lacks_speed(const Slave &slave) const {
    return policy().traits().needs_speed && (slave.speed == speed_unknown || slave.duplex == duplex_unknown);
}

// 3.2, 4.5, 4.6.
void Bond::commit(Step &step, const Causes &causes) {
    std::vector<std::optional<Link>> changes;
    for (std::size_t i = 0; i < slaves_.size(); ++i) {
        Link next = verdict(slaves_[i]);
        std::string cause = causes[i];
        if (next == Link::up && slaves_[i].link != Link::up && lacks_speed(slaves_[i])) {
            next = slaves_[i].mii = Link::down; // and is tried again: it has carrier
            cause = "speed or duplex is not known";
        }
        changes.push_back(next == slaves_[i].link ? std::nullopt : std::optional(next));
        set_link(step, slaves_[i], next, std::move(cause));
    }
    if (std::ranges::none_of(changes, [](const auto &change) { return change.has_value(); })) {
        return;
    }
    std::string failover_cause;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        std::string request;
        if (changes[i] == Link::up) {
            request = commit_up(step, slaves_[i]);
        } else if (changes[i] == Link::down) {
            request = commit_down(step, slaves_[i]);
        }
        if (failover_cause.empty()) {
            failover_cause = std::move(request);
        }
    }
    if (options_.arp_interval_ms > 0) {
        for (Slave &slave : slaves_) {
            change_flags(step, slave, "ARP monitor", [&](Slave &s) { policy().on_arp_commit(s); });
        }
    }
    if (!failover_cause.empty()) {
        select(step, failover_cause);
    }
    update_carrier(step, "link monitor");
}

std::string Bond::commit_up(Step &step, Slave &slave) {
    if (options_.miimon_ms > 0) { // the ARP monitor's grace begins elsewhere (4.1)
        slave.last_link_up = step.now;
    }
    end_search();
    slave_came(step.now);
    change_flags(step, slave, "link is up", [&](Slave &s) { policy().on_link_up(s); });
    const Slave *active = find(active_);
    if (active == nullptr) {
        return slave.name + " is up and there was no active slave";
    }
    if (slave.slot == primary_) {
        return "primary " + slave.name + " is up again";
    }
    return slave.prio > active->prio ? slave.name + " is up and has a higher prio" : std::string();
}

std::string Bond::commit_down(Step &step, Slave &slave) {
    if (slave.failures < std::numeric_limits<std::uint32_t>::max()) {
        ++slave.failures;
    }
    change_flags(step, slave, "link is down", [&](Slave &s) { policy().on_link_down(s, options_.all_slaves_active); });
    if (slave.slot == active_) {
        return "active slave " + slave.name + " is down";
    }
    notify_clients(step, slave);
    return {};
}

void Bond::on(const BondAdmin &event, Step &step) {
    if (event.up == admin_up_) {
        return;
    }
    step.report("admin", "", up_down(admin_up_), up_down(event.up), "bond device set " + up_down(event.up));
    admin_up_ = event.up;
    if (admin_up_) {
        for (Slave &slave : slaves_) {
            change_flags(step, slave, "bond opened",
                         [&](Slave &s) { policy().on_bond_opened(s, s.slot == active_, options_.all_slaves_active); });
        }
    } else {
        pending_notif_ = 0;
        pending_rejoin_ = 0;
        rejoin_at_.reset();
    }
    sync_balance(step.now);
    end_search();
    forgive_silence(step.now);
    restart_monitor(step.now); // an immediate first tick (1.13)
    restart_arp(step.now);
}

void Bond::on(const SlaveRenamed &event, Step &step) {
    Slave *slave = find(event.slot);
    if (slave == nullptr || slave->name == event.name) {
        return;
    }
    step.report("name", event.name, slave->name, event.name, "renamed");
    slave->name = event.name;
    if (!policy().traits().has_primary || options_.primary.empty()) {
        return;
    }
    if (slave->slot == primary_) {
        primary_ = no_slot;
    } else if (slave->name == options_.primary) {
        primary_ = slave->slot;
    } else {
        return;
    }
    select(step, "primary renamed");
}

} // namespace xbond::core
