// SPDX-License-Identifier: MIT
// What a bond holds and shows, and the state that it wants. Its behaviour is in the files named in bond.h.
#include "user/core/bond.h"

#include <algorithm>
#include <stdexcept>

#include "user/core/modes/registry.h"
#include "user/core/step.h"

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
    bond.carrier_ = std::ranges::any_of(bond.slaves_, [](const Slave &slave) { return slave.link == Link::up; });
    if (bond.pending_rejoin_ > 0) {
        bond.rejoin_at_ = now + Ms(1);
    }
    bond.restart_monitor(now + Ms(bond.options_.miimon_ms));
    return bond;
}

SavedBond Bond::save() const {
    return {name_,   options_, mac_,           mac_is_random_, admin_up_,      slaves_,
            active_, primary_, force_primary_, pending_notif_, pending_rejoin_};
}

Effects Bond::handle(const Event &event, Time now) {
    Step step{now, {}};
    std::visit([&](const auto &what) { on(what, step); }, event);
    return std::move(step.effects);
}

std::optional<Time> Bond::deadline() const {
    if (next_tick_ && rejoin_at_) {
        return std::min(*next_tick_, *rejoin_at_);
    }
    return next_tick_ ? next_tick_ : rejoin_at_;
}

Desired Bond::desired() const {
    const ModeView seen = view();
    const FallbackTable fallback = policy().fallback(seen);
    const ModeTraits &traits = policy().traits();
    Desired desired{.mode = options_.mode,
                    .policy = options_.xmit_hash_policy,
                    .packets_per_slave = options_.packets_per_slave,
                    .bond_mac = mac_,
                    .carrier = carrier_,
                    .active = active_,
                    .igmp = no_slot,
                    .pick = policy().pick(seen),
                    .slaves = {},
                    .xdp = options_.xdp,
                    .visibility = options_.visibility,
                    .carrier_watch_ms = options_.carrier_watch_ms};
    if (traits.igmp_on_active) {
        const auto usable = usable_slots(slaves_);
        desired.igmp = active_ != no_slot || usable.empty() ? active_ : usable.front();
    }
    for (const Slave &slave : slaves_) {
        desired.slaves.push_back({.slot = slave.slot,
                                  .ifindex = slave.ifindex,
                                  .mac = slave.mac,
                                  .queue_id = slave.link == Link::up ? slave.queue_id : std::uint16_t{0}, // 1.9
                                  .suppress = slave.inactive,
                                  .fallback = fallback.at(slave.slot),
                                  .carries_lists = !traits.has_primary || slave.slot == active_});
    }
    return desired;
}

void Bond::set_link(Step &step, Slave &slave, Link link, std::string cause) {
    if (slave.link != link) {
        step.report("link", slave.name, std::string(link_text(slave.link)), std::string(link_text(link)),
                    std::move(cause));
        slave.link = link;
    }
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
MacAddr Bond::mac() const { return mac_; }
bool Bond::carrier() const { return carrier_; }
bool Bond::admin_up() const { return admin_up_; }
std::uint32_t Bond::mtu() const { return mtu_; }
void Bond::set_mtu(std::uint32_t mtu) { mtu_ = mtu; }

} // namespace xbond::core
