// SPDX-License-Identifier: MIT
// What a bond holds and shows. Its behaviour is in the files named in bond.h.
#include "user/core/bond/bond.h"

#include <algorithm>
#include <stdexcept>

#include "user/core/bond/step.h"
#include "user/core/modes/registry.h"

namespace xbond::core {

std::string_view link_text(Link link) {
    constexpr std::string_view texts[] = {"up", "going down", "down", "going back"};
    return texts[static_cast<std::size_t>(link)];
}

Bond::Bond(std::string name, Options options, MacAddr mac, bool mac_is_random, std::uint32_t mtu)
    : name_(std::move(name)), options_(std::move(options)), mac_(mac), mac_is_random_(mac_is_random), mtu_(mtu) {
    (void)policy();
}

Bond Bond::restore(const SavedBond &saved, std::uint32_t mtu, Time now) {
    Bond bond(saved.name, saved.options, saved.mac, saved.mac_is_random, mtu);
    for (const Slave &slave : saved.slaves) {
        if (slave.slot < XB_MAX_SLAVES && bond.slave(slave.slot) == nullptr) {
            bond.slaves_.push_back(slave);
        }
    }
    const auto known = [&](SlotId slot) { return bond.slave(slot) == nullptr ? no_slot : slot; };
    bond.admin_up_ = saved.admin_up;
    bond.active_ = known(saved.active);
    bond.primary_ = known(saved.primary);
    bond.force_primary_ = saved.force_primary;
    bond.pending_notif_ = saved.pending_notif;
    bond.pending_rejoin_ = saved.pending_rejoin;
    bond.aggregation_carrier_ = saved.aggregation_carrier;
    bond.carrier_ = bond.wants_carrier();
    if (bond.pending_rejoin_ > 0) {
        bond.rejoin_at_ = now + Ms(1);
    }
    bond.restore_monitors(saved, now);
    return bond;
}

// Stamps that the data path left while nobody looked are not trusted: what they say is forgiven already.
void Bond::restore_monitors(const SavedBond &saved, Time now) {
    if (options_.miimon_ms == 0 || options_.arp_interval_ms == 0) { // one alone decides
        std::ranges::for_each(slaves_, [](Slave &slave) { slave.mii = slave.arp = slave.link; });
    }
    if (policy().traits().arp_on_active && active_ == no_slot && slave(saved.candidate) != nullptr) {
        candidate_ = saved.candidate;
    }
    target_since_.fill(now);
    forgive_silence(now);
    restart_monitor(now + Ms(options_.miimon_ms));
    restart_arp(now);
    sync_balance(now);
}

SavedBond Bond::save() const {
    return {name_,
            options_,
            mac_,
            mac_is_random_,
            admin_up_,
            slaves_,
            active_,
            primary_,
            force_primary_,
            pending_notif_,
            pending_rejoin_,
            candidate_,
            aggregation_carrier_};
}

Effects Bond::handle(const Event &event, Time now) {
    Step step{now, {}};
    std::visit([&](const auto &what) { on(what, step); }, event);
    return std::move(step.effects);
}

std::optional<Time> Bond::deadline() const {
    std::optional<Time> first;
    for (const auto &due : {next_tick_, next_arp_, rejoin_at_, balance_deadline()}) {
        if (due && (!first || *due < *first)) {
            first = due;
        }
    }
    return first;
}

void Bond::set_link(Step &step, Slave &slave, Link link, std::string cause) {
    if (slave.link != link) {
        // The candidate of a search comes and goes each interval: not what people watch links for.
        const bool searching = slave.slot == candidate_ && (link == Link::back || link == Link::fail);
        slave.reason = std::move(cause);
        step.report(searching ? "search" : "link", slave.name, std::string(link_text(slave.link)),
                    std::string(link_text(link)), slave.reason);
        slave.link = link;
    }
}

// What follows from the monitors that run.
Link Bond::verdict(const Slave &slave) const {
    if (options_.miimon_ms == 0) {
        return options_.arp_interval_ms == 0 ? slave.link : slave.arp;
    }
    if (options_.arp_interval_ms == 0) {
        return slave.mii;
    }
    return options_.monitors == Monitors::any ? monitor::better(slave.mii, slave.arp)
                                              : monitor::worse(slave.mii, slave.arp);
}

// The monitor runs while the bond is up and has slaves; its ticks keep the grid that starts here.
void Bond::restart_monitor(Time first_tick) {
    const bool runs = admin_up_ && options_.miimon_ms > 0 && !slaves_.empty();
    next_tick_ = runs ? std::optional(first_tick) : std::nullopt;
}

const ModePolicy &Bond::policy() const {
    const ModePolicy *policy = find_mode_policy(options_.mode);
    if (policy == nullptr) {
        throw std::invalid_argument("bond " + name_ + ": mode is not in this version of xbond");
    }
    return *policy;
}

ModeView Bond::view() const { return {slaves_, slave(active_), slave(primary_), options_}; }

const Slave *Bond::slave(SlotId slot) const {
    const auto found = std::ranges::find(slaves_, slot, &Slave::slot);
    return found == slaves_.end() ? nullptr : &*found;
}

Slave *Bond::find(SlotId slot) { return const_cast<Slave *>(slave(slot)); }

const Slave *Bond::slave(std::string_view name) const {
    const auto found = std::ranges::find(slaves_, name, &Slave::name);
    return found == slaves_.end() ? nullptr : &*found;
}

const std::string &Bond::name() const { return name_; }
const Options &Bond::options() const { return options_; }
const std::vector<Slave> &Bond::slaves() const { return slaves_; }
SlotId Bond::active() const { return active_; }
SlotId Bond::primary() const { return primary_; }
SlotId Bond::candidate() const { return candidate_; }
MacAddr Bond::mac() const { return mac_; }
bool Bond::carrier() const { return carrier_; }
bool Bond::admin_up() const { return admin_up_; }
std::uint32_t Bond::mtu() const { return mtu_; }
void Bond::set_mtu(std::uint32_t mtu) { mtu_ = mtu; }

} // namespace xbond::core
