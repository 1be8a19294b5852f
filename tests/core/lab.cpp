// SPDX-License-Identifier: MIT
#include "tests/core/lab.h"

#include <stdexcept>

namespace xbond::test {

MacAddr mac(std::uint8_t last) { return {{2, 0, 0, 0, 0, last}}; }

core::DeviceFacts device(std::string name, std::uint8_t mac_byte, bool carrier) {
    core::DeviceFacts facts;
    facts.name = std::move(name);
    facts.ifindex = 100U + mac_byte;
    facts.mac = mac(mac_byte);
    facts.carrier = carrier;
    facts.speed = 1000;
    facts.duplex = core::duplex_full;
    return facts;
}

Lab::Lab(const OptionList &options, bool mac_is_random, bool up)
    : bond{.name = "bond0", .mac = mac(bond_mac_byte), .mac_is_random = mac_is_random} {
    table.buckets.resize(core::balance::table_size);
    table.clients.resize(core::balance::table_size);
    OptionList request{{"resend_igmp", "0"}}; // so that every deadline is a tick
    request.insert(request.end(), options.begin(), options.end());
    auto done = core::set_options(bond, request, now);
    if (!done) {
        throw std::logic_error(done.error().message);
    }
    if (up) {
        handle(core::BondAdmin{true});
    }
    forget();
}

SlotId Lab::enslave(const std::string &name, bool carrier) { return enslave(device(name, next_mac_++, carrier)); }

SlotId Lab::enslave(const core::DeviceFacts &facts) {
    const auto plan = core::plan_enslave(bond, facts, mac(random_mac_byte));
    if (!plan) {
        throw std::logic_error(plan.error().message);
    }
    world_[facts.name] = {facts.carrier, facts.speed, facts.duplex};
    keep(core::enslave(bond, facts, *plan, now));
    return plan->slot;
}

void Lab::release(const std::string &name) {
    const auto plan = core::plan_release(bond, slot(name), mac(random_mac_byte));
    keep(core::release(bond, slot(name), plan.value(), now));
}

void Lab::speed(const std::string &name, std::uint32_t speed, std::uint8_t duplex) {
    world_.at(name).speed = speed;
    world_.at(name).duplex = duplex;
}

core::LinksObserved Lab::observe() const {
    core::LinksObserved all;
    for (const Slave &slave : bond.slaves) {
        const World &world = world_.at(slave.name);
        all.links.push_back({.slot = slave.slot,
                             .running = true,
                             .carrier = world.carrier,
                             .speed = world.speed,
                             .duplex = world.duplex,
                             .stamps = {.last_rx = world.last_rx, .target_rx = world.target_rx}});
    }
    return all;
}

void Lab::answers(std::size_t target, bool on) {
    if (on) {
        silent_targets_.erase(target);
    } else {
        silent_targets_.insert(target);
    }
}

// What the data path stamps when the targets answer.
void Lab::stamp(World &world) const {
    const core::Options &options = bond.options;
    for (std::size_t i = 0; i < options.arp_ip_targets.size(); ++i) {
        if (silent_targets_.count(i) == 0) {
            world.last_rx = now;
            world.target_rx[i] = options.arp_validate == core::ArpValidate::none ? world.target_rx[i] : now;
        }
    }
}

void Lab::probe(SlotId slot) {
    if (!can_probe_) {
        return;
    }
    if (world_.at(name_of(slot)).alive) {
        for (const Slave &slave : bond.slaves) {
            if (world_.at(slave.name).alive) {
                stamp(world_.at(slave.name));
            }
        }
    }
    handle(core::ProbesSent{slot});
}

void Lab::tell() {
    handle(observe());
    if (core::lacp_due(bond, now)) {
        handle(core::SlowFrames{{}, true});
    }
    if (core::balance_due(bond, now)) {
        handle(core::BalanceObserved{table, vlan_ids});
    }
}

// What the loader does with the shared tables.
void Lab::change(const core::balance::Changes &changes) {
    for (const auto &[slot, load] : changes.loads) {
        table.load.at(slot) = load;
    }
    table.unbalanced -= changes.unbalanced;
    for (const auto &release : changes.buckets) {
        auto &bucket = table.buckets.at(release.index);
        bucket = {bucket.tx_bytes - release.counted, release.history, no_slot};
    }
    for (const auto &change : changes.clients) {
        table.clients.at(change.index) = change.to;
    }
    table.last_given = changes.last_given.value_or(table.last_given);
}

void Lab::tick() {
    now = std::max(now, core::deadline(bond).value());
    tell();
}

void Lab::ticks(int count) {
    for (int i = 0; i < count; ++i) {
        tick();
    }
}

void Lab::walk(Time until) {
    while (core::deadline(bond) && *core::deadline(bond) <= until) {
        now = std::max(now, *core::deadline(bond));
        tell();
    }
    now = until;
}

void Lab::set(const std::string &option, const std::string &value) {
    const OptionValue wanted{option, value};
    auto done = core::set_options(bond, {&wanted, 1}, now);
    if (!done) {
        throw std::logic_error(done.error().message);
    }
    keep(*done);
}

int Lab::set_fails(const std::string &option, const std::string &value) {
    const OptionValue wanted{option, value};
    const auto done = core::set_options(bond, {&wanted, 1}, now);
    return done ? 0 : done.error().code;
}

void Lab::prio(const std::string &name, int value) {
    const OptionValue wanted{"prio", std::to_string(value)};
    keep(core::set_slave_options(bond, slot(name), {&wanted, 1}, now).value());
}

void Lab::handle(const core::Event &event) { keep(core::step(bond, event, now)); }

Result<void> Lab::ask(const OptionList &options) {
    XB_TRY(effects, core::set_options(bond, options, now));
    keep(*effects);
    return {};
}

Result<void> Lab::ask(const std::string &name, const OptionList &options) {
    XB_TRY(effects, core::set_slave_options(bond, slot(name), options, now));
    keep(*effects);
    return {};
}

int Lab::request(const OptionList &options) {
    const auto done = ask(options);
    return done ? 0 : done.error().code;
}

void Lab::keep(const Effects &effects) {
    for (const auto &effect : effects) {
        log.emplace_back(now, effect);
        if (const auto *probes = std::get_if<core::SendProbes>(&effect)) {
            probe(probes->slot);
        } else if (const auto *changes = std::get_if<core::balance::Changes>(&effect)) {
            change(*changes);
        }
    }
}

const Slave &Lab::slave(const std::string &name) const {
    const Slave *found = core::find_slave(bond, std::string_view(name));
    if (found == nullptr) {
        throw std::logic_error("no slave " + name);
    }
    return *found;
}

std::string Lab::name_of(SlotId slot) const {
    const Slave *found = core::find_slave(bond, slot);
    return found == nullptr ? "" : found->name;
}

std::string Lab::active() const { return name_of(bond.active); }
std::string Lab::primary() const { return name_of(bond.primary); }

std::vector<std::string> Lab::picks() const {
    std::vector<std::string> names;
    for (const SlotId slot : core::desired(bond).pick) {
        names.push_back(slot == no_slot ? "-" : name_of(slot));
    }
    return names;
}

std::string Lab::fallback(const std::string &name) const {
    for (const auto &slave : core::desired(bond).slaves) {
        if (slave.slot == slot(name)) {
            return name_of(slave.fallback);
        }
    }
    return "?";
}

bool Lab::suppressed(const std::string &name) const {
    for (const auto &slave : core::desired(bond).slaves) {
        if (slave.slot == slot(name)) {
            return slave.suppress;
        }
    }
    throw std::logic_error("no slave " + name);
}

namespace {
template <typename Kind> std::vector<int> times(const Lab &lab, Time origin) {
    std::vector<int> result;
    for (const auto &[when, effect] : lab.seen<Kind>()) {
        result.push_back(static_cast<int>((when - origin) / Ms(1)));
    }
    return result;
}
} // namespace

std::vector<int> Lab::announcements() const { return times<core::Announce>(*this, origin_); }
std::vector<int> Lab::rejoins() const { return times<core::RejoinMulticast>(*this, origin_); }

std::vector<std::string> Lab::probes() const {
    std::vector<std::string> sent;
    for (const auto &[when, effect] : seen<core::SendProbes>()) {
        sent.push_back(name_of(effect.slot) + " " + std::to_string((when - origin_) / Ms(1)));
    }
    return sent;
}

core::DesiredSlave Lab::desired(const std::string &name) const {
    for (const auto &slave : core::desired(bond).slaves) {
        if (slave.slot == slot(name)) {
            return slave;
        }
    }
    throw std::logic_error("no slave " + name);
}

void Lab::forget() {
    log.clear();
    origin_ = now;
}

} // namespace xbond::test
