// SPDX-License-Identifier: MIT
#include "tests/core/lacp/lab.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace xbond::test {

PortInfo partner_p(std::uint16_t port) { return {32768, {{0x00, 0x1c, 0x73, 0, 0, 1}}, 10, 32768, port, 0}; }
PortInfo partner_q(std::uint16_t port) { return {127, {{0x00, 0x05, 0x86, 0, 0, 2}}, 42, 127, port, 0}; }

SystemOptions defaults() {
    SystemOptions options;
    options.bond_mac = {{2, 0, 0, 0, 0x0a, 1}};
    return options;
}

Lab::Lab(int slaves, SystemOptions options, std::vector<std::uint32_t> speeds) : system(options) {
    for (int slave = 1; slave <= slaves; ++slave) {
        add(slave);
    }
    for (std::size_t i = 0; i < speeds.size(); ++i) {
        link_up(static_cast<int>(i) + 1, speeds[i]);
    }
}

void Lab::run_to(int ms) {
    const Time end = Ms(ms);
    REQUIRE(end >= now_);
    while (system.deadline() && *system.deadline() <= end) {
        now_ = std::max(now_, *system.deadline());
        carry_out(system.expire(now_));
        REQUIRE((!system.deadline() || *system.deadline() > now_));
    }
    now_ = end;
}

void Lab::carry_out(Effects effects) {
    CHECK(effects.settled);
    for (const auto &frame : effects.frames) {
        if (!frame.is_marker) {
            sent.push_back({now(), frame.slot, classify(frame.bytes, {}).pdu});
        }
    }
    frames = std::move(effects.frames);
    transitions.insert(transitions.end(), effects.transitions.begin(), effects.transitions.end());
}

void Lab::add(int slave, std::uint16_t port_priority) {
    const auto slot = static_cast<SlotId>(slave);
    const MacAddr mac{{2, 0, 0, 0, 0x0a, static_cast<std::uint8_t>(0x10 + slave)}};
    carry_out(system.add_port(slot, mac, port_priority, now_));
}

void Lab::remove(int slave) { carry_out(system.remove_port(static_cast<SlotId>(slave), now_)); }

void Lab::link_up(int slave, std::uint32_t speed, bool full_duplex) {
    carry_out(system.set_link(static_cast<SlotId>(slave), {true, full_duplex, speed}, now_));
}

void Lab::link_down(int slave) { carry_out(system.set_link(static_cast<SlotId>(slave), {}, now_)); }

void Lab::options(const SystemOptions &options) { carry_out(system.set_options(options, now_)); }

void Lab::frame(int slave, std::span<const std::uint8_t> bytes) {
    carry_out(system.receive(static_cast<SlotId>(slave), bytes, now_, now_));
}

void Lab::pdu(int slave, PortInfo from, std::uint8_t state) { pdu(slave, from, state, port(slave).actor); }

void Lab::pdu(int slave, PortInfo from, std::uint8_t state, const PortInfo &view) {
    from.state = state;
    frame(slave, encode({1, from, view, 0}, from.system));
}

void Lab::pdus(int slave, PortInfo from, std::uint8_t state, int period, int until) {
    for (; now() <= until; run_for(period)) {
        pdu(slave, from, state);
        if (now() + period > until) {
            run_to(until);
            return;
        }
    }
}

void Lab::handshake(const std::vector<std::pair<int, PortInfo>> &partners, bool fast) {
    const std::uint8_t timeout = fast ? flag::timeout : 0;
    for (const auto &[slave, partner] : partners) {
        pdu(slave, partner, 0x05 | timeout);
    }
    run_for(2100);
    for (const auto &[slave, partner] : partners) {
        pdu(slave, partner, 0x3d | timeout);
    }
}

Slaves Lab::tx() const {
    Slaves slaves;
    for (const auto &port : system.ports()) {
        if (system.distributing(port.slot)) {
            slaves.insert(port.slot);
        }
    }
    return slaves;
}

Slaves Lab::rx() const {
    Slaves slaves;
    for (const auto &port : system.ports()) {
        if (system.collecting(port.slot)) {
            slaves.insert(port.slot);
        }
    }
    return slaves;
}

std::uint32_t Lab::active() const {
    const auto *aggregator = system.active_aggregator();
    return aggregator == nullptr ? 0 : aggregator->id;
}

std::vector<Sent> Lab::since(int ms, int slave) const {
    std::vector<Sent> found;
    std::ranges::copy_if(sent, std::back_inserter(found),
                         [&](const Sent &one) { return one.ms >= ms && one.slave == slave; });
    return found;
}

Instants Lab::instants(int from, int slave) const {
    Instants when;
    for (const auto &one : since(from, slave)) {
        when.push_back(one.ms);
    }
    return when;
}

const Lacpdu &Lab::last(int slave) const {
    const auto found = std::ranges::find(sent.rbegin(), sent.rend(), slave, &Sent::slave);
    REQUIRE(found != sent.rend());
    return found->pdu;
}

std::vector<std::string> Lab::states(std::string_view machine, int since_ms, int slave) const {
    std::vector<std::string> found;
    for (const auto &transition : transitions) {
        if (transition.machine == machine && transition.slot == slave && transition.when >= Ms(since_ms)) {
            found.push_back(transition.to);
        }
    }
    return found;
}

int Lab::most_in_a_second(int slave) const {
    const auto when = instants(0, slave);
    int most = 0;
    for (auto first = when.begin(); first != when.end(); ++first) {
        const auto end = std::find_if(first, when.end(), [&](int ms) { return ms >= *first + 1000; });
        most = std::max(most, static_cast<int>(end - first));
    }
    return most;
}

Lab up(SystemOptions options) {
    Lab lab(1, options, {speed_10g});
    lab.run_to(100);
    lab.handshake({{1, partner_p()}});
    REQUIRE(lab.tx() == Slaves{1});
    return lab;
}

Lab fast_pair(int last) {
    auto options = defaults();
    options.fast_rate = true;
    Lab lab(1, options, {speed_10g});
    lab.run_to(100);
    lab.pdu(1, partner_p(), 0x07);
    lab.run_to(1000);
    lab.pdu(1, partner_p(), 0x07);
    lab.run_to(2200);
    lab.pdu(1, partner_p(), 0x3f);
    lab.run_to(3000);
    lab.pdus(1, partner_p(), 0x3f, 1000, last);
    REQUIRE(lab.tx() == Slaves{1});
    return lab;
}

} // namespace xbond::test
