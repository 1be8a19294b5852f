// SPDX-License-Identifier: MIT
#include "user/cli/migrate/plan.h"

#include <algorithm>
#include <cmath>

#include "user/core/modes/traits.h"

namespace xbond::cli::migrate {

namespace {

constexpr std::string_view word(Side side) { return side == Side::kernel ? "kernel" : "xbond"; }

// Half of them, the active one last: those that can take the traffic over come first.
std::pair<std::vector<SlaveSeen>, std::vector<SlaveSeen>> in_two(std::vector<SlaveSeen> slaves) {
    std::ranges::stable_sort(slaves, {}, [](const SlaveSeen &s) { return s.active ? 2 : s.usable ? 0 : 1; });
    const auto usable = static_cast<std::size_t>(std::ranges::count(slaves, true, &SlaveSeen::usable));
    const auto first = static_cast<std::ptrdiff_t>(usable / 2);
    return {{slaves.begin(), slaves.begin() + first}, {slaves.begin() + first, slaves.end()}};
}

// A bond that is down, or a slave without a link, is not waited for.
bool awaited(const Snapshot &of, const std::string &slave) {
    const auto found = std::ranges::find(of.slaves, slave, &SlaveSeen::name);
    return of.up && found != of.slaves.end() && found->usable;
}

// The bond that a slave is to have after the undo is the one that has the old name by then.
struct Inverse {
    const Snapshot &of;

    std::vector<Step> operator()(const Make &s) const { return {Remove{s.side, s.name}}; }
    std::vector<Step> operator()(const Release &s) const {
        std::vector<Step> out{Enslave{s.side, s.bond, s.slave}};
        if (awaited(of, s.slave)) {
            out.push_back(Await{s.side, s.bond, s.slave});
        }
        return out;
    }
    std::vector<Step> operator()(const Enslave &s) const { return {Release{s.side, s.bond, s.slave}}; }
    std::vector<Step> operator()(const Rename &s) const { return {Rename{s.to, s.from}}; }
    std::vector<Step> operator()(const MakeVlan &s) const { return {Drop{s.name}}; }
    std::vector<Step> operator()(const Carry &s) const {
        Carry back;
        Look look;
        for (const auto &[from, to] : s.devices) {
            back.devices.emplace_back(to, from);
            look.devices.push_back(to);
        }
        return {look, back};
    }
    template <typename T> std::vector<Step> operator()(const T &) const { return {}; }
};

struct Text {
    const Snapshot &of;

