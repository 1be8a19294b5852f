// SPDX-License-Identifier: MIT
// A day of each mode in virtual time, or a week: links, LACPDUs, ARP answers, options, renames, devices that come and
// go, and controllers that are replaced, all at random from a fixed seed. What always holds is looked at after every
// event.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "user/core/bond/bond.h"

using namespace xbond;
using namespace std::chrono_literals;
using core::OptionValue;

namespace {

#ifdef XB_WEEK
#define XB_SOAK "soak: a week"
constexpr int days = 7;
#else
#define XB_SOAK "soak: a day"
constexpr int days = 1;
#endif

struct Device {
    std::string name;
    std::uint32_t ifindex = 0;
    MacAddr mac;
    bool carrier = true, answers = true; // whether what is behind it hears ARP probes
    std::uint32_t speed = 1000;
    Time last_rx{};
};

MacAddr mac(unsigned kind, unsigned n) {
    return {
        {2, 0, 0, static_cast<std::uint8_t>(kind), static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)}};
}

// One bond and its devices. A frame of LACP goes to the cable, if there is a partner.
class Host {
public:
    using Cable = std::function<void(std::size_t device, const wire::Frame &)>;

    Host(unsigned number, Mode mode, std::mt19937 &random, Cable cable)
        : random_(random), number_(number), cable_(std::move(cable)) {
        bond_.name = "bond0";
        bond_.mac = mac(0xb0 + number, 0);
        set({{"mode", std::to_string(static_cast<int>(mode))}, {"miimon", "500"}});
        for (unsigned n = 0; n < 4; ++n) {
            devices_.push_back(fresh_device(n));
        }
        handle(core::BondAdmin{true});
    }

    Time now{1s};

    bool set(std::vector<OptionValue> options) {
        auto done = core::set_options(bond_, options, now);
        if (done) {
            take(std::move(*done));
        }
        return done.has_value();
    }

    void handle(const core::Event &event) { take(core::step(bond_, event, now)); }

    // Everything that is due; the deadline is later after it.
    void run_due() {
        for (int turn = 0; core::deadline(bond_) && *core::deadline(bond_) <= now; ++turn) {
            REQUIRE(turn < 4);
            look();
        }
    }

    void look() {
        core::LinksObserved seen;
        for (const auto &slave : bond_.slaves) {
            const Device &device = device_of(slave.ifindex);
            core::LinkObservation link{.slot = slave.slot, .running = true, .carrier = device.carrier};
            link.speed = device.speed;
            link.duplex = core::duplex_full;
            link.stamps.last_rx = device.last_rx;
            link.stamps.target_rx.fill(device.last_rx);
            seen.links.push_back(link);
        }
        handle(seen);
        if (core::lacp_due(bond_, now)) {
            handle(core::SlowFrames{{}, true});
        }
        if (core::balance_due(bond_, now)) {
            handle(core::BalanceObserved{table_, {}});
        }
    }

    void deliver(std::size_t device, const wire::Frame &frame) {
        const auto slave = std::ranges::find(bond_.slaves, devices_.at(device).ifindex, &core::Slave::ifindex);
        if (slave != bond_.slaves.end() && devices_.at(device).carrier) {
            core::SlowFrames frames;
            frames.frames.push_back({slave->slot, frame, now});
            handle(frames);
        }
    }

    void happen() { // something
        const auto n = below(devices_.size());
        Device &device = devices_[n];
        auto *slave = slave_of(device);
        switch (below(14)) {
        case 0:
        case 1:
        case 2:
            device.carrier = below(3) != 0;
            below(2) == 0 ? look() : void(); // told, or found by the monitor
            break;
        case 3:
            device.answers = below(3) != 0;
            break;
        case 4:
            device.speed = below(2) == 0 ? 1000 : 10000;
            look();
            break;
        case 5:
        case 6:
            slave == nullptr ? enslave(device) : void();
            break;
        case 7:
            slave != nullptr ? release(device) : void();
            break;
        case 8:
            if (slave != nullptr) {
                device.name = "r" + std::to_string(below(1000)) + "x" + std::to_string(n);
                handle(core::SlaveRenamed{slave->slot, device.name});
            }
            break;
        case 9:
            some_option();
            break;
        case 10:
            below(2) == 0      ? handle(core::BondMacSet{mac(0xc0, below(1000))})
            : slave == nullptr ? void()
                               : handle(core::SlaveMacSet{slave->slot, mac(0xd0, below(1000))});
            break;
        case 11:
            succeed_controller();
            break;
        case 12: // moved away or pulled out: another one comes in its place
            slave != nullptr ? release(device) : void();
            devices_[n] = fresh_device(static_cast<unsigned>(n));
            break;
        default:
            handle(core::BondAdmin{below(4) != 0});
            break;
        }
    }

    void calm_down() {
        handle(core::BondAdmin{true});
        for (auto &device : devices_) {
            device.carrier = device.answers = true;
            device.speed = 1000;
            if (slave_of(device) == nullptr) {
                enslave(device);
            }
        }
        look(); // there may be no monitor that would
    }

