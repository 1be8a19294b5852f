// SPDX-License-Identifier: MIT
// The one way in for events, and what all of them look things up with.
#include "user/core/bond/bond.h"

#include <algorithm>
#include <stdexcept>

#include "user/core/bond/step.h"
#include "user/core/modes/registry.h"

namespace xbond::core {
namespace {

std::optional<Time> earliest(std::initializer_list<std::optional<Time>> all) {
    std::optional<Time> first;
    for (const auto &due : all) {
        first = due && (!first || *due < *first) ? due : first;
    }
    return first;
}

bool is_due(const std::optional<Time> &deadline, Time now) { return deadline && *deadline <= now; }

std::optional<Time> links_deadline(const BondState &bond) {
    return earliest({bond.next_tick, bond.next_arp, bond.rejoin_at});
}

// Stamps that the data path left while nobody looked are not trusted: what they say is forgiven already.
void restore_monitors(BondState &bond, const SavedBond &saved, Time now) {
    if (bond.options.miimon_ms == 0 || bond.options.arp_interval_ms == 0) { // one alone decides
        std::ranges::for_each(bond.slaves, [](Slave &slave) { slave.mii = slave.arp = slave.link; });
    }
    if (policy(bond).traits().arp_on_active && bond.active == no_slot && find_slave(bond, saved.candidate) != nullptr) {
        bond.candidate = saved.candidate;
    }
    bond.target_since.fill(now);
    forgive_silence(bond, now);
    restart_monitor(bond, now + Ms(bond.options.miimon_ms));
    restart_arp(bond, now);
    sync_balance(bond, now);
}

} // namespace

std::string_view link_text(Link link) {
    constexpr std::string_view texts[] = {"up", "going down", "down", "going back"};
    return texts[static_cast<std::size_t>(link)];
}

BondState restore(const SavedBond &saved, std::uint32_t mtu, Time now) {
    BondState bond{.name = saved.name,
                   .options = saved.options,
                   .mac = saved.mac,
                   .mac_is_random = saved.mac_is_random,
                   .mtu = mtu,
                   .admin_up = saved.admin_up,
                   .aggregation_carrier = saved.aggregation_carrier,
                   .force_primary = saved.force_primary,
                   .pending_notif = saved.pending_notif,
                   .pending_rejoin = saved.pending_rejoin};
    for (const Slave &slave : saved.slaves) {
        if (slave.slot < XB_MAX_SLAVES && find_slave(bond, slave.slot) == nullptr) {
            bond.slaves.push_back(slave);
            if (slave.up() && slave.link == Link::down) { // it waited to be taken back
                bond.slaves.back().unsteady_since = now;
            }
        }
    }
    const auto known = [&](SlotId slot) { return find_slave(bond, slot) == nullptr ? no_slot : slot; };
    bond.active = known(saved.active);
    bond.primary = known(saved.primary);
    bond.carrier = wants_carrier(bond);
    if (bond.pending_rejoin > 0) {
        bond.rejoin_at = now + Ms(1);
    }
    restore_monitors(bond, saved, now);
    return bond;
}

SavedBond save(const BondState &bond) {
    return {bond.name,
            bond.options,
            bond.mac,
            bond.mac_is_random,
            bond.admin_up,
            bond.slaves,
            bond.active,
            bond.primary,
            bond.force_primary,
            bond.pending_notif,
            bond.pending_rejoin,
            bond.candidate,
            bond.aggregation_carrier};
}

Effects step(BondState &bond, const Event &event, Time now) {
    Step step{now};
    std::visit([&](const auto &what) { on(bond, what, step); }, event);
    return finish(bond, step);
}

// LACP is a matter of two clocks, and the partner's went on. Monitors ask whether somebody is silent now: while nobody
// could speak nobody was. Switches and neighbours may have forgotten where the bond is.
void on(BondState &bond, const Resumed &event, Step &step) {
    forgive_silence(bond, step.now);
    if (bond.lacp) {
        bond.lacp->resume(event.away, step.now);
    }
    if (policy(bond).traits().address_follows_active && bond.active != no_slot) {
        start_announcing(bond, step);
    }
}

void publish(BondState &bond, Step &step) {
    if (Desired wanted = desired(bond); wanted != bond.published) {
        bond.published = wanted;
        step.effects.insert(step.effects.begin() + static_cast<std::ptrdiff_t>(step.published),
                            Publish{std::move(wanted)});
    }
    step.published = step.effects.size();
}

Effects finish(BondState &bond, Step &step) {
    sync_lacp(bond, step);
    publish(bond, step);
    return std::move(step.effects);
}

std::optional<Time> deadline(const BondState &bond) {
    return earliest({links_deadline(bond), balance_deadline(bond), lacp_deadline(bond)});
}

bool links_due(const BondState &bond, Time now) { return is_due(links_deadline(bond), now); }
bool balance_due(const BondState &bond, Time now) { return is_due(balance_deadline(bond), now); }
bool lacp_due(const BondState &bond, Time now) { return is_due(lacp_deadline(bond), now); }

void set_link(BondState &bond, Step &step, Slave &slave, Link link, std::string cause) {
    if (slave.link != link) {
        // The candidate of a search comes and goes each interval: not what people watch links for.
        const bool searching = slave.slot == bond.candidate && (link == Link::back || link == Link::fail);
        slave.reason = std::move(cause);
        step.report(searching ? "search" : "link", slave.name, std::string(link_text(slave.link)),
                    std::string(link_text(link)), slave.reason);
        slave.link = link;
    }
}

// What follows from the monitors that run.
Link verdict(const BondState &bond, const Slave &slave) {
    if (bond.options.miimon_ms == 0) {
        return bond.options.arp_interval_ms == 0 ? slave.link : slave.arp;
    }
    if (bond.options.arp_interval_ms == 0) {
        return slave.mii;
    }
    return bond.options.monitors == Monitors::any ? monitor::better(slave.mii, slave.arp)
                                                  : monitor::worse(slave.mii, slave.arp);
}

// The monitor runs while the bond is up and has slaves.
void restart_monitor(BondState &bond, Time first_tick) {
    const bool runs = bond.admin_up && bond.options.miimon_ms > 0 && !bond.slaves.empty();
    bond.next_tick = runs ? std::optional(first_tick) : std::nullopt;
}

const ModePolicy &policy(const BondState &bond) {
    const ModePolicy *policy = find_mode_policy(bond.options.mode);
    if (policy == nullptr) {
        throw std::invalid_argument("bond " + bond.name + ": mode is not in this version of xbond");
    }
    return *policy;
}

ModeView view(const BondState &bond) {
    return {bond.slaves, find_slave(bond, bond.active), find_slave(bond, bond.primary), bond.options};
}

const Slave *find_slave(const BondState &bond, SlotId slot) {
    const auto found = std::ranges::find(bond.slaves, slot, &Slave::slot);
    return found == bond.slaves.end() ? nullptr : &*found;
}

Slave *find_slave(BondState &bond, SlotId slot) { return const_cast<Slave *>(find_slave(std::as_const(bond), slot)); }

const Slave *find_slave(const BondState &bond, std::string_view name) {
    const auto found = std::ranges::find(bond.slaves, name, &Slave::name);
    return found == bond.slaves.end() ? nullptr : &*found;
}

} // namespace xbond::core