    std::string operator()(const Make &s) const {
        return "make the " + std::string(word(s.side)) + " bond " + s.name + ", mode " +
               std::string(core::traits(of.mode).keyword);
    }
    std::string operator()(const Prepare &s) const { return "set up " + s.device + " as " + s.like; }
    std::string operator()(const Release &s) const { return s.slave + " leaves " + s.bond; }
    std::string operator()(const Enslave &s) const { return s.slave + " becomes a slave of " + s.bond; }
    std::string operator()(const Await &s) const {
        return s.slave.empty() ? "wait until " + s.bond + " can send" : "wait for the link of " + s.slave;
    }
    std::string operator()(const Look &) const { return "look again at what is to be carried"; }
    std::string operator()(const Rename &s) const {
        return "rename " + s.from + " to " + s.to + (of.live_rename ? "" : " (down for a moment)");
    }
    std::string operator()(const MakeVlan &s) const { return "make the VLAN device " + s.name + " on " + s.below; }
    std::string operator()(const Drop &s) const { return "delete " + s.name; }
    std::string operator()(const Carry &s) const {
        std::string out = "carry addresses, neighbours and routes over:";
        for (const auto &[from, to] : s.devices) {
            out += " " + from + " -> " + to;
        }
        return out;
    }
    std::string operator()(const Announce &) const { return "announce the addresses"; }
    std::string operator()(const Remove &s) const {
        return "delete the " + std::string(word(s.side)) + " bond " + s.name;
    }
    std::string operator()(const Restore &s) const { return "give " + s.name + " back what it had"; }
};

Pause pause_of(std::span<const Sample> samples, std::int64_t begun, std::uint64_t Sample::*counter) {
    constexpr double ms = 1e6, second = 1e9;
    Pause out;
    if (samples.empty()) {
        return out;
    }
    const Sample *last_before = &samples.front();
    for (const auto &s : samples) {
        last_before = s.ns <= begun ? &s : last_before;
    }
    const auto time = static_cast<double>(last_before->ns - samples.front().ns);
    if (time > 0) {
        out.packets_per_s = static_cast<double>(last_before->*counter - samples.front().*counter) * second / time;
    }
    if (out.packets_per_s <= 0) {
        return out;
    }
    // From the last look that saw the counters move to the next that does; slaves that come and go may set them back.
    std::int64_t moved = last_before->ns;
    const Sample *previous = last_before;
    for (const Sample *s = last_before + 1; s < samples.data() + samples.size(); ++s) {
        if (s->*counter > previous->*counter) {
            out.longest_ms = std::max(out.longest_ms, static_cast<double>(s->ns - moved) / ms);
            moved = s->ns;
        }
        previous = s;
    }
    out.longest_ms = std::max(out.longest_ms, static_cast<double>(previous->ns - moved) / ms);
    out.lost = std::max(0.0, out.longest_ms / 1000 * out.packets_per_s - 1);
    return out;
}

} // namespace

std::string away_name(std::uint32_t ifindex) { return "xbo" + std::to_string(ifindex); }
std::string fresh_name(std::uint32_t ifindex) { return "xbn" + std::to_string(ifindex); }

std::string text(const Step &step, const Snapshot &of) { return std::visit(Text{of}, step); }

std::vector<Step> plan(const Snapshot &s) {
    const Side to = other(s.from);
    const auto away = away_name(s.ifindex);
    const auto [first, rest] = in_two(s.slaves);
    std::vector<Step> out;
    std::string old = s.bond, made = s.bond;
    const auto rename_old = [&] {
        out.push_back(Rename{old, away});
        old = away;
    };
    const auto move = [&](const std::vector<SlaveSeen> &slaves) {
        for (const auto &slave : slaves) {
            out.insert(out.end(), {Release{s.from, old, slave.name}, Enslave{to, made, slave.name}});
            if (awaited(s, slave.name)) {
                out.push_back(Await{to, made, slave.name});
            }
        }
    };
    // What filters and rules by the bond's name sees it under that name for as long as the kernel allows.
    if (s.live_rename) {
        made = fresh_name(s.ifindex);
    } else {
        rename_old();
    }
    out.insert(out.end(), {Make{to, made}, Prepare{old, made}});
    move(first);
    if (!first.empty() && s.up) {
        out.push_back(Await{to, made, ""});
    }
    Look look{{old}};
    for (const auto &vlan : s.vlans) {
        look.devices.push_back(vlan.name);
    }
    out.push_back(look);
    if (s.live_rename) {
        rename_old();
        out.push_back(Rename{made, s.bond});
        made = s.bond;
    }
    Carry carry{{{old, made}}};
    Announce announce{{made}};
    for (const auto &vlan : s.vlans) {
        const auto vlan_away = away_name(vlan.ifindex);
        out.insert(out.end(), {Rename{vlan.name, vlan_away}, MakeVlan{vlan.name, vlan.below, vlan_away},
                               Prepare{vlan_away, vlan.name}});
        carry.devices.emplace_back(vlan_away, vlan.name);
        announce.devices.push_back(vlan.name);
    }
    out.push_back(carry);
    if (!first.empty() && s.up) {
        out.push_back(announce);
    }
    move(rest);
    if (first.empty() && s.up && std::ranges::count(rest, true, &SlaveSeen::usable) != 0) {
        out.insert(out.end(), {Await{to, made, ""}, announce});
    }
    out.push_back(Remove{s.from, old});
    return out;
}

std::vector<Step> undo(std::span<const Step> done, const Snapshot &s) {
    std::vector<Step> out;
    for (auto step = done.rbegin(); step != done.rend(); ++step) {
        auto back = std::visit(Inverse{s}, *step);
        out.insert(out.end(), back.begin(), back.end());
    }
    out.push_back(Restore{s.bond});
    return out;
}

Expected expected(const Snapshot &s) {
    // One batch of netlink and two renames; a device that is set down waits for RCU.
    constexpr unsigned live_cut = 20, cut_with_downs = 300, for_each_vlan = 10, notice = 100, virtual_link = 1000,
                       hardware_link = 5000;
    const auto cut = (s.live_rename ? live_cut : cut_with_downs) +
                     for_each_vlan * static_cast<unsigned>(s.vlans.size()) * (s.live_rename ? 1 : 10);
    const auto [first, rest] = in_two(s.slaves);
    Expected out{cut, cut, "while names, addresses and routes change devices"};
    if (first.empty()) {
        const bool hardware = std::ranges::any_of(s.slaves, &SlaveSeen::hardware);
        out.sent_ms += hardware ? hardware_link : virtual_link;
        out.received_ms = out.sent_ms;
        out.why += ", and until the only slave with a link is taken over and its link is back";
    } else if (const auto &t = core::traits(s.mode); !t.has_primary) {
        out.received_ms += notice;
        out.why += "; to receive, until the other side notices that a slave's link is down";
    }
    return out;
}

Measured measured(std::span<const Sample> samples, std::int64_t begun) {
    return {pause_of(samples, begun, &Sample::sent), pause_of(samples, begun, &Sample::received)};
}

} // namespace xbond::cli::migrate