    void look_for_trouble() {
        std::set<SlotId> slots;
        unsigned active = 0;
        for (const auto &slave : bond_.slaves) {
            REQUIRE(slots.insert(slave.slot).second);
            active += slave.backup ? 0 : 1;
        }
        const auto lives = [&](SlotId slot) { return slot == no_slot || slots.contains(slot); };
        REQUIRE(lives(bond_.active));
        REQUIRE(lives(bond_.primary));
        REQUIRE(lives(bond_.candidate));
        if (bond_.options.mode == Mode::active_backup) {
            REQUIRE(active <= 1);
            REQUIRE((active == 1 || bond_.active == no_slot)); // without an active one: the ARP monitor's candidate
        }
        REQUIRE(bond_.published.has_value());
        const auto &table = *bond_.published;
        for (const auto slot : table.pick) {
            REQUIRE(lives(slot));
        }
        REQUIRE(lives(table.active));
        REQUIRE(table.slaves.size() == bond_.slaves.size());
        for (const auto &slave : table.slaves) {
            REQUIRE(slots.contains(slave.slot));
            REQUIRE(lives(slave.fallback));
        }
        if (bond_.slaves.empty()) {
            REQUIRE_FALSE(table.carrier);
        }
    }

    // Of a second: no storm of anything.
    void end_second() {
        const auto slaves = std::max<std::size_t>(1, bond_.slaves.size());
        constexpr std::size_t rounds = 1000 / 500 + 2; // of the one arp_interval that there is
        REQUIRE(probes_ <= 2 * slaves * rounds);
        REQUIRE(slow_ <= 8 * devices_.size());
        probes_ = slow_ = 0;
    }

    const core::BondState &bond() const { return bond_; }

    // What a controller that starts now, and waits, would have in its tables.
    core::Desired as_fresh() const {
        Host fresh(*this);
        fresh.cable_ = [](std::size_t, const wire::Frame &) {};
        fresh.succeed_controller();
        const Time patience = bond_.lacp ? Time(1500ms) : Time(5s); // a partner that it cannot hear expires in 3 s
        for (const Time end = now + patience; fresh.now < end;
             fresh.now = std::max(fresh.now, next(fresh.bond_, end))) {
            fresh.hear_arp();
            fresh.run_due();
        }
        return core::desired(fresh.bond_);
    }

    void hear_arp() {
        for (auto &device : devices_) {
            if (device.carrier && device.answers && bond_.options.arp_interval_ms > 0) {
                device.last_rx = now;
            }
        }
    }

    static Time next(const core::BondState &bond, Time latest) {
        return std::min(core::deadline(bond).value_or(latest), latest);
    }

private:
    unsigned below(std::size_t n) { return static_cast<unsigned>(random_() % n); }

    Device fresh_device(unsigned n) {
        ++made_;
        return {.name = "e" + std::to_string(n), .ifindex = 10 + made_, .mac = mac(number_, made_)};
    }

    Device &device_of(std::uint32_t ifindex) { return *std::ranges::find(devices_, ifindex, &Device::ifindex); }

    core::Slave *slave_of(const Device &device) {
        const auto found = std::ranges::find(bond_.slaves, device.ifindex, &core::Slave::ifindex);
        return found == bond_.slaves.end() ? nullptr : &*found;
    }

    void enslave(const Device &device) {
        core::DeviceFacts facts;
        facts.name = device.name;
        facts.ifindex = device.ifindex;
        facts.mac = device.mac;
        facts.carrier = device.carrier;
        facts.speed = device.speed;
        facts.duplex = core::duplex_full;
        facts.can_set_mac = below(20) != 0;
        if (const auto plan = core::plan_enslave(bond_, facts, mac(0xaa, made_))) {
            take(core::enslave(bond_, facts, *plan, now));
        }
    }

    void release(const Device &device) {
        const auto slot = slave_of(device)->slot;
        const auto plan = core::plan_release(bond_, slot, mac(0xab, made_));
        REQUIRE(plan);
        take(core::release(bond_, slot, *plan, now));
    }

    void succeed_controller() {
        const auto saved = core::save(bond_);
        const auto lacp = bond_.lacp ? std::optional(bond_.lacp->save()) : std::nullopt;
        bond_ = core::restore(saved, bond_.mtu, now);
        const auto restored = core::save(bond_);
        REQUIRE(restored.active == saved.active);
        REQUIRE(restored.primary == saved.primary);
        REQUIRE(restored.slaves.size() == saved.slaves.size());
        REQUIRE((restored.options == saved.options));
        if (lacp) {
            REQUIRE(core::restore_lacp(bond_, *lacp, now));
        }
        handle(core::SlowFrames{});
        look();
    }

