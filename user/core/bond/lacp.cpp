// SPDX-License-Identifier: MIT
// Mode 802.3ad in the bond. LACP's system follows the bond's options, slaves and links; what it decides becomes the
// slaves' flags and the bond's carrier. Who leaves is out of the tables before the partner hears of it; who joins comes
// in when everything has been sent.
#include <algorithm>

#include "user/core/bond/step.h"

namespace xbond::core {
namespace {

lacp::SystemOptions wanted_options(const BondState &bond) {
    const Options &o = bond.options;
    return {.fast_rate = o.lacp_fast,
            .active = o.lacp_active,
            .coupled_control = o.coupled_control,
            .strict = o.lacp_strict,
            .ad_select = o.ad_select,
            .min_links = o.min_links,
            .max_ports = o.max_ports,
            .system_priority = o.ad_actor_sys_prio,
            .user_key = o.ad_user_port_key,
            .actor_system = o.ad_actor_system,
            .bond_mac = bond.mac};
}

// The link as the monitor sees it: in "going down" it is still up, in "going back" not yet. Without carrier there is no
// speed, and the one there was stays. Unknown duplex counts as full (`lacp.key`).
lacp::PortLink wanted_link(const BondState &bond, const Slave &slave, lacp::PortLink link) {
    link.up = bond.admin_up && (slave.link == Link::up || slave.link == Link::fail);
    if (slave.up()) {
        link.speed = slave.known_speed();
        link.full_duplex = slave.duplex != duplex_half;
    }
    return link;
}

enum class Joining { later, now };

// Partners say that they collect before they do: Open vSwitch drops what comes in the first millisecond. So a port that
// LACP lets send is used this long after its last PDU, as long as another one sends. None: at once.
std::optional<Time> settled_at(const BondState &bond, const lacp::Port &port, const Slave &slave) {
    constexpr Time settling = Ms(50);
    const auto sends = [&](const Slave &other) {
        return other.slot != slave.slot && other.ready() && !other.backup && bond.lacp->sending(other.slot);
    };
    if (!slave.backup || !port.last_tx || std::ranges::none_of(bond.slaves, sends)) {
        return std::nullopt;
    }
    return *port.last_tx + settling;
}

// True when a port has begun to send.
bool follow_lacp(BondState &bond, Step &step, Joining joining) {
    const lacp::System &system = *bond.lacp;
    bool joined = false;
    for (const lacp::Port &port : system.ports()) {
        Slave *slave = find_slave(bond, port.slot);
        if (slave == nullptr) {
            continue;
        }
        const bool may_join = joining == Joining::now && settled_at(bond, port, *slave).value_or(step.now) <= step.now;
        const bool sends = system.sending(port.slot) && (may_join || !slave->backup);
        const bool collects = system.collecting(port.slot);
        joined = joined || (slave->backup && sends);
        change_flags(step, *slave, "LACP", [&](Slave &s) {
            set_backup_flags(s, bond.options.all_slaves_active);
            s.backup = !sends;
            s.suppressed = s.suppressed && !collects; // as it is with all_slaves_active
        });
    }
    bond.aggregation_carrier = system.carrier() && (joining == Joining::now || bond.carrier);
    update_carrier(bond, step, "LACP");
    return joined;
}

// What LACP makes of one thing that it was told. `leaving`: a slave whose port is no longer there.
void take(BondState &bond, Step &step, lacp::Effects &&made, const Slave *leaving = nullptr) {
    if (!made.settled) {
        step.warn("the LACP machines do not come to rest: please report this");
    }
    follow_lacp(bond, step, Joining::later);
    if (!made.frames.empty()) {
        publish(bond, step);
        for (lacp::FrameToSend &frame : made.frames) {
            step.effects.emplace_back(SendSlow{frame.slot, std::move(frame.bytes), frame.is_marker});
        }
        step.published = step.effects.size();
    }
    for (const lacp::Transition &t : made.transitions) {
        const Slave *slave = find_slave(bond, t.slot);
        slave = slave == nullptr && leaving != nullptr && leaving->slot == t.slot ? leaving : slave;
        step.effects.emplace_back(Transition{t.when, std::string(t.machine), slave == nullptr ? "" : slave->name,
                                             t.from, t.to, std::string(t.cause), true});
    }
}

void sync_port(BondState &bond, Step &step, const Slave &slave) {
    lacp::System &system = *bond.lacp;
    if (system.port(slave.slot) == nullptr) {
        take(bond, step, system.add_port(slave.slot, slave.perm_mac, slave.actor_port_prio, step.now));
    }
    if (system.port(slave.slot)->actor.port_priority != slave.actor_port_prio) {
        take(bond, step, system.set_port_priority(slave.slot, slave.actor_port_prio, step.now));
    }
    const lacp::PortLink before = system.port(slave.slot)->link;
    if (const auto link = wanted_link(bond, slave, before); link != before) {
        take(bond, step, system.set_link(slave.slot, link, step.now));
    }
}

// Of slaves that went while no controller was there.
void remove_stray_ports(BondState &bond, Step &step) {
    const auto is_stray = [&](const lacp::Port &port) { return find_slave(bond, port.slot) == nullptr; };
    const auto &ports = bond.lacp->ports();
    for (auto stray = ports.begin(); (stray = std::ranges::find_if(ports, is_stray)) != ports.end();) {
        take(bond, step, bond.lacp->remove_port(stray->slot, step.now));
    }
}

} // namespace

std::optional<Time> lacp_deadline(const BondState &bond) {
    if (!bond.lacp) {
        return std::nullopt;
    }
    auto first = bond.lacp->deadline();
    for (const lacp::Port &port : bond.lacp->ports()) {
        const Slave *slave = find_slave(bond, port.slot);
        const auto settled =
            slave != nullptr && bond.lacp->sending(port.slot) ? settled_at(bond, port, *slave) : std::nullopt;
        first = settled && (!first || *settled < *first) ? settled : first;
    }
    return first;
}

bool uses_lacp(const BondState &bond) { return policy(bond).traits().lacp; }

void sync_lacp(BondState &bond, Step &step) {
    if (!uses_lacp(bond)) {
        bond.lacp.reset();
        return;
    }
    const auto options = wanted_options(bond);
    if (!bond.lacp) {
        bond.lacp.emplace(options);
    }
    remove_stray_ports(bond, step);
    if (options != bond.lacp->options()) {
        take(bond, step, bond.lacp->set_options(options, step.now));
    }
    for (const Slave &slave : bond.slaves) {
        sync_port(bond, step, slave);
    }
    if (follow_lacp(bond, step, Joining::now) && bond.options.broadcast_neighbor) {
        start_announcing(bond, step);
    }
}

// The farewell is from the system that the partner knows, also when the last slave takes the bond's address along.
void leave_lacp(BondState &bond, Step &step, const Slave &leaving) {
    if (bond.lacp) {
        take(bond, step, bond.lacp->remove_port(leaving.slot, step.now), &leaving);
    }
}

// With farewells, so that no partner has to wait for its timeout.
void shut_lacp_down(BondState &bond, Step &step) {
    if (bond.lacp) {
        take(bond, step, bond.lacp->shutdown(step.now));
    }
}

void on(BondState &bond, const SlowFrames &event, Step &step) {
    if (!bond.lacp) {
        return;
    }
    for (const SlowFrame &frame : event.frames) {
        take(bond, step, bond.lacp->receive(frame.slot, frame.bytes, frame.stamp, step.now));
    }
    if (event.all) {
        take(bond, step, bond.lacp->expire(step.now));
    }
}

void on(BondState &bond, const ControllerEnds &, Step &step) {
    if (bond.lacp) {
        take(bond, step, bond.lacp->take_leave(step.now));
    }
}

void on(BondState &bond, const SlowNotSent &event, Step &step) {
    if (bond.lacp && !event.is_marker) {
        bond.lacp->send_failed(event.slot, step.now);
    }
}

Result<void> restore_lacp(BondState &bond, lacp::SystemState saved, Time now) {
    if (!uses_lacp(bond)) {
        return {};
    }
    saved.options = wanted_options(bond);
    lacp::forgive_absence(saved, now);
    XB_TRY(system, lacp::System::restore(std::move(saved), now));
    bond.lacp = std::move(*system);
    return {};
}

} // namespace xbond::core
