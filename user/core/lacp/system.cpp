// SPDX-License-Identifier: MIT
#include "user/core/lacp/system.h"

#include <algorithm>
#include <stdexcept>

#include "user/core/lacp/machines.h"

namespace xbond::lacp {
namespace {

constexpr Time send_retry = Ms(100);

// First is 1, then one more than the last slave's (`lacp.identity`); from the end of the range on, the lowest one free.
std::uint16_t next_port_number(const std::vector<Port> &ports) {
    std::uint16_t number = ports.empty() ? 1 : static_cast<std::uint16_t>(ports.back().actor.port + 1);
    const auto taken = [&](const Port &port) { return port.actor.port == number; };
    while (number == 0 || std::ranges::any_of(ports, taken)) {
        ++number;
    }
    return number;
}

// The actor's identity as the options want it.
PortInfo with_options(PortInfo actor, const PortLink &link, const SystemOptions &options) {
    actor.system_priority = options.system_priority;
    actor.system = options.system();
    actor.key = operational_key(options.user_key, link.speed, link.full_duplex);
    actor.set(flag::activity, options.active);
    actor.set(flag::timeout, options.fast_rate);
    return actor;
}

// The key is kept (`lacp.key`), the loop is not: whoever pulls a cable may have opened it.
void lose_link(Port &port) {
    port.counters.port_enabled_changes += port.link.up ? 1 : 0;
    port.link.up = false;
    port.loop = false;
}

} // namespace

Run System::start(std::string_view cause, Time now) { return {state_, now, cause}; }

void System::record(History &history, PduRecord entry, std::span<const std::uint8_t> frame) {
    const auto kept = frame.first(std::min(frame.size(), capture_octets));
    entry.bytes.assign(kept.begin(), kept.end());
    entry.wire_octets = frame.size();
    history.push_back(std::move(entry));
    if (history.size() > records_kept) {
        history.pop_front();
    }
}

Effects System::finish(Run &run) {
    settle(run);
    for (const auto &transition : run.effects.transitions) {
        if (const auto log = logs_.find(transition.slot); log != logs_.end()) {
            log->second.last_transition = transition;
        }
    }
    for (const auto &frame : run.effects.frames) {
        if (const auto log = logs_.find(frame.slot); log != logs_.end()) {
            PduRecord entry{run.now, true, frame.is_marker ? "marker_resp_tx" : "lacpdu_tx"};
            if (!frame.is_marker) {
                entry.pdu = classify(frame.bytes, {}).pdu;
            }
            record(log->second.sent, std::move(entry), frame.bytes);
        }
    }
    return std::move(run.effects);
}

// ---- commands ----

Effects System::set_options(const SystemOptions &options, Time now) {
    auto run = start("option", now);
    state_.options = options;
    for (auto &port : state_.ports) {
        const auto actor = with_options(port.actor, port.link, options);
        if (actor == port.actor) {
            continue;
        }
        if (!actor.same_id(port.actor)) { // what was matched is no more
            run.change("selected", port, port.selected, Selected::unselected, run.cause);
            port.partner.set(flag::synchronization, false);
        }
        const bool longer = port.actor.has(flag::timeout) && !actor.has(flag::timeout);
        port.actor = actor;
        if (longer && port.rx == RxState::current) { // the partner slows down as soon as it hears of it
            port.current_while = std::max(port.current_while.value_or(now), port.last_rx.value_or(now) + long_timeout);
        }
        port.ntt = true; // the partner learns of new options at once
    }
    return finish(run);
}

Effects System::add_port(SlotId slot, const MacAddr &permanent_mac, std::uint16_t port_priority, Time now) {
    if (state_.port(slot) != nullptr) {
        throw std::invalid_argument("lacp: slot is taken");
    }
    auto run = start("link", now);
    Port port;
    port.slot = slot;
    port.mac = permanent_mac;
    port.own_aggregator = ++state_.last_aggregator;
    port.actor.port_priority = port_priority;
    port.actor.port = next_port_number(state_.ports);
    port.actor.set(flag::aggregation, true);
    port.actor = with_options(port.actor, port.link, state_.options);
    state_.aggregators.push_back({port.own_aggregator});
    state_.ports.push_back(port);
    logs_[slot] = {};
    begin(run, state_.ports.back());
    return finish(run);
}

Effects System::remove_port(SlotId slot, Time now) {
    auto *port = state_.port(slot);
    if (port == nullptr) {
        return {};
    }
    auto run = start("release", now);
    send_farewell(run, *port);
    run.change("mux", *port, port->mux, MuxState::detached, run.cause);
    leave_aggregator(state_, *port);
    const auto leaving = *port;
    state_.ports.erase(state_.ports.begin() + (port - state_.ports.data()));
    retire_aggregator(state_, leaving);
    logs_.erase(slot);
    return finish(run);
}

Effects System::set_port_priority(SlotId slot, std::uint16_t priority, Time now) {
    auto run = start("option", now);
    if (auto *port = state_.port(slot); port != nullptr && port->actor.port_priority != priority) {
        port->actor.port_priority = priority;
        port->partner.set(flag::synchronization, false); // it has matched the old priority
        port->ntt = true;
    }
    return finish(run);
}

Effects System::take_leave(Time now) {
    auto run = start("controller ends", now);
    for (auto &port : state_.ports) {
        port.ntt = port.rx == RxState::current;
    }
    return finish(run);
}

void System::resume(Time away, Time now) {
    for (auto &port : state_.ports) {
        for (auto *when : {&port.current_while, &port.periodic_timer, &port.last_rx, &port.last_tx}) {
            *when = *when ? std::optional(**when - away) : std::nullopt;
        }
        for (auto *sent : {&port.pdus_sent, &port.markers_sent}) {
            std::ranges::for_each(*sent, [&](Time &when) { when -= away; });
        }
        if (port.periodic != PeriodicState::no_periodic) {
            port.ntt = true;
            port.tx_gate = now;
        }
    }
    for (auto &[slot, log] : logs_) {
        for (auto *history : {&log.received, &log.sent}) {
            std::ranges::for_each(*history, [&](PduRecord &entry) { entry.when -= away; });
        }
    }
}

Effects System::shutdown(Time now) {
    auto run = start("release", now);
    for (auto &port : state_.ports) {
        send_farewell(run, port);
        lose_link(port);
    }
    return finish(run);
}

// ---- events ----

Effects System::set_link(SlotId slot, const PortLink &link, Time now) {
    auto *port = state_.port(slot);
    if (port == nullptr) {
        return {};
    }
    auto run = start("link", now);
    if (!link.up) {
        lose_link(*port);
        return finish(run);
    }
    port->counters.port_enabled_changes += port->link.up ? 0 : 1;
    port->link = link;
    const auto key = operational_key(state_.options.user_key, link.speed, link.full_duplex);
    if (port->actor.key != key) { // another link than before: BEGIN (`lacp.key`)
        port->actor.key = key;
        begin(run, *port);
    }
    return finish(run);
}

Effects System::receive(SlotId slot, std::span<const std::uint8_t> frame, std::optional<Time> stamp, Time now) {
    auto *port = state_.port(slot);
    const auto classified = classify(frame, state_.options.system());
    if (port == nullptr || classified.verdict == Verdict::pass) {
        return {};
    }
    auto run = start("rx", now);
    const auto when = std::min(stamp.value_or(now), now);
    ++(port->counters.*classified.counter);
    PduRecord entry{when, false, name(classified.counter)};
    if (classified.verdict == Verdict::lacpdu || classified.verdict == Verdict::loopback) {
        entry.pdu = classified.pdu;
    }
    record(logs_[slot].received, std::move(entry), frame);

    if (classified.verdict == Verdict::marker_request) {
        answer_marker(run, *port, classified.payload);
    } else if (classified.verdict == Verdict::loopback) {
        port->loop = port->link.up;
    } else if (classified.verdict == Verdict::lacpdu) {
        port->last_rx = when;
        if (stamp && port->current_while && *port->current_while < when) { // it came too late
            run.timers = true;
            step_receive(run, *port);
            run.timers = false;
        }
        run.arrival = Arrival{slot, when, classified.pdu};
    }
    return finish(run);
}

Effects System::expire(Time now) {
    auto run = start("timer", now);
    run.timers = true;
    return finish(run);
}

void System::send_failed(SlotId slot, Time now) {
    auto *port = state_.port(slot);
    if (port == nullptr || port->pdus_sent.empty()) {
        return;
    }
    port->pdus_sent.pop_back();
    --port->counters.lacpdu_tx;
    port->ntt = true;
    port->tx_gate = now + send_retry;
    std::erase_if(logs_[slot].sent, [&](const PduRecord &entry) { return entry.pdu && entry.when == port->last_tx; });
}

std::optional<Time> System::deadline() const {
    std::optional<Time> first;
    for (const auto &port : state_.ports) {
        for (const auto &timer : {port.current_while, port.periodic_timer, port.wait_while, port.actor_churn_timer,
                                  port.partner_churn_timer, port.tx_gate}) {
            if (timer && (!first || *timer < *first)) {
                first = timer;
            }
        }
    }
    return first;
}

// ---- views ----

bool System::collecting(SlotId slot) const {
    const auto *found = port(slot);
    return found != nullptr && lacp::collecting(state_, *found);
}

bool System::distributing(SlotId slot) const {
    const auto *found = port(slot);
    return found != nullptr && lacp::distributing(state_, *found);
}

bool System::sending(SlotId slot) const {
    const auto *found = port(slot);
    return found != nullptr && lacp::sending(state_, *found);
}

Counters System::totals() const {
    Counters sum;
    for (const auto &port : state_.ports) {
        for (const auto &[name, member] : counter_table) {
            sum.*member += port.counters.*member;
        }
    }
    return sum;
}

const History &System::received(SlotId slot) const { return logs_.at(slot).received; }
const History &System::sent(SlotId slot) const { return logs_.at(slot).sent; }

const Transition *System::last_transition(SlotId slot) const {
    const auto &last = logs_.at(slot).last_transition;
    return last ? &*last : nullptr;
}

} // namespace xbond::lacp
