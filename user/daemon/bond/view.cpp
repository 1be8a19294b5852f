// SPDX-License-Identifier: MIT
// A bond's part of the snapshot.
#include <algorithm>

#include "user/core/modes/traits.h"
#include "user/core/options/targets.h"
#include "user/daemon/bond/controller.h"
#include "user/daemon/traffic/balancer.h"

namespace xbond::daemon {
namespace {

std::optional<Time> age(Time then, Time now) { return then > Time{} ? std::optional(now - then) : std::nullopt; }

// Both lists share the stamps by position (`arp.times`).
template <typename Addr>
void add_targets(std::vector<show::TargetView> &views, const std::vector<Addr> &targets, const core::Slave &slave,
                 const Prober &prober, Time now) {
    for (std::size_t i = 0; i < targets.size(); ++i) {
        views.push_back({core::ip_text(targets[i]), age(slave.target_rx.at(i), now), prober.round_trip(slave, i)});
    }
}

} // namespace

show::BondView BondController::view() const {
    show::BondView v;
    const auto desired = core::desired(bond_);
    const auto counters = path_->counters();
    v.name = name();
    if (const auto *link = device_.links(host_).find(device_.ifindex())) {
        v.device = *link;
        const auto *master = link->master == 0 ? nullptr : device_.links(host_).find(link->master);
        v.master = master == nullptr ? "" : master->name;
    }
    v.options = bond_.options;
    v.mac = bond_.mac;
    v.carrier = bond_.carrier;
    v.admin_up = bond_.admin_up;
    v.active = bond_.active;
    v.primary = bond_.primary;
    v.pick = desired.pick;
    v.counters = counters.bond;
    v.visibility_now = applier_.full_visibility(desired) ? "full" : "fast";
    auto &onlookers = v.visibility_now == "fast" ? v.bypassed : v.visibility_why;
    if (const auto &where = device_.elsewhere()) {
        v.netns = show::NetnsView{where->abode().name, where->abode().cookie, where->nsid(), false};
    } else if (abode_) {
        v.netns = show::NetnsView{abode_->name, abode_->cookie, -1, abode_->gone};
    }
    if (v.visibility_now == "fast" || desired.visibility == Visibility::automatic || device_.elsewhere()) {
        onlookers = applier_.onlookers();
    }
    v.carrier_check = loader::name(path_->carrier_check());
    v.hook = path_->hook();
    v.watch_runs = path_->watch_runs();
    v.history.assign(history_.begin(), history_.end());
    if (bond_.lacp) {
        v.lacp = lacp_view();
    }
    if (core::traits(v.options.mode).balances_load) {
        v.balance = balance_table(*path_);
    }
    if (const auto &runs = applier_.slave_xdp().chained(); runs && chain_) {
        v.chained = show::ChainedView{runs->id, chain_->file, chain_->program, chain_->pin, runs->frags};
    }
    v.ports = ports_.views();
    v.ports_by_xdp = path_->forwards_by_xdp();
    for (const auto &slave : bond_.slaves) {
        auto &s = v.slaves.emplace_back(view_of(slave, desired));
        s.counters = counters.slot[slave.slot];
    }
    return v;
}

// All but the counters.
show::SlaveView BondController::view_of(const core::Slave &slave, const core::Desired &desired) const {
    show::SlaveView s;
    const auto now = sys::now();
    s.slave = slave;
    if (const auto *link = host_.links.find(slave.ifindex)) {
        s.device = *link;
    }
    if (const auto &options = bond_.options; options.arp_interval_ms > 0) {
        s.heard_age = age(slave.last_rx, now);
        s.probe_age = age(slave.last_tx, now);
        add_targets(s.targets, options.arp_ip_targets, slave, prober_, now);
        add_targets(s.targets, options.ns_ip6_targets, slave, prober_, now);
    }
    s.active = slave.slot == bond_.active;
    s.primary = slave.slot == bond_.primary;
    s.driver = links_.driver(slave.slot);
    const auto &xdp = applier_.xdp(slave.slot);
    using Attached = loader::XdpState::Attached;
    s.xdp = xdp.attached == Attached::native ? "native" : xdp.attached == Attached::generic ? "generic" : "none";
    s.xdp_why = xdp.why;
    s.xdp_chained = chain_ && xdp.attached != Attached::none;
    s.receives_by_xdp = applier_.by_xdp(slave.slot);
    if (bond_.options.receive == core::ReceivePath::xdp && !s.receives_by_xdp) {
        s.receives_why = applier_.why_not_by_xdp(slave.slot);
    }
    if (const auto *nic = applier_.filters().switches(slave.ifindex)) {
        s.nic = {text(nic->vlans), nic->off, nic->why};
    }
    for (const auto &d : desired.slaves) {
        if (d.slot == slave.slot) {
            s.published = d;
        }
    }
    for (const auto &original : originals_) {
        if (original.ifindex == slave.ifindex) {
            s.saved_mtu = original.mtu;
        }
    }
    return s;
}

show::LacpView BondController::lacp_view() const {
    show::LacpView view{bond_.lacp->save(), slow_.views(), published_, sys::now()};
    for (auto &[slot, port] : view.ports) {
        if (const auto *last = bond_.lacp->last_transition(slot)) {
            port.last_transition = *last;
        }
    }
    return view;
}

Result<show::LacpHistory> BondController::lacp_history() const {
    if (!bond_.lacp) {
        return fail(EOPNOTSUPP,
                    name() + " does not speak LACP: its mode is " + std::string(core::mode_name(bond_.options.mode)));
    }
    show::LacpHistory all;
    for (const auto &slave : bond_.slaves) {
        for (const auto *records : {&bond_.lacp->received(slave.slot), &bond_.lacp->sent(slave.slot)}) {
            for (const auto &record : *records) {
                all.push_back({slave.name, record});
            }
        }
    }
    std::ranges::stable_sort(all, {}, [](const auto &entry) { return entry.record.when; });
    return all;
}

} // namespace xbond::daemon
