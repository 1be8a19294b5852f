// SPDX-License-Identifier: MIT
// /proc/net/bonding/<bond>, byte for byte (`text.proc`). Monitoring tools parse these lines by order and label.
#include "user/core/lacp/aggregator.h"
#include "user/core/modes/traits.h"
#include "user/core/options/targets.h"
#include "user/show/render.h"
#include "user/show/render_util.h"

namespace xbond::show {

namespace {

std::string line(std::string_view label, std::string_view value) {
    return std::string(label) + ": " + std::string(value) + "\n";
}

std::string line(std::string_view label, std::uint32_t value) { return line(label, std::to_string(value)); }

std::string name_or_none(const BondView &bond, SlotId slot) {
    const auto *s = slave_in_slot(bond, slot);
    return s ? s->slave.name : "None";
}

std::string slave_text(const core::Slave &s) {
    std::string out = "\n" + line("Slave Interface", s.name) + line("MII Status", core::link_text(s.link));
    out += line("Speed", s.speed == core::speed_unknown ? "Unknown" : std::to_string(s.speed) + " Mbps");
    out += line("Duplex", s.duplex == core::duplex_full ? "full" : s.duplex == core::duplex_half ? "half" : "Unknown");
    out += line("Link Failure Count", s.failures) + line("Permanent HW addr", s.perm_mac.str());
    return out + line("Slave queue ID", s.queue_id);
}

template <typename Addr> std::string address_list(const std::vector<Addr> &addresses) {
    std::string out;
    for (const auto &address : addresses) {
        out += (out.empty() ? " " : ", ") + core::ip_text(address);
    }
    return out + "\n";
}

std::string arp_text(const core::Options &o) {
    if (o.arp_interval_ms == 0) {
        return "";
    }
    return line("ARP Polling Interval (ms)", o.arp_interval_ms) + line("ARP Missed Max", o.arp_missed_max) +
           "ARP IP target/s (n.n.n.n form):" + address_list(o.arp_ip_targets) +
           "NS IPv6 target/s (xx::xx form):" + address_list(o.ns_ip6_targets);
}

std::string actor_text(const lacp::PortInfo &info, std::string_view whose, std::string_view key) {
    return "details " + std::string(whose) + " lacp pdu:\n" + line("    system priority", info.system_priority) +
           line("    system mac address", info.system.str()) + line("    " + std::string(key), info.key) +
           line("    port priority", info.port_priority) + line("    port number", info.port) +
           line("    port state", info.state);
}

std::string port_text(const BondView &bond, SlotId slot) {
    const auto *port = bond.lacp->state.port(slot);
    if (port == nullptr || port->aggregator == 0) {
        return line("Aggregator ID", "N/A");
    }
    return line("Aggregator ID", port->aggregator) + line("Actor Churn State", lacp::name(port->actor_churn)) +
           line("Partner Churn State", lacp::name(port->partner_churn)) +
           line("Actor Churned Count", port->actor_churn_count) +
           line("Partner Churned Count", port->partner_churn_count) + actor_text(port->actor, "actor", "port key") +
           actor_text(port->partner, "partner", "oper key");
}

// What the kernel prints of a bond in mode 802.3ad.
std::string lacp_block(const BondView &bond) {
    const auto &state = bond.lacp->state;
    const auto &o = state.options;
    std::string out = "\n802.3ad info\n" + line("LACP active", o.active ? "on" : "off") +
                      line("LACP rate", o.fast_rate ? "fast" : "slow") + line("Min links", o.min_links) +
                      line("Aggregator selection policy (ad_select)", lacp::name(o.ad_select)) +
                      line("System priority", o.system_priority) + line("System MAC address", o.system().str());
    const auto *active = state.aggregator(state.active);
    if (active == nullptr) {
        return out + "bond " + bond.name + " has no active aggregator\n";
    }
    return out + "Active Aggregator Info:\n" + line("\tAggregator ID", active->id) +
           line("\tNumber of ports", lacp::figures_of(state, *active).up_ports) +
           line("\tActor Key", active->actor_key) + line("\tPartner Key", active->partner_key) +
           line("\tPartner Mac Address", active->partner_system.str());
}

std::string selection_text(const BondView &bond) {
    const auto &o = bond.options;
    std::string out;
    const core::ModeTraits &traits = core::traits(o.mode);
    if (traits.picks_by_hash(o.tlb_dynamic_lb)) {
        out += line("Transmit Hash Policy", std::string(core::policy_name(o.xmit_hash_policy)) + " (" +
                                                std::to_string(static_cast<int>(o.xmit_hash_policy)) + ")");
    }
    if (traits.has_primary) {
        std::string primary = name_or_none(bond, bond.primary);
        if (bond.primary != no_slot) {
            primary += " (primary_reselect " + std::string(core::name(o.primary_reselect)) + ")";
        }
        out += line("Primary Slave", primary) + line("Currently Active Slave", name_or_none(bond, bond.active));
    }
    return out;
}

} // namespace

std::string proc_text(const BondView &bond, const std::string &kernel_release) {
    const auto &o = bond.options;
    const core::ModeTraits &traits = core::traits(o.mode);
    std::string mode(traits.proc_text);
    if (traits.address_follows_active && o.fail_over_mac != core::FailOverMac::none) {
        mode += " (fail_over_mac " + std::string(core::name(o.fail_over_mac)) + ")";
    }
    std::string out = "Ethernet Channel Bonding Driver: v" + kernel_release + "\n\n" + line("Bonding Mode", mode);
    out += selection_text(bond);
    out += line("MII Status", bond.carrier ? "up" : "down");
    out += line("MII Polling Interval (ms)", o.miimon_ms);
    out += line("Up Delay (ms)", o.updelay_ms()) + line("Down Delay (ms)", o.downdelay_ms());
    out += line("Peer Notification Delay (ms)", o.peer_notif_delay_ms());
    out += arp_text(o);
    if (bond.lacp) {
        out += lacp_block(bond);
    }
    for (const auto &s : bond.slaves) {
        out += slave_text(s.slave);
        out += bond.lacp ? port_text(bond, s.slave.slot) : "";
    }
    return out;
}

} // namespace xbond::show