    void some_option() {
        static const std::vector<std::pair<std::string, std::vector<std::string>>> values{
            {"miimon", {"0", "100", "500", "1000"}},
            {"updelay", {"0", "1000"}},
            {"downdelay", {"0", "1000"}},
            {"arp_interval", {"0", "500"}},
            {"arp_ip_target", {"+192.0.2.1", "-192.0.2.1"}},
            {"arp_validate", {"none", "all", "active"}},
            {"primary", {"e0", "e1", ""}},
            {"primary_reselect", {"always", "better", "failure"}},
            {"active_slave", {"e0", "e1", "e2", ""}},
            {"fail_over_mac", {"none", "active", "follow"}},
            {"num_grat_arp", {"0", "1", "5"}},
            {"resend_igmp", {"0", "1", "3"}},
            {"lacp_rate", {"slow", "fast"}},
            {"min_links", {"0", "1", "2"}},
            {"ad_select", {"stable", "bandwidth", "count"}},
            {"all_slaves_active", {"0", "1"}},
            {"xmit_hash_policy", {"layer2", "layer3+4"}},
        };
        const auto &[name, choice] = values[below(values.size())];
        (void)set({{name, choice[below(choice.size())]}});
    }

    void take(core::Effects &&effects) {
        for (const auto &effect : effects) {
            if (const auto *slow = std::get_if<core::SendSlow>(&effect)) {
                ++slow_;
                if (const auto *slave = core::find_slave(std::as_const(bond_), slow->slot)) {
                    const auto at = std::ranges::find(devices_, slave->ifindex, &Device::ifindex) - devices_.begin();
                    cable_(static_cast<std::size_t>(at), slow->bytes);
                }
            } else if (const auto *probe = std::get_if<core::SendProbes>(&effect)) {
                ++probes_;
                sent_.push_back(probe->slot);
            }
        }
        for (auto sent = std::exchange(sent_, {}); const auto slot : sent) {
            handle(core::ProbesSent{slot});
        }
    }

    std::mt19937 &random_;
    unsigned number_, made_ = 0;
    Cable cable_;
    core::BondState bond_;
    core::balance::Table table_ = [] {
        core::balance::Table table;
        table.buckets.resize(core::balance::table_size);
        table.clients.resize(core::balance::table_size);
        return table;
    }();
    std::vector<Device> devices_;
    std::vector<SlotId> sent_;
    std::size_t probes_ = 0, slow_ = 0;
};

} // namespace

TEST_CASE(XB_SOAK " of anything leaves every mode whole, and what quiet makes of it is what a start would") {
    const auto mode = GENERATE(range(0, 7));
    INFO("mode " << mode);
    std::mt19937 random(static_cast<unsigned>(1000 + mode)); // NOLINT: the same week every time
    std::vector<std::pair<std::size_t, std::vector<std::uint8_t>>> wires[2];
    const auto cable_to = [&](std::size_t side) {
        return [&, side](std::size_t device, const wire::Frame &frame) {
            wires[side].emplace_back(device, std::vector<std::uint8_t>(frame.begin(), frame.end()));
        };
    };
    Host hosts[2]{{0, static_cast<Mode>(mode), random, cable_to(1)}, {1, Mode::ieee8023ad, random, cable_to(0)}};
    Host &host = hosts[0], &partner = hosts[1];
    partner.calm_down();
    const bool lacp = static_cast<Mode>(mode) == Mode::ieee8023ad;
    const Time start = host.now, end = start + days * 24h;
    Time next_event = start, next_second = start + 1s, next_quiet = start + 6h;
    unsigned events = 0, quiet = 0;
    while (host.now < end) {
        host.hear_arp();
        for (std::size_t side = 0; side < 2; ++side) {
            for (auto waiting = std::exchange(wires[side], {}); const auto &[device, bytes] : waiting) {
                if (random() % 20 != 0 && (side == 0 || lacp)) { // some are lost
                    hosts[side].deliver(device, wire::Frame(bytes.begin(), bytes.end()));
                }
            }
        }
        if (host.now >= next_event) {
            host.happen();
            ++events;
            next_event = host.now + Ms(random() % 60'000);
        }
        host.run_due();
        lacp ? partner.run_due() : void();
        host.look_for_trouble();
        if (host.now >= next_second) {
            host.end_second();
            partner.end_second();
            next_second = host.now + 1s;
        }
        if (host.now >= next_quiet) { // until then: three minutes
            host.calm_down();
            next_event = host.now + 3min;
            next_quiet = host.now + 6h;
            ++quiet;
        }
        Time next = std::min({next_event, next_second, Host::next(host.bond(), next_event)});
        if (lacp) {
            next = std::min(next, Host::next(partner.bond(), next));
        }
        next = wires[0].empty() && wires[1].empty() ? std::max(next, host.now) : host.now + 1ms;
        if (next == next_event && quiet > 0 && next_quiet - next > 5h + 56min) {
            const auto fresh = host.as_fresh();
            const auto now = core::desired(host.bond());
            CHECK(now.carrier == fresh.carrier);
            CHECK(now.active == fresh.active);
            CHECK(now.pick == fresh.pick);
        }
        host.now = partner.now = next;
    }
    CHECK(events > days * 2'000U);
    CHECK(quiet >= days * 3U);
}
