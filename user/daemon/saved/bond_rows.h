// SPDX-License-Identifier: MIT
// What state.json says of the bonds.
#pragma once

#include "user/daemon/saved/fields.h"
#include "user/daemon/saved/saved_options.h"
#include "user/daemon/saved/saved_state.h"

namespace xbond::daemon::saved {

// The options of a bond and of a slave: from the rows of their tables.
template <> struct Codec<core::Options> {
    static json write(const core::Options &options) { return saved_options(options); }
    static core::Options read(const json &j) { return options_of(j); }
};
template <> struct Besides<core::Slave> {
    static void write_into(json &j, const core::Slave &slave) { save_slave_options(j, slave); }
    static void read_from(const json &j, core::Slave &slave) { load_slave_options(j, slave); }
};

template <>
inline constexpr auto rows<core::Slave> =
    std::tuple{field("slot", &core::Slave::slot, slot_or_none), field("ifindex", &core::Slave::ifindex),
               field("name", &core::Slave::name), field("perm_mac", &core::Slave::perm_mac),
               field("mac", &core::Slave::mac), field("running", &core::Slave::running),
               field("carrier", &core::Slave::carrier), field("speed", &core::Slave::speed),
               field("duplex", &core::Slave::duplex), field("link", &core::Slave::link, up_to(core::Link::back)),
               field("mii", &core::Slave::mii, up_to(core::Link::back)),
               field("arp", &core::Slave::arp, up_to(core::Link::back)), field("reason", &core::Slave::reason),
               field("delay", &core::Slave::delay), field("failures", &core::Slave::failures),
               field("last_link_up", &core::Slave::last_link_up), field("last_rx", &core::Slave::last_rx),
               field("last_tx", &core::Slave::last_tx), field("target_rx", &core::Slave::target_rx),
               field("backup", &core::Slave::backup), field("inactive", &core::Slave::suppressed),
               // A link whose carrier has just come waits anew.
               unsaved(&core::Slave::unsteady_since),
               // Its options have rows of their own.
               unsaved(&core::Slave::prio), unsaved(&core::Slave::queue_id), unsaved(&core::Slave::actor_port_prio)};

template <>
inline constexpr auto rows<core::SavedBond> =
    std::tuple{field("name", &core::SavedBond::name),
               field("options", &core::SavedBond::options),
               field("mac", &core::SavedBond::mac),
               field("mac_is_random", &core::SavedBond::mac_is_random),
               field("admin_up", &core::SavedBond::admin_up),
               field("slaves", &core::SavedBond::slaves),
               field("active", &core::SavedBond::active, slot_or_none),
               field("primary", &core::SavedBond::primary, slot_or_none),
               field("force_primary", &core::SavedBond::force_primary),
               field("pending_notif", &core::SavedBond::pending_notif),
               field("pending_rejoin", &core::SavedBond::pending_rejoin),
               field("candidate", &core::SavedBond::candidate, slot_or_none),
               field("aggregation_carrier", &core::SavedBond::aggregation_carrier)};

template <>
inline constexpr auto rows<SlaveFilters> =
    std::tuple{field("promisc", &SlaveFilters::promisc), field("allmulti", &SlaveFilters::allmulti),
               field("multicast", &SlaveFilters::multicast), unsaved(&SlaveFilters::nic)};

// Of what was done to the NIC only what cannot be seen there: which offloads were on. Not of earlier revisions.
template <> struct Besides<SlaveFilters> {
    static constexpr const char *key = "offloads_off";
    static void write_into(json &j, const SlaveFilters &filters) {
        if (!filters.nic.off.empty()) {
            j[key] = saved::write(filters.nic.off);
        }
    }
    static void read_from(const json &j, SlaveFilters &filters) {
        if (j.contains(key)) {
            filters.nic.off = saved::read<std::vector<std::string>>(j.at(key));
        }
    }
};

template <> struct Besides<SlaveOriginal> {
    static constexpr const char *key = "added";
    static void write_into(json &j, const SlaveOriginal &original) {
        if (original.added) {
            j[key] = saved::write(*original.added);
        }
    }
    static void read_from(const json &j, SlaveOriginal &original) {
        if (j.contains(key)) {
            original.added = saved::read<SlaveFilters>(j.at(key));
        }
    }
};

template <>
inline constexpr auto rows<SlaveOriginal> =
    std::tuple{field("name", &SlaveOriginal::name), field("ifindex", &SlaveOriginal::ifindex),
               field("mac", &SlaveOriginal::mac), field("mtu", &SlaveOriginal::mtu), field("up", &SlaveOriginal::up),
               field("promisc", &SlaveOriginal::promisc), field("allmulti", &SlaveOriginal::allmulti),
               field("multicast", &SlaveOriginal::multicast), field("sysctls", &SlaveOriginal::sysctls),
               // Not of earlier revisions.
               unsaved(&SlaveOriginal::added)};

template <>
inline constexpr auto rows<SavedChain> =
    std::tuple{field("id", &SavedChain::id), field("file", &SavedChain::file), field("program", &SavedChain::program),
               field("pin", &SavedChain::pin)};

template <>
inline constexpr auto rows<SavedPort> =
    std::tuple{field("name", &SavedPort::name), field("ifindex", &SavedPort::ifindex), field("own", &SavedPort::own),
               field("mac", &SavedPort::mac), field("vlan", &SavedPort::vlan),
               field("xdp", &SavedPort::xdp, up_to(XdpPolicy::off)), field("promisc", &SavedPort::promisc),
               // Not of earlier revisions, to which it is still a port.
               unsaved(&SavedPort::ending)};

template <> struct Besides<SavedPort> {
    static constexpr const char *key = "ending";
    static void write_into(json &j, const SavedPort &port) {
        if (port.ending) {
            j[key] = true;
        }
    }
    static void read_from(const json &j, SavedPort &port) {
        port.ending = j.contains(key) && saved::read<bool>(j.at(key));
    }
};

template <>
inline constexpr auto rows<Abode> =
    std::tuple{field("name", &Abode::name), field("cookie", &Abode::cookie), field("gone", &Abode::gone)};

template <> struct Besides<SavedController> {
    static constexpr const char *chain_key = "chain", *ports_key = "ports", *abode_key = "device_netns";
    static void write_into(json &j, const SavedController &bond) {
        if (bond.chain) {
            j[chain_key] = saved::write(*bond.chain);
        }
        if (bond.abode) {
            j[abode_key] = saved::write(*bond.abode);
        }
        if (!bond.ports.empty()) {
            j[ports_key] = saved::write(bond.ports);
        }
    }
    static void read_from(const json &j, SavedController &bond) {
        if (j.contains(chain_key)) {
            bond.chain = saved::read<SavedChain>(j.at(chain_key));
        }
        if (j.contains(abode_key)) {
            bond.abode = saved::read<Abode>(j.at(abode_key));
        }
        if (j.contains(ports_key)) {
            bond.ports = saved::read<std::vector<SavedPort>>(j.at(ports_key));
        }
    }
};

template <>
inline constexpr auto rows<SavedController> =
    std::tuple{spread(&SavedController::core), field("ifindex", &SavedController::ifindex),
               field("peer", &SavedController::peer), field("mtu", &SavedController::mtu),
               field("originals", &SavedController::originals),
               // Not of earlier revisions.
               unsaved(&SavedController::chain), unsaved(&SavedController::ports), unsaved(&SavedController::abode)};

template <>
inline constexpr auto rows<SavedState> =
    std::tuple{field("boot_id", &SavedState::boot_id), field("bonds", &SavedState::bonds)};

} // namespace xbond::daemon::saved
